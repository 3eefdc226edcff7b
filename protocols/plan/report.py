"""Rows of ``peerd plan``: the packed plan and the paper's rules, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import isinf
from typing import TypedDict

from protocols.plan.committee import PlanError
from protocols.plan.paper import PAPER_RULES, paper_committee
from protocols.plan.search import attempts, election_tail, plan_group

RULES: tuple[str, ...] = ("packed", *PAPER_RULES)


class PlanRow(TypedDict):
    """One plan. ``log2_failure`` is per round, restarts included; None: it can't happen (the
    roster sits). For the paper's rules it is the failure of what the paper's *text* asks, so that
    a loose reading shows what it costs; there ``absent`` is None: they know no such number.
    ``peers`` is None where the rule doesn't look at it."""

    rule: str
    peers: int | None
    adversary: float
    dropout: float
    committee: int
    threshold: int
    packing: int
    absent: int | None
    degree: int
    log2_failure: float | None


def plan_rows(
    rule: str,
    peers: int | None,
    adversaries: Sequence[Fraction],
    dropouts: Sequence[Fraction],
    *,
    absent: int | None = None,
    committee: int | None = None,
) -> list[PlanRow]:
    """A row for each adversary and dropout, in order. PlanError where no plan exists."""
    if rule not in RULES:
        raise PlanError(f"no rule is called {rule!r}; there are {', '.join(RULES)}")
    if rule == "packed":
        if peers is None:
            raise PlanError("the packed rule needs the number of peers")
        return [
            _packed_row(peers, adversary, dropout, absent, committee)
            for adversary in adversaries
            for dropout in dropouts
        ]
    return [_paper_row(rule, peers, a, q) for a in adversaries for q in dropouts]


def _packed_row(
    peers: int, adversary: Fraction, dropout: Fraction, absent: int | None, committee: int | None
) -> PlanRow:
    plan = plan_group(peers, adversary, dropout, absent=absent, committee=committee)
    tail = election_tail(plan, peers, adversary, dropout)
    return PlanRow(
        rule="packed",
        peers=peers,
        adversary=float(adversary),
        dropout=float(dropout),
        committee=plan.committee,
        threshold=plan.threshold,
        packing=plan.packing,
        absent=plan.absent,
        degree=plan.degree,
        log2_failure=_finite(tail.log2(times=attempts(peers, adversary, dropout))),
    )


def _paper_row(rule: str, peers: int | None, adversary: Fraction, dropout: Fraction) -> PlanRow:
    found = paper_committee(PAPER_RULES[rule], adversary, dropout)
    return PlanRow(
        rule=rule,
        peers=peers,
        adversary=float(adversary),
        dropout=float(dropout),
        committee=found.committee,
        threshold=found.threshold,
        packing=1,
        absent=None,
        degree=found.threshold,
        log2_failure=_finite(found.failure.log2()),
    )


def _finite(value: float) -> float | None:
    return None if isinf(value) else round(value, 2)
