"""What is said of peers that connect, go and come back: each story once, and of a link that flaps
how often, ever more rarely.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

QUIET = 60.0
"""Seconds after a line in which further changes of the same peer are only counted; doubled each
time that it goes on."""
LONGEST_QUIET = 3600.0


@dataclass(slots=True)
class _Link:
    connected: bool
    told: bool | None = None  # what was last said of it
    losses: int = 0  # since that was said
    lost_at: float = 0.0
    speaks_at: float = -math.inf
    quiet: float = QUIET


@dataclass(frozen=True, slots=True)
class Change:
    """``losses``: how often the peer was lost since the last line about it, where that is more than
    this line tells; else 0. ``away``: seconds, for one that is back.
    """

    peer: int
    connected: bool
    first: bool
    losses: int
    away: float | None


class Comings:
    """``clock`` gives seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._links: dict[int, _Link] = {}

    def change(self, peer: int, connected: bool) -> Change | None:
        """What to say of it now, if anything."""
        now = self._clock()
        link = self._links.setdefault(peer, _Link(not connected))
        link.connected = connected
        if not connected:
            link.losses += 1
            link.lost_at = now
        return self._say(peer, link, now)

    def due(self) -> list[Change]:
        """What was only counted, and has stood long enough to be said."""
        now = self._clock()
        said = (self._say(peer, link, now) for peer, link in self._links.items())
        return [change for change in said if change is not None]

    def _say(self, peer: int, link: _Link, now: float) -> Change | None:
        """The first connection, and the return of one whose loss was told, always."""
        first, losses = link.told is None, link.losses
        if link.told is link.connected and not losses:
            return None
        if losses or not link.connected:
            if now < link.speaks_at:
                return None
            goes_on = now - link.speaks_at < link.quiet
            link.quiet = min(2 * link.quiet, LONGEST_QUIET) if goes_on else QUIET
            link.speaks_at = now + link.quiet
        link.told, link.losses = link.connected, 0
        away = now - link.lost_at if link.connected and not first and not losses else None
        tells = 0 if link.connected else 1  # the line itself is about one loss
        return Change(peer, link.connected, first, losses if losses > tells else 0, away)
