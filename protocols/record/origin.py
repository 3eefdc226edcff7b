"""Where a group's rounds begin: at nothing, or behind the last round of the group before it (§6).

The setting of a successor holds the origin that the handover's certificate gives it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from protocols.record.budget import Charge
from protocols.record.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Origin:
    """``round`` is the first one, ``previous`` what its certificate names as the one before.
    ``charges``: what the groups before were charged of their privacy budgets.
    """

    round: int
    previous: bytes
    ledger: Ledger
    charges: tuple[Charge, ...] = ()


def renamed(ledger: Ledger, places: Mapping[int, int]) -> Ledger:
    """The ledger in a successor's roster. ``places``: of each old index the new one, of those that
    stay; whoever took another key is guilty, and locked out, as before. What the old group was
    charged is in the origin's charges, and the successor counts its own rounds.
    """
    return Ledger(
        frozenset(places[peer] for peer in ledger.guilty if peer in places),
        {places[peer]: lock for peer, lock in ledger.lockouts.items() if peer in places},
    )
