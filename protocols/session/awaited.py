"""Whom an attempt awaited in vain: for operators to read, and nobody's guilt."""

from __future__ import annotations

from collections.abc import Iterable

from protocols.record.certificate import seats_of
from protocols.record.cohort import Cohort
from protocols.record.effects import Abort
from protocols.record.election import Election
from protocols.record.setting import Setting


def awaited(
    setting: Setting,
    reason: Abort,
    election: Election,
    cohort: Cohort | None,
    reporters: Iterable[int],
) -> tuple[int, ...]:
    """``election`` and ``cohort``: what the attempt decided. ``reporters``: whose report came here,
    which alone is this peer's own view.
    """
    out = {peer for peer, _ in election.guilty}
    match reason:
        case Abort.FLIP:
            found: Iterable[int] = election.missing
        case Abort.QUORUM:
            found = set(range(setting.peers)) - set(election.keys) - out
        case Abort.COHORT:
            found = cohort.absent if cohort is not None else ()
        case Abort.TIMEOUT:
            found = set(seats_of(setting, election)) - set(reporters) - out
    return tuple(sorted(found))
