"""Reading an aggregator's constants: integers, and rationals as strings such as "1/100".

A genesis holds no floats: two machines would have to agree on how to print them.
"""

from __future__ import annotations

import re
from fractions import Fraction

from protocols.aggregation.contract import AggregationError, Constants

# Long enough for every constant that makes sense, short enough to parse at once.
MAX_RATIONAL_LENGTH = 40
_RATIONAL = re.compile(r"(0|[1-9][0-9]*)(/[1-9][0-9]*)?", re.ASCII)


def complete(name: str, given: Constants, defaults: Constants) -> dict[str, int | str]:
    """``given`` over ``defaults``; a key without a default is refused."""
    unknown = sorted(set(given) - set(defaults))
    if unknown:
        known = ", ".join(sorted(defaults))
        raise AggregationError(f"{name} has no constant {unknown[0]!r}; it has {known}")
    return {**defaults, **given}


def integer(constants: Constants, key: str, low: int, high: int) -> int:
    """The constant as an integer in [low, high]."""
    value = constants[key]
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise AggregationError(f"constant {key} = {value!r} must be an integer in {low}…{high}")
    return value


def rational(constants: Constants, key: str, high: Fraction) -> Fraction:
    """The constant as a fraction in [0, high], written as 3, "3" or "1/100"."""
    value = constants[key]
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if (
        not isinstance(value, str)
        or len(value) > MAX_RATIONAL_LENGTH
        or not _RATIONAL.fullmatch(value)
    ):
        raise AggregationError(f"constant {key} = {value!r} must be a fraction such as 1/100, or 2")
    fraction = Fraction(value)
    if fraction > high:
        raise AggregationError(f"constant {key} = {value} must not exceed {high}")
    return fraction


def positive(constants: Constants, key: str, high: Fraction) -> Fraction:
    """The same in (0, high]: a rate or a bound that may not be 0."""
    fraction = rational(constants, key, high)
    if not fraction:
        raise AggregationError(f"constant {key} must be positive, or nothing is learnt")
    return fraction


def choice(constants: Constants, key: str, allowed: tuple[str, ...]) -> str:
    """The constant as one of ``allowed``."""
    value = constants[key]
    if not isinstance(value, str) or value not in allowed:
        raise AggregationError(f"constant {key} = {value!r} must be one of {', '.join(allowed)}")
    return value


def momentum(constants: Constants) -> Fraction:
    """The constant ``momentum`` as a fraction in [0, 1)."""
    value = rational(constants, "momentum", Fraction(1))
    if value == 1:
        raise AggregationError("constant momentum must be below 1, or no gradient counts")
    return value
