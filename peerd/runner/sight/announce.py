"""When the log says whom a daemon waits for: soon, once for each set of members, then ever rarer.

Most waits of a round are over in a moment, and nobody reads of them. A stall is the same members
for minutes, in one phase after another: that is one story, and gets a few lines.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from peerd.status.board import JsonObject
from peerd.status.waiting import NOT_CONNECTED, sentence

LONG = 3.0
"""Seconds after which a wait is told."""
GAP = 5.0
"""Seconds without a long wait after which the story is over: the next phase takes LONG to show."""


class Announcer:
    """Fed with the entries of ``waiting``, several times a second. ``me``: this peer's id."""

    def __init__(self, me: str, clock: Callable[[], float]) -> None:
        self._me = me
        self._clock = clock
        self._named: set[object] = set()
        self._began = 0.0
        self._last_long = 0.0
        self._next = 0.0

    def look(self, entries: Sequence[JsonObject]) -> tuple[str, list[JsonObject]] | None:
        """A sentence to tell now, with what it is about: nothing, where it says that a wait of
        which was told is over.
        """
        now = self._clock()
        awaited = [each for each in entries if each["phase"] != NOT_CONNECTED]
        long = [each for each in awaited if _seconds(each) >= LONG]
        if long:
            return self._tell(now, long, [each for each in entries if each not in awaited])
        still = self._named & {_who(each) for each in awaited}
        if self._named and (not still or now - self._last_long > GAP):
            spent = self._last_long - self._began
            self._named = set()
            return f"no longer waiting, after {spent:.0f} s", []
        return None

    def _tell(
        self, now: float, long: list[JsonObject], away: list[JsonObject]
    ) -> tuple[str, list[JsonObject]] | None:
        who = {_who(each) for each in long}
        self._last_long = now
        if not self._named:
            self._began = now - max(map(_seconds, long))
        elif who <= self._named and now < self._next:
            return None
        self._named |= who
        self._next = now + max(2 * LONG, now - self._began)
        told = [*long, *away]
        return sentence(told, self._me), told


def _who(entry: JsonObject) -> object:
    """Whose next phase is the same story; what for, where nobody in particular is awaited."""
    return entry["peer"] or entry["phase"]


def _seconds(entry: JsonObject) -> float:
    value = entry["seconds"]
    return float(value) if isinstance(value, int | float) else 0.0
