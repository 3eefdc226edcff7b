"""Warns of members whose records are dropped because their clocks and this one differ.

A member that the others can't find for its clock has no other way to learn of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container

import structlog

from peerd.discovery.records import MAX_SKEW, ClockDiffers
from peerd.identity import peer_id_of

MOVED = MAX_SKEW
"""Seconds: another difference than the one that was told."""
MAX_WARNINGS = 16
"""Of one member: it may sign whatever times it likes."""
HINT = "set the clock of the one that is wrong (timedatectl); within minutes is enough"

log = structlog.get_logger(__name__)


class Clocks:
    """Once for each member and difference, until its records are taken again."""

    def __init__(self, roster: Container[bytes]) -> None:
        self._roster = roster
        self._told: dict[bytes, float] = {}
        self._warned: Counter[bytes] = Counter()

    def agrees(self, member: bytes) -> None:
        """Its record is taken."""
        self._told.pop(member, None)

    def differs(self, found: ClockDiffers, *, own: bool) -> None:
        """A record of ``found.public`` was dropped; ``own``: it came from that peer itself. From
        others one that has expired is no more than old.
        """
        known = self._told.get(found.public)
        if found.public not in self._roster or (found.ahead < 0 and not own):
            return
        if known is not None and abs(known - found.ahead) < MOVED:
            return
        self._warned[found.public] += 1
        if self._warned[found.public] > MAX_WARNINGS:
            return
        self._told[found.public] = found.ahead
        which = "ahead of" if found.ahead > 0 else "behind"
        log.warning(
            "an address record was dropped: two clocks differ",
            peer=peer_id_of(found.public),
            difference=f"its clock is {span(found.ahead)} {which} this one",
            seconds=round(found.ahead),
            hint=HINT,
        )


def span(seconds: float) -> str:
    """``12 min``, ``25 h``, ``3 days``."""
    size = abs(seconds)
    for unit, length in (("days", 86400), ("h", 3600), ("min", 60)):
        if size >= 2 * length:
            return f"{size / length:.0f} {unit}"
    return f"{size:.0f} s"
