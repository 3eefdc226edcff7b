"""What drives a peer, and what its driver reads: the public side of a session."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from protocols.aggregation.contract import Reference
from protocols.errors import ProtocolError
from protocols.record.base import Values
from protocols.record.effects import Ask, Step, Timer
from protocols.record.position import Position
from protocols.record.waits import Wait
from protocols.wire.payloads import Act


class Refused(ProtocolError):
    """This peer does not carry out what its operator ordered, and says why."""


@dataclass(frozen=True, slots=True)
class Order:
    """The operator's: give up the cohort that this hash names, decided in this attempt (§6)."""

    round: int
    attempt: int
    cohort: bytes


@dataclass(frozen=True, slots=True)
class Stay:
    """The operator's: stay away from round ``since`` on, and say so to the others (§6); None: from
    the first round that has not begun here. ``lasts``: over restarts, too.
    """

    since: int | None = None
    lasts: bool = True


@dataclass(frozen=True, slots=True)
class Return:
    """The operator's: take part again, from the next round that it can."""


@dataclass(frozen=True, slots=True)
class Approval:
    """The operator's: this peer approves an act of the whole group (§6), from now on or in rounds
    ``first`` to ``last``. ``draft``: of a handover, the successor's group id.
    """

    act: Act
    draft: bytes = b""
    first: int | None = None
    last: int | None = None


class Peer(Protocol):
    """A ``Session``, or what stands between one and its driver. Each event returns steps."""

    @property
    def me(self) -> int: ...

    @property
    def position(self) -> Position: ...

    @property
    def finished(self) -> bool: ...

    def waits(self) -> tuple[Wait, ...]:
        """What it waits for now; asking changes nothing."""

    def start(self, present: Iterable[int]) -> list[Step]: ...

    def on_present(self, present: Iterable[int]) -> list[Step]: ...

    def on_connected(self, peer: int) -> list[Step]: ...

    def on_update(
        self, round_: int, values: Values, reference: Reference | None = None
    ) -> list[Step]: ...

    def on_timer(self, timer: Timer) -> list[Step]: ...

    def on_message(self, sender: int, data: bytes) -> list[Step]: ...

    def on_answer(self, ask: Ask, data: bytes) -> list[Step]: ...

    def on_order(self, order: Order | Approval | Stay | Return) -> list[Step]:
        """Raises Refused; then nothing has changed."""
