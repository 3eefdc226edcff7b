"""Planted bugs: what a peer that was cut off is told when it is back."""

from __future__ import annotations

from tests.mutation.attacks import replayed
from tests.mutation.bug import Bugs, always

BUGS = Bugs()

BUGS.plant(
    "who completes a round behind a cut says no hello in the next",
    "protocols.presence.neighbours:Neighbours.greet_once_more",
    always(None),
    replayed(2027726, "cut 6 2729 4729 2"),
    "termination",
    seeds=1,
)
