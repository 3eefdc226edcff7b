"""What a group promises to the people behind its rows, as its genesis has it (docs/privacy.md)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from peerd.group import fields as rules
from protocols.privacy import LARGEST_EPSILON, MAX_ROUNDS, Budget
from protocols.record.budget import UNITS

KEYS = ("unit", "epsilon", "delta", "rounds")
LARGEST_DELTA = Fraction(1, 100)
MAX_DIGITS = 80
"""Characters of a rational."""
WHOSE = {
    "record": "a record's presence at a site",
    "member": "all that a member deals",
}
ASSUMPTIONS = (
    "what other groups, or a group that is founded anew, open of the same rows adds up: this group,"
    " and those that it follows, count their own rounds alone",
    "a unit is one row, or one member: of a person with k rows e^(k times epsilon) is the least",
    "no more members lie than the group tolerates: they may withhold their noise, and what the"
    " others add is enough without it; more noise than is counted costs nobody anything",
    "each site's machine and its random numbers are its own; what it keeps, or shows to its own"
    " people, is not counted",
    "hashes and encrypted channels hold: against who breaks them nothing is promised",
)
_TEN = re.compile(r"10*")


@dataclass(frozen=True, slots=True)
class Privacy:
    """(ε, δ) over all ``rounds``, of each ``unit``: "record" or "member". Behind them the group
    stops.
    """

    unit: str
    epsilon: Fraction
    delta: Fraction
    rounds: int

    @property
    def budget(self) -> Budget:
        return Budget(self.epsilon, self.delta)


def check_privacy(value: object) -> Privacy | None:
    """From plain values, or what is read already. GroupError names what is wrong; None where
    nothing is promised.
    """
    if value is None:
        return None
    given = privacy_content(value) if isinstance(value, Privacy) else value
    given = rules.check_mapping("privacy", given)
    if set(given) != set(KEYS):
        raise rules.refused("privacy", f"must hold exactly {', '.join(KEYS)}")
    unit = given["unit"]
    if not isinstance(unit, str) or unit not in UNITS:
        raise rules.refused(
            "privacy.unit", f"must be {' or '.join(UNITS)}, not {rules.shown(unit)}"
        )
    return Privacy(
        unit,
        _rational("epsilon", given["epsilon"], LARGEST_EPSILON),
        _rational("delta", given["delta"], LARGEST_DELTA),
        rules.check_integer("privacy.rounds", given["rounds"], 1, MAX_ROUNDS),
    )


def _rational(name: str, text: object, most: Fraction) -> Fraction:
    if isinstance(text, str) and len(text) > MAX_DIGITS:
        raise rules.refused(f"privacy.{name}", f"has more than {MAX_DIGITS} characters")
    value = rules.parse_rational(f"privacy.{name}", text)
    if not 0 < value <= most:
        raise rules.refused(
            f"privacy.{name}", f"must be more than 0 and at most {most}, not {value}"
        )
    return value


def privacy_content(privacy: Privacy) -> dict[str, Any]:
    """As plain values, which ``check_privacy`` reads."""
    return {
        "unit": privacy.unit,
        "epsilon": str(privacy.epsilon),
        "delta": str(privacy.delta),
        "rounds": privacy.rounds,
    }


def in_words(privacy: Privacy | None) -> str:
    """What a person reads before it signs."""
    if privacy is None:
        return "none: nothing is promised of what a round's sum tells of people"
    rounds = f"{privacy.rounds} round{'' if privacy.rounds == 1 else 's'}"
    return (
        f"after {rounds} the group stops: {WHOSE[privacy.unit]} changes any outcome's chance by at"
        f" most a factor e^{number(privacy.epsilon)}, except with probability"
        f" {number(privacy.delta)}"
    )


def rounds_of(privacy: Privacy | None) -> int | None:
    """After which the budget is spent, and the group stops; None for none."""
    return None if privacy is None else privacy.rounds


def number(value: Fraction) -> str:
    """As people write it: 2, 0.5, 10^-6."""
    below = str(value.denominator)
    if value.numerator == 1 and _TEN.fullmatch(below) and len(below) > 3:
        return f"10^-{len(below) - 1}"
    return f"{float(value):.6g}"
