"""Who is blamed, and which evidence is here: what ``peerd blame`` shows of a store."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from peerd.identity import peer_id_of
from peerd.runner.succession.lineage import Epoch, epoch_of, heir
from peerd.storage import Store
from protocols.record.evidence import evidence_hash

MISSING = "convicted by a certificate of a round that this peer missed"


def blamed(
    store: Store, epochs: Sequence[Epoch], guilty: Collection[bytes]
) -> list[dict[str, Any]]:
    """By round, with the key and the name that each had then; at the end those of ``guilty``, whom
    certificates convict, against whom nothing is here.
    """
    known = store.blames()
    keys = [epoch_of(epochs, each.round).genesis.roster[each.peer] for each in known]
    shown = [
        {
            "round": each.round,
            **_who(epochs, key),
            "reason": each.reason,
            "evidence": evidence_hash(each.evidence).hex(),
            "transcript": store.has_transcript(each.round),
        }
        for each, key in zip(known, keys, strict=True)
    ]
    here = {_now(epochs, key) for key in keys}
    shown += [
        {
            "round": None,
            **_who(epochs, key),
            "reason": MISSING,
            "evidence": None,
            "transcript": False,
        }
        for key in sorted({_now(epochs, key) for key in guilty} - here)
    ]
    return [{"number": number, **each} for number, each in enumerate(shown, 1)]


def blamed_members(store: Store, epochs: Sequence[Epoch]) -> Iterator[int]:
    """Who of the current group is blamed, in this one or in those before; by its index now."""
    roster = epochs[-1].genesis.roster
    for each in store.blames():
        key = _now(epochs, epoch_of(epochs, each.round).genesis.roster[each.peer])
        if key in roster:
            yield roster.index(key)


def evidence(store: Store, name: str) -> bytes | None:
    """The piece whose hash is ``name``, in hexadecimal digits."""
    for each in store.blames():
        if evidence_hash(each.evidence).hex() == name:
            return each.evidence
    return None


def _now(epochs: Sequence[Epoch], key: bytes) -> bytes:
    """The key that this member has now; of one that left the last that it had."""
    return heir(epochs, key) or key


def _who(epochs: Sequence[Epoch], key: bytes) -> dict[str, Any]:
    genesis = next(epoch.genesis for epoch in reversed(epochs) if key in epoch.genesis.roster)
    return {"peer": peer_id_of(key), "name": genesis.name_of(genesis.index(key))}
