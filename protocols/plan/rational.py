"""Rationals as people write them. In floats floor(0.29 * 100) is 28."""

from __future__ import annotations

import re
from fractions import Fraction

from protocols.plan.committee import PlanError

LONGEST_RATIONAL = 32
"""Characters of a rational: more would make every exact sum slow."""

_RATIONAL = re.compile(r"[0-9]+(\.[0-9]+|/[0-9]+)?|\.[0-9]+", re.ASCII)


def rational(text: str) -> Fraction:
    """``"0.29"`` or ``"29/100"``, exactly. PlanError for anything else (signs, exponents, nan)."""
    if len(text) > LONGEST_RATIONAL or not _RATIONAL.fullmatch(text):
        raise PlanError(f"{text[:LONGEST_RATIONAL]!r} is not a number such as 0.1 or 1/10")
    try:
        return Fraction(text)
    except ZeroDivisionError:
        raise PlanError(f"{text!r} divides by zero") from None
