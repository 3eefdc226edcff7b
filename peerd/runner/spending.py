"""What a group has spent of its privacy budget, for people and programs (docs/privacy.md)."""

from __future__ import annotations

from fractions import Fraction
from typing import TypedDict

from protocols.privacy import ACCOUNTANT, LARGEST_EPSILON, PrivacyError, epsilon_of
from protocols.record.budget import Charge
from protocols.record.setting import Setting
from protocols.record.spending import charges_by, most_charged

BUDGET_SPENT = "budget spent"
"""The status's ``state`` of a peer whose group makes no round any more, and how its phase begins.
"""
THRESHOLDS = (95, 80, 50)
"""Percent of the rounds from which on people are warned."""


class Spending(TypedDict):
    """``rounds_opened``: those that count, in which a cohort was decided. ``epsilon_spent`` is of
    the whole lineage, rounded up to millionths, at this δ.
    """

    unit: str
    epsilon_spent: float
    epsilon_budget: float
    delta: float
    rounds_opened: int
    rounds_max: int
    accountant: str


def spending(setting: Setting, charged: int) -> Spending | None:
    """Behind so many rounds of this group; None where nothing is promised."""
    budget, most = setting.budget, most_charged(setting)
    if budget is None or most is None:
        return None
    return Spending(
        unit=budget.unit,
        epsilon_spent=float(spent_by(charges_by(setting, charged), budget.budget.delta)),
        epsilon_budget=float(budget.budget.epsilon),
        delta=float(budget.budget.delta),
        rounds_opened=charged,
        rounds_max=most,
        accountant=ACCOUNTANT,
    )


def spent_by(charges: tuple[Charge, ...], delta: Fraction) -> Fraction:
    """ε of all of these; the largest that is told where it is more, as behind a weaker promise."""
    if not charges:
        return Fraction(0)
    try:
        return epsilon_of([each.phase for each in charges], delta)
    except PrivacyError:
        return LARGEST_EPSILON


def reached(opened: int, most: int) -> int:
    """The highest threshold that these rounds have reached; 0 for none."""
    return next((each for each in THRESHOLDS if 100 * opened >= each * most), 0)


def warning(opened: int, most: int) -> str | None:
    """What the status warns of; None below half."""
    if not reached(opened, most):
        return None
    if opened >= most:
        return f"the privacy budget is spent: {opened} rounds of {most}; the group opens no more"
    share = 100 * opened // most
    return f"{share} % of the privacy budget's rounds are spent: {opened} of {most}"
