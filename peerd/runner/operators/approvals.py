"""Operators' approvals: kept while they may still count (§6)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from peerd.storage import Store
from protocols.errors import WireError
from protocols.record.effects import Approved
from protocols.record.resolution import Tip
from protocols.wire.canonical import Value, pack, unpack
from protocols.wire.payloads import Act
from protocols.wire.schema import MAX_STATEMENT, Bytes, ListOf
from protocols.wire.statement import decode_statement

_KEY = "approvals"
_KEPT = ListOf(Bytes(MAX_STATEMENT), 1 << 16)


def kept_approvals(store: Store, group: bytes) -> Sequence[bytes]:
    """Those of this group, in the order in which they came."""
    data = store.meta(_KEY)
    kept = () if data is None else _KEPT.check(unpack(data), _KEY)
    return [each for each in kept if _of(group, each)]


def _of(group: bytes, approval: bytes) -> bool:
    try:
        decode_statement(approval, group)
    except WireError:
        return False
    return True


def keep_approval(store: Store, group: bytes, approval: bytes, round_: int) -> None:
    """Durable on return. Those of rounds that are over ahead of ``round_`` go."""
    kept: list[Value] = [
        known
        for known in kept_approvals(store, group)
        if decode_statement(known, group).payload.last >= round_
    ]
    if approval not in kept:
        store.set_meta(_KEY, pack([*kept, approval]))


def counting(kept: Sequence[bytes], group: bytes, tip: Tip) -> Iterator[Approved]:
    """Those of ``kept`` that can still count for the round behind ``tip``, or later."""
    for each in kept:
        said = decode_statement(each, group)
        about, act = said.payload.about, Act(said.payload.act)
        wanted = {Act.PAUSE: tip.since, Act.RESUME: tip.previous}.get(act, about)
        if about == wanted and (act is Act.RESUME or said.payload.last >= tip.round):
            yield Approved(said.signer, act, about, said.payload.first, said.payload.last)


def shown(effect: Approved) -> dict[str, Any]:
    """What is approved, for log and status."""
    return {
        "act": effect.act.name.lower(),
        "about": effect.about.hex(),
        "first": effect.first,
        "last": effect.last,
    }
