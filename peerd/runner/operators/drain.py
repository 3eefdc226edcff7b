"""How a daemon leaves between two attempts, and not in the midst of one.

A session that has ended a round begins the next in the same breath: the steps of both come from one
event. Whoever drains carries out the first, and takes the others for what a crash would have taken.
That is no fault of the protocol's: nothing of them is on disk, and nobody has heard of them. After
the last step no further event goes in.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import trio

from peerd.phases import IDLE
from peerd.transport.transport import Transport
from protocols.record.effects import Aborted, Adopted, Completed, Phase, Step, Stopped
from protocols.wire.statement import MAX_ATTEMPT

FLUSH_SECONDS, LOOK_SECONDS = 5.0, 0.02
BEYOND = MAX_ATTEMPT + 1
"""Behind every attempt of a round: there it is certified."""


class Drain:
    """``ended``: this peer is in no attempt, and will be in none."""

    def __init__(self) -> None:
        self.asked = False
        self.ended = trio.Event()
        self._busy = False
        self._round = 0
        self._last = False

    def ask(self) -> None:
        """Begin no further attempt. Not while a step is made."""
        self.asked = True
        self._last = not self._busy

    @property
    def takes(self) -> bool:
        """Whether the session is to hear of events."""
        return not self._last

    def admit(self, steps: Iterable[Step]) -> list[Step]:
        """Those that are carried out: all, but none behind the attempt that was to be the last."""
        admitted: list[Step] = []
        for step in steps:
            if self._last:
                break
            over = _over(step)
            self._note(step, over)
            self._last = self.asked and (over is not None or not self._busy)
            admitted.append(_without_the_next(step) if self._last else step)
        return admitted

    def _note(self, step: Step, over: tuple[int, int] | None) -> None:
        """Late words may move the attempt of the round before: that is over all the same."""
        if over is not None:
            self._busy = False
        for each in step.notices:
            if not isinstance(each, Phase) or each.round < self._round:
                continue
            if over is None or (each.round, each.attempt) > over:
                self._busy, self._round = each.name not in IDLE, each.round

    def tell(self) -> None:
        """After a step, in the event loop's thread."""
        if self._last:
            self.ended.set()


def _over(step: Step) -> tuple[int, int] | None:
    """The (round, attempt) that ends here, of a round that is certified behind its last attempt."""
    ends = [(each.rounds[-1].round, BEYOND) for each in step.complete if isinstance(each, Adopted)]
    ends += [(each.round, BEYOND) for each in step.complete if isinstance(each, Completed)]
    ended = (each for each in step.notices if isinstance(each, Aborted | Stopped))
    return max([*ends, *((each.round, each.attempt) for each in ended)], default=None)


def _without_the_next(step: Step) -> Step:
    """Rounds that others have made lead to the next one in the same step. What is journaled of it
    stays, as its words may be: unsaid.
    """
    if not any(isinstance(each, Adopted) for each in step.complete):
        return step
    return replace(step, request=(), timers=())


async def flushed(transport: Transport) -> None:
    """What this peer has said has arrived, wherever somebody is connected; or FLUSH_SECONDS are
    over.
    """
    with trio.move_on_after(FLUSH_SECONDS):
        while any(link.connected and link.queued_bytes for link in transport.links()):
            await trio.sleep(LOOK_SECONDS)
