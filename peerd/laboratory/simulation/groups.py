"""From a seed to a group: how many peers, of whom how many may lie, their plan and their rule."""

from __future__ import annotations

import random
from collections.abc import Collection
from dataclasses import dataclass, replace
from fractions import Fraction

from protocols.plan import CommitteePlan, plan_group
from protocols.version import EARLIEST, LATEST


@dataclass(frozen=True)
class Group:
    """n peers of which b may lie, and their plan; how many the coin draws to deal; their rule, and
    whether they count their held-out rows beside it; which version of the protocol they speak.
    """

    peers: int
    liars: int
    plan: CommitteePlan
    clients: int | None = None
    rule: str = "rsa"
    evaluates: bool = False
    version: int = LATEST

    def covers(self, traitors: Collection[int], victims: Collection[int]) -> bool:
        """Whether the plan promises rounds that complete: silent peers may be honest ones."""
        lost = set(traitors) | set(victims)
        return len(traitors) <= self.liars and len(lost) <= self.liars + self.plan.absent


GROUPS = (
    (8, Group(4, 1, CommitteePlan(4, 1, 1, 0))),
    (3, Group(5, 1, CommitteePlan(5, 1, 1, 0))),
    (3, Group(6, 1, CommitteePlan(6, 1, 1, 1))),
    (2, Group(7, 2, CommitteePlan(7, 2, 1, 0))),
    (2, Group(6, 1, CommitteePlan(4, 1, 1, 0))),
    (2, Group(7, 1, CommitteePlan(5, 1, 1, 0))),
)
"""Small groups with their weights; in the last two the coin picks who sits."""


RULES = {
    "dp-sgd": 0,
    "rsa": 90,
    "centered-clipping": 4,
    "centered-clipping-l2": 2,
    "fltrust": 2,
    "weighted-mean": 2,
}
"""The rules with their weights: those with proofs of sums cost many times what RSA does. That with
noise has a die of its own.
"""
EVALUATES = 6
"""One group in so many counts its held-out rows."""
NOISED = 12
"""One in so many has noise, and so a coin: counts aren't opened there, and version 2 had none."""
ELDERLY = 4
"""One in so many speaks the earliest version, in which a coin is flipped though all sit."""


def group_of(seed: int, peers: int | None = None, named: str | None = None) -> Group:
    """The group of a seed; with ``peers``, one of that size, and with this rule where one is
    ``named``. Raises PlanError for no plan.
    """
    group = _sized(seed, peers)
    rng = random.Random(f"rule/{seed}")
    rule = rng.choices(list(RULES), list(RULES.values()))[0]
    drawn = group.plan.committee < group.peers and rng.random() < 0.5
    clients = group.peers - 1 if drawn else None
    # Dice of their own: the other draws of a seed stay what they were.
    evaluates = not random.Random(f"evaluation/{seed}").randrange(EVALUATES)
    elderly = not random.Random(f"version/{seed}").randrange(ELDERLY)
    version = EARLIEST if elderly else LATEST
    noised = not random.Random(f"noise/{seed}").randrange(NOISED)
    rule = named or ("dp-sgd" if noised else rule)
    if rule == "dp-sgd":
        evaluates, version = False, LATEST
    return replace(group, rule=rule, clients=clients, evaluates=evaluates, version=version)


def _sized(seed: int, peers: int | None) -> Group:
    known = [(weight, group) for weight, group in GROUPS if peers in (None, group.peers)]
    if not known:
        assert peers is not None
        plan = plan_group(peers, Fraction(1, 10), Fraction(0))
        return Group(peers, max(1, peers // 10), plan)
    weights = [weight for weight, _ in known]
    return random.Random(f"group/{seed}").choices([group for _, group in known], weights)[0]
