"""A group's privacy budget: how many rounds it may be charged, and what its lineage was charged.

A round is charged once a cohort is decided in it: with its result, or with the word that the cohort
was given up (docs/protocol.md §6). Both are certificates, so that everybody counts alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache

from protocols.aggregation.contract import Aggregator, private
from protocols.errors import ProtocolError, WireError
from protocols.privacy import Budget, Mechanism, Phase, PrivacyError, rounds_within
from protocols.wire.schema import MAX_ROUND, Bytes, Integer, ListOf, Tuple

UNITS = ("record", "member")
MAX_CHARGES = 256
"""Mechanisms of all groups of a lineage; one that stays the same counts once."""
MAX_NUMBER = 256
"""Characters of a number in a charge."""
_NUMBER = Bytes(MAX_NUMBER)
_RATIONAL = re.compile(rb"[0-9]+(/[0-9]+)?")
"""No exponent: a few characters would make a number of gigabytes."""
CHARGES = ListOf(
    Tuple((Bytes(16), _NUMBER, _NUMBER, _NUMBER, _NUMBER, Integer(MAX_ROUND, 1))), MAX_CHARGES
)
"""As a handover tells them: unit, variance, squared norm, rate, slack, rounds."""
Told = tuple[bytes, bytes, bytes, bytes, bytes, int]


@dataclass(frozen=True, slots=True)
class Charge:
    """So many rounds of one mechanism. ``unit``: whom its noise hides."""

    unit: str
    mechanism: Mechanism
    rounds: int

    @property
    def phase(self) -> Phase:
        return Phase(self.mechanism, self.rounds)

    def told(self) -> Told:
        """As a handover has it."""
        said = self.mechanism
        numbers = (said.variance, said.squared_norm, said.rate, said.slack)
        variance, norm, rate, slack = (str(number).encode() for number in numbers)
        return self.unit.encode(), variance, norm, rate, slack, self.rounds


def charge_of(told: Told) -> Charge:
    """The inverse of ``Charge.told``. WireError for what is none, or has another form."""
    unit, *numbers, rounds = told
    if not all(_RATIONAL.fullmatch(number) for number in numbers):
        raise WireError("a charge with what is no number: digits, and a slash at most")
    try:
        variance, norm, rate, slack = (Fraction(number.decode("ascii")) for number in numbers)
        mechanism = Mechanism(variance, int(norm), rate, slack)
        found = Charge(unit.decode("ascii"), mechanism, rounds)
    except (ValueError, ZeroDivisionError, PrivacyError):
        raise WireError("a charge is of no mechanism") from None
    if found.unit not in UNITS or found.told() != tuple(told):
        raise WireError("a charge in another form than the one that it has")
    return found


def charges_of(told: Iterable[Told]) -> tuple[Charge, ...]:
    """WireError, also where two could be one."""
    found = tuple(charge_of(each) for each in told)
    if together(found) != found:
        raise WireError("two charges of one mechanism")
    return found


def together(charges: Iterable[Charge]) -> tuple[Charge, ...]:
    """Of each mechanism one, in the order of the first; none of no rounds."""
    found: dict[tuple[str, Mechanism], Charge] = {}
    for each in charges:
        known = found.get((each.unit, each.mechanism))
        rounds = each.rounds + (known.rounds if known is not None else 0)
        if rounds:
            found[each.unit, each.mechanism] = replace(each, rounds=rounds)
    return tuple(found.values())


@dataclass(frozen=True, slots=True)
class RoundBudget:
    """What a group's genesis states: ``budget`` for a ``unit``, of rounds of ``mechanism``;
    ``rounds``: R_max, so many at most, and none more where the budget would allow for them.
    """

    unit: str
    budget: Budget
    mechanism: Mechanism
    rounds: int

    def limit(self, earlier: Sequence[Charge]) -> int:
        """So many rounds may be charged, behind what the groups before were; maybe none."""
        phases = tuple(each.phase for each in earlier)
        return min(self.rounds, most_rounds(self.budget, self.mechanism, phases))

    def charge(self, rounds: int) -> Charge:
        return Charge(self.unit, self.mechanism, rounds)


@cache
def most_rounds(budget: Budget, mechanism: Mechanism, earlier: tuple[Phase, ...] = ()) -> int:
    """R_max. A daemon asks again for each group of its lineage, whenever it looks at them."""
    return rounds_within(budget, mechanism, earlier)


def check_budget(budget: RoundBudget | None, rule: Aggregator, earlier: Iterable[Charge]) -> None:
    """ProtocolError unless the budget is this rule's, and counts in one unit with ``earlier``."""
    if budget is None:
        return
    noisy = private(rule)
    if noisy is None:
        raise ProtocolError(f"a privacy budget is for a rule that adds noise, not {rule.name}")
    if noisy.unit != budget.unit:
        raise ProtocolError(
            f"the budget is of a {budget.unit}, and {rule.name} hides a {noisy.unit}"
        )
    if others := sorted({each.unit for each in earlier} - {budget.unit}):
        raise ProtocolError(
            f"the groups before were charged for a {others[0]}, and this one's budget is of a"
            f" {budget.unit}: the two can't be added up"
        )
