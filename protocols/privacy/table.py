"""The magnitudes of symmetric Skellam noise, as a table of thresholds with a proven error.

p(k) = e^(−μ) I_k(μ), μ the variance. The quotients r_k = I_k / I_(k−1) obey
r_k = 1/(2k/μ + r_(k+1)), which from 0 <= r <= 1 far out gives both bounds of each, in whole numbers
alone (docs/privacy.md, "Noise").
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from protocols.privacy.mechanism import PrivacyError

LARGEST_VARIANCE = 1 << 24
"""More would make a table of 10^5 thresholds and more; noise of a coarser grid has less."""

THRESHOLD_BITS = 127
"""Of a threshold, and of the uniform number that is compared with it: 128 bits with the sign's."""

TAIL_BITS = 140
"""Magnitudes beyond the table have a chance of at most 2^(1 − 140)."""

_BITS = 256
_ONE = 1 << _BITS


@dataclass(frozen=True, slots=True)
class NoiseTable:
    """A magnitude is the number of ``thresholds`` that a uniform number below 2^127 reaches.

    ``high``: their upper 64 bits. ``error``: the total-variation distance of what is drawn from
    Skellam noise, for one value, at most.
    """

    thresholds: tuple[int, ...]
    high: npt.NDArray[np.uint64]
    error: Fraction


@lru_cache(maxsize=8)
def noise_table(variance: Fraction) -> NoiseTable:
    """Of noise with this variance. PrivacyError where it is out of range."""
    if not 0 < variance <= LARGEST_VARIANCE:
        raise PrivacyError(
            f"noise has a variance above 0 and at most {LARGEST_VARIANCE}, not {variance}: a"
            " coarser grid needs less"
        )
    last = reach(variance)
    low, high = _cumulative(variance, last)
    least, most = low[-1], high[-1] + (high[-1] >> (TAIL_BITS - 2)) + 1
    thresholds = tuple((part << THRESHOLD_BITS) // most for part in low[:-1])
    upper = (-(-(part << THRESHOLD_BITS) // least) for part in high[:-1])
    off = sum(above - chosen for above, chosen in zip(upper, thresholds, strict=True))
    words = np.array([each >> (THRESHOLD_BITS - 64) for each in thresholds], np.uint64)
    words.setflags(write=False)
    error = Fraction(off, 1 << THRESHOLD_BITS) + Fraction(2, 1 << TAIL_BITS)
    return NoiseTable(thresholds, words, error)


def reach(variance: Fraction) -> int:
    """Least n with Pr[|X| > n] <= 2^(1 − TAIL_BITS) by Bernstein's inequality.

    Pr[X >= n] <= exp(−n² / (2(μ + n/3))), which is at most 2^-bits where
    n² >= 2 ln 2 · bits · (μ + n/3); 2 ln 2 < 1.3863.
    """
    factor = Fraction(13_863, 10_000) * TAIL_BITS
    low, high = 1, 1 << 20
    while low < high:
        middle = (low + high) // 2
        if middle * middle >= factor * (variance + Fraction(middle, 3)):
            high = middle
        else:
            low = middle + 1
    return low


def _cumulative(variance: Fraction, last: int) -> tuple[list[int], list[int]]:
    """I_0 + 2 I_1 + … + 2 I_n over I_0, for n = 0 … ``last``, from below and from above."""
    low, high = [_ONE], [_ONE]
    weight_low = weight_high = _ONE
    for quotient_low, quotient_high in _quotients(variance, last):
        weight_low = weight_low * quotient_low >> _BITS
        weight_high = -(-weight_high * quotient_high >> _BITS)
        low.append(low[-1] + 2 * weight_low)
        high.append(high[-1] + 2 * weight_high)
    return low, high


def _quotients(variance: Fraction, last: int) -> list[tuple[int, int]]:
    """Bounds of I_k / I_(k−1) for k = 1 … ``last``, in units of 2^-256."""
    above, below = variance.numerator, variance.denominator << (_BITS + 1)
    low, high = 0, _ONE
    found = []
    for k in range(last, 0, -1):
        step, rest = divmod(k * below, above)
        low, high = (
            _ONE * _ONE // (step + (rest > 0) + high),
            min(_ONE, -(-_ONE * _ONE // (step + low))),
        )
        found.append((low, high))
    return found[::-1]
