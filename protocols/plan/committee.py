"""A committee plan and the conditions that it meets (docs/protocol.md §1)."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from protocols.errors import ProtocolError

SMALLEST_GROUP = 4
"""Below four peers not even one liar can be outvoted: (C) needs m >= 3t + 1."""

LARGEST_GROUP = 5000
"""Peers in a roster; every list of peers that comes from outside has this bound."""


class PlanError(ProtocolError):
    """No plan meets the conditions. Nobody is to blame; the message says what would do."""


@dataclass(frozen=True, slots=True)
class CommitteePlan:
    """(m, t, k, e): who may lie, who may be missing, and how much a polynomial carries.

    ``committee`` m seats; ``threshold`` t >= 1 of them may be corrupt and learn nothing;
    ``packing`` k >= 1 secrets in one polynomial; ``absent`` e >= 0 honest members that may be
    unavailable in at least one phase of the round. Out of range: PlanError. The conditions (A),
    (B), (C) are asked of a plan with ``require_sound``.
    """

    committee: int
    threshold: int
    packing: int
    absent: int

    def __post_init__(self) -> None:
        least = {"committee": 1, "threshold": 1, "packing": 1, "absent": 0}
        for name, bound in least.items():
            value: object = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < bound:
                raise PlanError(f"plan: {name} must be an integer >= {bound}, not {value!r}")

    @property
    def degree(self) -> int:
        """Degree of a dealt polynomial: any t shares of it are uniform."""
        return self.threshold + self.packing - 1

    @property
    def quorum(self) -> int:
        """Members that decide: two quorums share t + 1 members, by (C)."""
        return self.committee - self.threshold - self.absent


def broken_conditions(plan: CommitteePlan) -> tuple[str, ...]:
    """Which of (A), (B), (C) the plan breaks, as readable lines; empty if it is sound."""
    m, t, e = plan.committee, plan.threshold, plan.absent
    checks = (
        (m - t - e, 2 * plan.degree + 1, "(A) checks are pinned by honest members: m - t - e"),
        (m - e, plan.degree + 2 * t + 1, "(B) opened sums decode: m - e"),
        (m, 3 * t + 2 * e + 1, "(C) agreement: m"),
    )
    return tuple(
        f"{what} = {have}, and {need} are needed" for have, need, what in checks if have < need
    )


def require_sound(plan: CommitteePlan) -> None:
    """PlanError, naming each broken condition, unless the plan meets (A), (B) and (C)."""
    broken = broken_conditions(plan)
    if broken:
        raise PlanError("plan: " + "; ".join(broken))


def largest_packing(committee: int, threshold: int, absent: int) -> int:
    """Largest k that (A) and (B) allow for m, t, e; zero or less if (A), (B) or (C) can't hold."""
    m, t, e = committee, threshold, absent
    if m < 3 * t + 2 * e + 1:
        return 0
    by_checks = (m - t - e - 1) // 2 - t + 1
    by_decoding = m - e - 3 * t
    return min(by_checks, by_decoding)


def liars_of(peers: int, adversary: Fraction) -> int:
    """b = max(1, floor(beta n)): the peers that the adversary holds."""
    return max(1, int(adversary * peers))


def dropouts_of(peers: int, dropout: Fraction) -> int:
    """floor(q n): the honest peers that may be gone."""
    return int(dropout * peers)


def roster_quorum(peers: int, liars: int, absent: int) -> int:
    """Q_r = n - b - e_r, the votes that certify commitments and reveals (protocol.md §5).

    PlanError unless n >= 3b + 2 e_r + 1.
    """
    need = 3 * liars + 2 * absent + 1
    if peers < need:
        raise PlanError(
            f"the election needs 3 * {liars} + 2 * {absent} + 1 = {need} peers"
            f" where {liars} may lie and {absent} be absent, and this group has {peers}"
        )
    return peers - liars - absent


def minimum_cohort(selected: int, liars: int) -> int:
    """|D|min of s selected dealers with at most b_s liars (protocol.md §5).

    An honest majority, two honest dealers at least (the sum of one would be its update), and
    two thirds of those selected.
    """
    return max(2 * liars + 1, liars + 2, -(-2 * selected // 3))
