"""Whether the group's own evaluation still gets better (docs/protocol.md §4)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Measured(NamedTuple):
    """One opened evaluation: shares of its rows. ``within``: how far liars may have moved it."""

    accuracy: float
    within: float


def has_stalled(measured: Iterable[Measured], patience: int) -> bool:
    """Whether none of the last ``patience`` opened evaluations, in the order of their rounds, is
    better than the best before by more than its own ``within``. The first one is better than
    nothing; a rise in many small steps counts once it is large enough in sum.
    """
    best: float | None = None
    since = 0
    for each in measured:
        if best is None or each.accuracy - best > each.within:
            best, since = each.accuracy, 0
        else:
            since += 1
    return since >= patience
