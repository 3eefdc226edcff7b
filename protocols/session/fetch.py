"""Fetching the opened sum of a certified round from those who signed it (docs/protocol.md §6)."""

from __future__ import annotations

from protocols.record.effects import Ask, Record, Step, Timer
from protocols.record.party import Component
from protocols.record.timers import FetchAgain

FETCH_PAUSE = 500
"""Milliseconds until they are asked once more, where none of them gave the certified sum."""


class Fetch(Component):
    """One signer after another: what a liar gives is not the certified sum."""

    def __init__(self, place: tuple[int, int], peers: tuple[int, ...]) -> None:
        super().__init__()
        self._place = place
        self._peers = peers
        self._turn = 0

    def ask(self) -> Step:
        """The next of them; after the last one, all of them again in a while."""
        if self._turn < len(self._peers):
            self.emit(Ask(self._peers[self._turn], Record.POLYNOMIALS, self._place[0]))
            self._turn += 1
        else:
            self._turn = 0
            self.emit(Timer(self._place, FetchAgain(), FETCH_PAUSE))
        return self.done()
