"""Signals that come while no event loop heeds them. (No import of trio: from the first line on.)"""

from __future__ import annotations

import signal
from types import FrameType

STOPS = (signal.SIGTERM, signal.SIGINT)


class Told:
    """That a daemon is to stop, said as it starts, goes over to another group, or closes all.

    Python would end it there, in the midst of what it closes.
    """

    def __init__(self) -> None:
        self._numbers: list[int] = []

    def note(self) -> None:
        """From now on, wherever nothing else heeds them."""
        for number in STOPS:
            signal.signal(number, self._came)
        # Until the daemon heeds it: SIGHUP never ends it, however early it comes.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def end(self) -> None:
        """The daemon is over, and only Python is left to end."""
        for number in STOPS:
            signal.signal(number, signal.SIG_IGN)

    def repeat(self) -> None:
        """For whoever heeds signals now: those that came before, again."""
        for number in self.taken():
            signal.raise_signal(number)

    def taken(self) -> list[int]:
        """Those that came since."""
        numbers, self._numbers = self._numbers, []
        return numbers

    def _came(self, number: int, frame: FrameType | None) -> None:
        self._numbers.append(number)
