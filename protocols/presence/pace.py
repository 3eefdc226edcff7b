"""When the next round begins, in a group whose rounds have their time (docs/protocol.md §6).

Clocks differ. So no peer begins a round because its own clock says so: it says that it is *ready*,
and begins once 2b others are ready or have spoken from that round. Who sees more than b others
ready is ready too, whatever its clock says: one of them is honest. Hence the round begins for all
honest peers within 2Δ of each other (Srikanth & Toueg, *Optimal clock synchronization*), no earlier
than the first honest clock has it; and whoever is ready alone signs nothing and keeps nobody
waiting.
"""

from __future__ import annotations

from protocols.presence.neighbours import Neighbours
from protocols.record.effects import AwaitTime, Send, Timer
from protocols.record.setting import Setting
from protocols.record.timers import ReadyAgain
from protocols.wire.frames import ReadyFrame, encode_frame

MAX_SILENCE = 64
"""In deadlines of a result, until a peer that waits alone says once more that it is ready."""


class Pace:
    """``hear``, what others say; ``on_time``, what this machine's clock says."""

    def __init__(self, setting: Setting, neighbours: Neighbours) -> None:
        self._setting = setting
        self._neighbours = neighbours
        self._heard: dict[int, int] = {}
        self._due = -1
        self._said = -1
        self._over = -1

    def hear(self, peer: int, round_: int) -> None:
        """It is ready for this round, or speaks from it."""
        self._heard[peer] = max(round_, self._heard.get(peer, -1))

    def wait(self, round_: int) -> None:
        """Have the clock say when this round's time has come."""
        self._neighbours.emit(AwaitTime(round_))

    def on_time(self, round_: int, *, over: bool) -> None:
        """``over``: by this machine's clock no round begins any more."""
        if over:
            self._over = max(round_, self._over)
        else:
            self._due = max(round_, self._due)

    def is_over(self, round_: int) -> bool:
        """Whether this machine's clock says that the group makes this round no more."""
        return self._over >= round_

    def opens(self, round_: int) -> bool:
        """Whether this round may begin. On the way there, once, this peer says that it is ready."""
        if not self._setting.paced:
            return True
        others = sum(heard >= round_ for heard in self._heard.values())
        due = self._due >= round_ and not self.is_over(round_)
        if self._said < round_ and (due or others > self._setting.liars):
            self._said = round_
            self._say_ready(round_, self._setting.deadlines.result)
        return self._said >= round_ and others >= 2 * self._setting.liars

    def again(self, timer: Timer, round_: int) -> None:
        """``round_``: the one that still waits. What was said may be lost."""
        longest = MAX_SILENCE * self._setting.deadlines.result
        if timer.place[0] == round_ == self._said:
            self._say_ready(round_, min(2 * timer.delay, longest))

    def repeat(self, peer: int, round_: int) -> None:
        """To one that has just connected, or started: it has not heard that this peer is ready."""
        if round_ == self._said:
            self._neighbours.send(peer, ReadyFrame(round_))

    def _say_ready(self, round_: int, again: int) -> None:
        others = self._neighbours.others
        if others:
            self._neighbours.emit(Send(others, encode_frame(ReadyFrame(round_))))
        self._neighbours.emit(Timer((round_, 0), ReadyAgain(), again))
