"""Where a peer stands when it starts again, and what it may have signed before (faults 47, 94).

A crash leaves a peer at most one round behind what it has signed for; a store that is further
behind may be an old backup, and then its journal does not know what was signed in the round that is
in progress now. Nor does one that is behind with no journal, as after its data directory was
emptied: a crash never empties the journal of a round in progress. Such a peer signs nothing in that
round until a quorum that was there when the round began has said that it knows of nothing
(``protocols.session.recall``). Its doubt is journaled ahead of the certificates that bring it into
that round: a store with these and without the doubt was there itself.

A more recent backup looks like a crash. There the others' word is all there is, or the operator's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from protocols.record.certificate import CertifiedRound
from protocols.record.position import Position

CRASH_LAG = 1
"""Rounds by which a crash can leave a peer behind what it has signed for."""
SIGNS = -1
"""Instead of a round, where nothing needs to be sat out."""

DOUBTED = "doubted"
"""The journal's key that says: this store came into its round late, and may not know what was
signed there. A round that its store went into with the others has none: so nothing is written in
the usual course, and no power cut can lose it.
"""
_SAT_OUT = "sat-out/"


def sat_out_key(last: int) -> str:
    """The journal's key that says: sign nothing for rounds up to ``last``."""
    return f"{_SAT_OUT}{last}"


def sat_out(journal: Iterable[str]) -> int:
    """The last round that an earlier life knew it must sit out, or ``SIGNS``."""
    known = (key.removeprefix(_SAT_OUT) for key in journal if key.startswith(_SAT_OUT))
    return max(map(int, known), default=SIGNS)


def remembers(journal: Iterable[str]) -> bool:
    """Whether a journal knows what was signed: what is to be sat out, or doubted, says that it
    does not.
    """
    return any(not key.startswith(_SAT_OUT) and key != DOUBTED for key in journal)


def suspected_until(start: int, reached: int, remembered: bool) -> int:
    """The last round in which this peer may have signed what its store does not know, or ``SIGNS``.

    The store stood ahead of round ``start``, the group proved that it is at round ``reached``;
    ``remembered``: the store has a journal of round ``start``. In the round that it went into with
    the others it may not have signed yet; so in the group's first one, where all begin empty.
    """
    missed = reached - start
    if missed > CRASH_LAG or (missed and not remembered):
        return reached
    return SIGNS


def restored_until(reached: int) -> int:
    """The same where the operator says that the store was put back: one round more, since those
    that answered may themselves be about to end theirs.
    """
    return reached + CRASH_LAG


def after(
    position: Position, chain: Sequence[CertifiedRound], model: npt.NDArray[np.float32]
) -> Position:
    """Where verified certificates that follow ``position`` lead to."""
    ledger = position.ledger
    for certified in chain:
        ledger = certified.ledger_after(ledger)
    return Position(chain[-1].round + 1, model, chain[-1].hash, ledger)
