"""This machine's clock, asked when the group's rounds begin (docs/protocol.md §6, "Rhythm")."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

import trio

from peerd.group.rhythm import Rhythm, Schedule
from peerd.status.board import StatusBoard
from protocols.session.states import Standing

LOOK_SECONDS = 20.0
"""Between looks at the clock: somebody may set it, and a machine may sleep."""
Tell = Callable[[int, bool], Awaitable[None]]


class Beat:
    """``clock`` gives seconds since 1970. The board has ``next_round_at`` while it is awaited."""

    def __init__(
        self,
        rhythm: Rhythm | None,
        board: StatusBoard,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._rhythm = Rhythm() if rhythm is None else rhythm
        self._board = board
        self._clock = clock
        self._schedule = Schedule(self._rhythm)
        self._round = -1

    async def wait(self, round_: int, tell: Tell) -> None:
        """``tell(round, over)`` when the round's time has come, and when no round begins any more.
        Returns early once another round is asked for.
        """
        rhythm = self._rhythm
        self._round = round_
        point = self._schedule.time_of(round_, self._clock())
        if not rhythm.is_over(point):
            self._board.update(next_round_at=point)
            await self._until(point, round_)
            if self._round != round_:
                return
            self._board.update(next_round_at=None)
            await tell(round_, False)
            if rhythm.stop_at is None:
                return
            await self._until(float(rhythm.stop_at), round_)
        if self._round == round_:
            await tell(round_, True)

    def entered(self, phase: str) -> None:
        """Once something else than the wait goes on, no time is awaited: others were earlier."""
        if phase != Standing.WAITING.value:
            self._round = -1
            self._board.update(next_round_at=None)

    async def _until(self, moment: float, round_: int) -> None:
        while self._round == round_ and (left := moment - self._clock()) > 0:
            await trio.sleep(min(left, LOOK_SECONDS))
