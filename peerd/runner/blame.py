"""Who is blamed, and which evidence is here: what ``peerd blame`` shows of a store."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from peerd.group import Genesis
from peerd.identity import peer_id_of
from peerd.storage import Store
from protocols.record.evidence import evidence_hash

MISSING = "convicted by a certificate of a round that this peer missed"


def blamed(store: Store, genesis: Genesis, guilty: Collection[int]) -> list[dict[str, Any]]:
    """By round; at the end those of ``guilty``, the ledger's, against whom nothing is here."""
    known = store.blames()
    shown = [
        {
            "round": each.round,
            **_who(genesis, each.peer),
            "reason": each.reason,
            "evidence": evidence_hash(each.evidence).hex(),
            "transcript": store.has_transcript(each.round),
        }
        for each in known
    ]
    here = {each.peer for each in known}
    shown += [
        {
            "round": None,
            **_who(genesis, peer),
            "reason": MISSING,
            "evidence": None,
            "transcript": False,
        }
        for peer in sorted(set(guilty) - here)
    ]
    return [{"number": number, **each} for number, each in enumerate(shown, 1)]


def evidence(store: Store, name: str) -> bytes | None:
    """The piece whose hash is ``name``, in hexadecimal digits."""
    for each in store.blames():
        if evidence_hash(each.evidence).hex() == name:
            return each.evidence
    return None


def _who(genesis: Genesis, peer: int) -> dict[str, Any]:
    return {"peer": peer_id_of(genesis.roster[peer]), "name": genesis.name_of(peer)}
