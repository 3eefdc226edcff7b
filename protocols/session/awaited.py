"""Whom an attempt awaited in vain: for operators to read, and nobody's guilt."""

from __future__ import annotations

from collections.abc import Iterable

from protocols.record.effects import Abort
from protocols.record.outcomes import Aborting
from protocols.record.setting import Setting


def awaited(setting: Setting, ended: Aborting) -> tuple[int, ...]:
    """By what the attempt decided; whose report came here is this peer's own view alone."""
    flip = ended.flip
    out = {peer for peer, _ in flip.election.guilty}
    match ended.reason:
        case Abort.FLIP:
            found: Iterable[int] = flip.election.missing
        case Abort.QUORUM:
            found = set(range(setting.peers)) - set(flip.keys) - out
        case Abort.COHORT:
            found = ended.cohort.absent if ended.cohort is not None else ()
        case Abort.TIMEOUT:
            found = set(flip.seats) - ended.reporters - out
    return tuple(sorted(found))
