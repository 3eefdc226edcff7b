"""Where a peer stands when it starts again, and what it must not sign (fault 47).

A crash leaves a peer at most one round behind what it has signed for; a store that is further
behind may be an old backup, and then its journal does not know what was signed in the round that is
in progress now: the peer sits that one out. So does one that is behind with no journal, as after
its data directory was removed: a crash never empties the journal of a round in progress.

A more recent backup looks like a crash. Then the others tell (``protocols.round.recall``), or the
operator does.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from protocols.round.certificate import CertifiedRound
from protocols.round.position import Position

CRASH_LAG = 1
"""Rounds by which a crash can leave a peer behind what it has signed for."""
SIGNS = -1
"""What ``sits_out_until`` gives where nothing needs to be sat out."""


def sits_out_until(start: int, reached: int, remembers: bool, *, restored: bool = False) -> int:
    """The last round for which this peer must not sign, or ``SIGNS``.

    The store stood ahead of round ``start``, the group proved that it is at round ``reached``;
    ``remembers``: the store has a journal of round ``start``. Who says that it was ``restored``
    sits out one round more: those that answered may themselves be about to end theirs.
    """
    if restored:
        return reached + CRASH_LAG
    missed = reached - start
    if missed > CRASH_LAG or (missed and not remembers):
        return reached
    return SIGNS


def after(
    position: Position, chain: Sequence[CertifiedRound], model: npt.NDArray[np.float32]
) -> Position:
    """Where a chain that ``check_chain`` has passed leads to."""
    ledger = position.ledger
    for certified in chain:
        ledger = ledger.after(certified.round, certified.election)
    return Position(chain[-1].round + 1, model, chain[-1].hash, ledger)
