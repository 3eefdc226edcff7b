"""With which chance a site draws each of its rows: so that a batch of fixed size holds the sample.

Time and length of a dealing must not tell how many rows were drawn, so a site always computes the
same number. A sample that does not fit is cut, and docs/privacy.md pays 2^-60 for that: the rate of
a site with many rows is the largest one with which it is as rare. Nothing is computed in floats.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

from peerd.errors import TaskError
from protocols.privacy.outward import DOWN, UP, at_least, at_most, log_up

WORD_BITS = 64
"""A rate is a number of 2^-64: what a word of random bits is compared with."""
OVERFLOW_BITS = 60
"""More rows than the batch holds are drawn with a chance of 2^-60 at most."""
_BLOCK = 512  # factors of a binomial coefficient between two logarithms


@lru_cache(maxsize=16)
def threshold(rate: Fraction, rows: int, count: int) -> int:
    """The largest t in 1…2^64 with t/2^64 <= ``rate`` and Pr[Binomial(``count``, t/2^64) >
    ``rows``] <= 2^-60, as far as a bound from above shows it.

    TaskError where there is none: the rate, or the batch, is too small to draw any row.
    """
    most = int(rate * (1 << WORD_BITS))
    if count > rows:
        most = _largest(most, rows, count)
    if not most:
        raise TaskError(
            f"no row of {count} can be drawn with a rate of {rate} into a batch of {rows}",
            "the group's constants rate or rows are too small: found it with larger ones",
        )
    return most


def rate_of(threshold: int) -> Fraction:
    """What a word below ``threshold`` has as its chance."""
    return Fraction(threshold, 1 << WORD_BITS)


def _largest(most: int, rows: int, count: int) -> int:
    """By bisection: a larger rate has a larger tail, and the bound grows with it."""
    choices = _log_choose_up(count, rows + 1)
    low, high = 0, most + 1
    while high - low > 1:
        middle = (low + high) // 2
        if _is_rare(rate_of(middle), rows, count, choices):
            low = middle
        else:
            high = middle
    return low


def _is_rare(rate: Fraction, rows: int, count: int, choices: Decimal) -> bool:
    """Whether Pr[X > rows] is shown to be 2^-60 at most.

    With t = Pr[X = rows + 1] and r = Pr[X = rows + 2]/t, later ratios are below r, so that the
    tail is t/(1 − r) at most. That is ln t <= −60 ln 2 + ln(1 − r), each side outward.
    """
    if rate == 1:
        return False
    ratio = Fraction(count - rows - 1, rows + 2) * rate / (1 - rate)
    if ratio >= 1:
        return False
    drawn = UP.multiply(Decimal(rows + 1), log_up(at_least(rate)))
    others = UP.multiply(Decimal(count - rows - 1), log_up(at_least(1 - rate)))
    term = UP.add(UP.add(choices, drawn), others)
    allowed = Fraction(1, 1 << OVERFLOW_BITS) * (1 - ratio)
    return term <= _log_down(at_most(allowed))


def _log_choose_up(count: int, chosen: int) -> Decimal:
    """Not below ln(count over chosen). Products in between, or numbers would be megabytes long."""
    total, product = Decimal(0), Decimal(1)
    for at in range(chosen):
        factor = UP.divide(Decimal(count - at), Decimal(at + 1))
        product = UP.multiply(product, factor)
        if at % _BLOCK == _BLOCK - 1:
            total, product = UP.add(total, log_up(product)), Decimal(1)
    return UP.add(total, log_up(product))


def _log_down(value: Decimal) -> Decimal:
    """Not above ln value: ``ln`` is correctly rounded, to the nearest."""
    return DOWN.next_minus(DOWN.ln(value))
