"""(ε, δ) of many rounds, how many rounds a budget buys, and how much noise they need.

A pure function of rationals and whole numbers: whoever signs a genesis recomputes the number of
rounds, and gets that number on any machine. No float, and each rounding makes ε larger
(docs/privacy.md).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from fractions import Fraction
from functools import cache
from math import ceil

from protocols.privacy.divergence import ORDERS, Curve, round_curve
from protocols.privacy.mechanism import (
    LARGEST_EPSILON,
    NOISE_GRID,
    Budget,
    Mechanism,
    Phase,
    PrivacyError,
)
from protocols.privacy.outward import DOWN, INFINITE, UP, at_least, at_most, exp_up, log_up

MAX_ROUNDS = 10**9
"""A budget that would last longer is said to last so long."""

MAX_NOISE = 1000
"""The largest noise multiplier that is looked for."""

EPSILON_GRID = 10**6
"""ε is told in millionths, rounded up."""


def fits(phases: Sequence[Phase], budget: Budget) -> bool:
    """Do all these rounds together stay within (ε, δ)?

    A smaller ε may do where this one does not: what the slack costs grows with e^ε.
    """
    curve, slack = _composed(phases), _slack(phases)
    if _epsilon(curve, _left(slack, budget.delta, budget.epsilon)) <= at_most(budget.epsilon):
        return True
    return _least_epsilon(curve, slack, budget) is not None


def epsilon_of(phases: Sequence[Phase], delta: Fraction) -> Fraction:
    """The least multiple of 10^-6 that these rounds together stay within, at this δ.

    PrivacyError where none up to LARGEST_EPSILON does. What the slack costs grows with ε, so that
    ε is looked for from below: each step is a bound from below on every ε that would do.
    """
    largest = Budget(LARGEST_EPSILON, delta)  # refuses a delta that is none
    found = _least_epsilon(_composed(phases), _slack(phases), largest)
    if found is None:
        raise PrivacyError(
            f"these rounds have no epsilon up to {LARGEST_EPSILON} at delta {delta}: more noise,"
            " fewer rounds or a larger delta is needed"
        )
    return found


def _least_epsilon(curve: Curve, slack: Decimal, budget: Budget) -> Fraction | None:
    """None where it is above the budget's."""
    steps = 0
    while steps <= budget.epsilon * EPSILON_GRID:
        tried = Fraction(steps, EPSILON_GRID)
        found = _epsilon(curve, _left(slack, budget.delta, tried))
        if found == INFINITE:
            break
        if found <= at_most(tried):
            return tried
        steps = ceil(Fraction(found) * EPSILON_GRID)
    return None


def rounds_within(budget: Budget, mechanism: Mechanism, spent: Sequence[Phase] = ()) -> int:
    """R_max: the most rounds of ``mechanism`` that fit, behind those already ``spent``.

    0 where not one fits; MAX_ROUNDS where more would.
    """

    def too_many(rounds: int) -> bool:
        return not fits((*spent, Phase(mechanism, rounds)), budget)

    return _first(too_many, 1, MAX_ROUNDS + 1) - 1


def least_noise(
    budget: Budget, rounds: int, mechanism: Mechanism, spent: Sequence[Phase] = ()
) -> Fraction:
    """The least noise multiplier, in thousandths, with which that many rounds fit.

    ``mechanism`` says the rest; its own variance is not looked at. PrivacyError where no
    multiplier up to MAX_NOISE would do, or the slack alone costs more than δ.
    """

    slack = _slack((*spent, Phase(mechanism, rounds)))
    if _left(slack, budget.delta, Fraction(0)) <= 0:
        raise PrivacyError(
            f"delta {budget.delta} doesn't pay for what {rounds} rounds are off from noise without"
            " tails and samples without end, whatever the noise: fewer rounds or a larger delta is"
            " needed"
        )

    def enough(thousandths: int) -> bool:
        noisy = mechanism.with_noise(Fraction(thousandths, NOISE_GRID))
        return fits((*spent, Phase(noisy, rounds)), budget)

    largest = MAX_NOISE * NOISE_GRID
    found = _first(enough, 1, largest + 1)
    if found > largest:
        raise PrivacyError(
            f"no noise up to {MAX_NOISE} times the norm lets {rounds} rounds fit epsilon"
            f" {budget.epsilon} at delta {budget.delta}: fewer rounds, a smaller sampling rate or a"
            " larger budget is needed"
        )
    return Fraction(found, NOISE_GRID)


def _composed(phases: Sequence[Phase]) -> Curve:
    """The divergences of all rounds, added up order by order (adaptive composition)."""
    total = [Decimal(0)] * len(ORDERS)
    for phase in phases:
        if phase.rounds:
            curve = round_curve(phase.mechanism)
            rounds = Decimal(phase.rounds)
            total = [
                UP.add(have, UP.multiply(rounds, one))
                for have, one in zip(total, curve, strict=True)
            ]
    return tuple(total)


def _slack(phases: Sequence[Phase]) -> Decimal:
    """How far all rounds are from what is accounted, rounded up."""
    total = sum((phase.rounds * phase.mechanism.slack for phase in phases), Fraction(0))
    return at_least(total)


def _left(slack: Decimal, delta: Fraction, epsilon: Fraction) -> Decimal:
    """δ without what the rounds' slack costs, (1 + e^ε) times it, rounded down; may be negative.

    Twice, since both worlds are off: P′ <= P + s <= e^ε Q + δ + s <= e^ε (Q′ + s) + δ + s.
    """
    both = UP.add(Decimal(1), exp_up(at_least(epsilon)))
    return DOWN.subtract(at_most(delta), UP.multiply(slack, both))


def _epsilon(curve: Curve, delta: Decimal) -> Decimal:
    """The least ε of all orders, at least 0; infinite where there is none.

    Canonne, Kamath and Steinke, "The Discrete Gaussian for Differential Privacy" (2020),
    Proposition 12: ε = τ + ln(1 − 1/α) + ln(1/(δα)) / (α − 1), for each order α.
    """
    if delta <= 0:
        return INFINITE
    rarely = log_up(UP.divide(Decimal(1), delta))
    found = (
        UP.add(UP.add(divergence, part), UP.divide(rarely, Decimal(order - 1)))
        for order, divergence, part in zip(ORDERS, curve, _parts(), strict=True)
    )
    return max(Decimal(0), min(found))


@cache
def _parts() -> Curve:
    """ln(1 − 1/α) + ln(1/α) / (α − 1): what δ has no part in."""
    return tuple(
        UP.add(
            log_up(at_least(Fraction(order - 1, order))),
            UP.divide(log_up(at_least(Fraction(1, order))), Decimal(order - 1)),
        )
        for order in ORDERS
    )


def _first(holds: Callable[[int], bool], low: int, high: int) -> int:
    """The first of low … high − 1 for which it holds, and for all behind it; else ``high``."""
    while low < high:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle + 1
    return low
