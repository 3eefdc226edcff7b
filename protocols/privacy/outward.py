"""Decimals that are rounded upward, or downward, and to the same digits on every machine.

``decimal`` rounds each sum, product and quotient in the direction of its context. Its ``exp`` and
``ln`` are correctly rounded (to the nearest, whatever the context says), so that the next number
upward is a bound; libm's differ between machines. docs/privacy.md, "Rounding".
"""

from __future__ import annotations

from decimal import (
    ROUND_CEILING,
    ROUND_FLOOR,
    Context,
    Decimal,
    DivisionByZero,
    InvalidOperation,
    Overflow,
)
from fractions import Fraction

DIGITS = 60
LARGEST_EXPONENT = Decimal(1_000_000)
"""e to it has 434,295 digits before the point, and the contexts hold 999,999."""


def _context(rounding: str) -> Context:
    """Nothing is taken from the thread's own context, which others may have changed."""
    return Context(
        prec=DIGITS,
        rounding=rounding,
        Emin=-999_999,
        Emax=999_999,
        capitals=1,
        clamp=0,
        flags=[],
        traps=[InvalidOperation, DivisionByZero, Overflow],
    )


UP = _context(ROUND_CEILING)
DOWN = _context(ROUND_FLOOR)
INFINITE = Decimal("Infinity")


def at_least(value: Fraction) -> Decimal:
    """The least decimal of DIGITS digits that is not below ``value``."""
    return UP.divide(Decimal(value.numerator), Decimal(value.denominator))


def at_most(value: Fraction) -> Decimal:
    """The largest decimal of DIGITS digits that is not above ``value``."""
    return DOWN.divide(Decimal(value.numerator), Decimal(value.denominator))


def exp_up(exponent: Decimal) -> Decimal:
    """Not below e^exponent; infinite where that is past any use."""
    if exponent > LARGEST_EXPONENT:
        return INFINITE
    return UP.next_plus(UP.exp(exponent))


def log_up(value: Decimal) -> Decimal:
    """Not below ln value, value > 0."""
    return value if value == INFINITE else UP.next_plus(UP.ln(value))
