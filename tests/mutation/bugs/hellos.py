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

BUGS.plant(
    "who has lost words of a round further on asks nobody for them there",
    "protocols.presence.neighbours:Neighbours.greet_later",
    lambda sound: lambda self, peers, lost=0: sound(self, peers),
    replayed(110051, "freeze 0 6104 51104", 3),
    "termination",
    seeds=1,
)
