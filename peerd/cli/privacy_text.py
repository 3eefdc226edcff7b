"""What ``peerd privacy plan`` prints: a document, and what it means in words."""

from __future__ import annotations

from math import exp, sqrt
from textwrap import fill
from typing import TypedDict

from peerd.cli.output import table

RECORD, MEMBER = "record", "member"
WIDTH = 100
WHICH_GROUPS = (
    "A group whose rule adds noise, such as dp-sgd, states such a promise in its genesis, and stops"
    " by itself where it is spent (docs/privacy.md); with any other rule nothing is promised."
)


class SitesRow(TypedDict):
    """Variances in units of what one trusted curator would add."""

    sites: int
    liars: int
    cohort: int
    share: float
    least: float
    most: float


class PrivacyPlan(TypedDict):
    """What ``peerd privacy plan --json`` prints. ``epsilon`` is spent, rounded up; ``budget`` was
    asked for. ``clip``: the norm of a record, or of a member's update, in steps of the grid."""

    unit: str
    noise_multiplier: float
    rounds: int
    epsilon: float
    budget: float
    delta: float
    rate: float
    clip: int
    slack: float
    accountant: str
    sites: SitesRow | None


def told(plan: PrivacyPlan) -> str:
    """A table of one row, what it promises, who adds how much, and which groups do so."""
    head = ("unit", "noise", "rate", "rounds", "epsilon", "delta")
    cells = (
        plan["unit"],
        f"{plan['noise_multiplier']:g}",
        f"{plan['rate']:g}",
        plan["rounds"],
        f"{plan['epsilon']:.6f}",
        f"{plan['delta']:g}",
    )
    words = [_meaning(plan)]
    if plan["sites"] is not None:
        words.append(_shared(plan["sites"]))
    return "\n\n".join(
        [table(head, [cells]), *(fill(each, WIDTH) for each in (*words, WHICH_GROUPS))]
    )


def _meaning(plan: PrivacyPlan) -> str:
    whose, what = (
        ("a record's presence at a site", "a record")
        if plan["unit"] == RECORD
        else ("all that a member deals", "a member")
    )
    return (
        f"A group that stops after {plan['rounds']} rounds: {whose} changes the chance of any"
        f" outcome by at most a factor e^{plan['budget']:g} ({exp(plan['budget']):.3g}), and by"
        f" {plan['delta']:g} beside it. The noise in each number of the opened sum has a standard"
        f" deviation of {plan['noise_multiplier']:g} times what {what} moves it by at most."
    )


def _shared(sites: SitesRow) -> str:
    return (
        f"Of {sites['sites']} sites {sites['liars']} may withhold their noise, and a cohort has"
        f" {sites['cohort']} at least: each site adds {sites['share']:.3g} of that variance, and"
        f" the noise of {sites['cohort']} is in a sum, however many are there. Together that is at"
        f" least what one trusted curator would add, and {sites['most']:.3g} times the variance at"
        f" most ({sqrt(sites['most']):.3g} times the standard deviation)."
    )
