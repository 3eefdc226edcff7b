"""A peer that is connected, and says nothing at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from protocols.aggregation.contract import Reference
from protocols.record.base import Values
from protocols.record.effects import Ask, Phase, Step, Timer, step_of
from protocols.record.position import Position
from protocols.record.waits import Wait
from protocols.session.events import Approval, Order, Return, Stay
from protocols.session.local import LocalPeer


class SilentPeer:
    """In place of a session, and made as one; takes every event, and nothing comes of it."""

    def __init__(
        self,
        peer: LocalPeer,
        position: Position,
        journal: Mapping[str, bytes] | None = None,
        *,
        rounds: int | None = None,
        restored: bool | None = None,
        approvals: Iterable[bytes] = (),
    ) -> None:
        self.me = peer.me
        self.position = position
        self.finished = False

    def waits(self) -> tuple[Wait, ...]:
        return ()

    def start(self, present: Iterable[int]) -> list[Step]:
        return [step_of([Phase(self.position.round, 0, "silent")])]

    def on_present(self, present: Iterable[int]) -> list[Step]:
        return []

    def on_connected(self, peer: int) -> list[Step]:
        return []

    def on_update(
        self, round_: int, values: Values, reference: Reference | None = None
    ) -> list[Step]:
        return []

    def on_timer(self, timer: Timer) -> list[Step]:
        return []

    def on_message(self, sender: int, data: bytes) -> list[Step]:
        return []

    def on_answer(self, ask: Ask, data: bytes) -> list[Step]:
        return []

    def on_order(self, order: Order | Approval | Stay | Return) -> list[Step]:
        return []
