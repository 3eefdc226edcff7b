"""A site's sum of rows, drawn in to a ball: then a liar pushes no further than an honest site may.

A sum s longer than T′ becomes s·T′/‖s‖, the nearest point of a ball. That moves no further than s
does, so that a row is worth no more than before; but whole numbers must be dealt, and to round them
moves them. Each coordinate is rounded up or down by a coin with the chances that keep its mean.
The coins are the same whether a row is there or not: then it moves what is dealt by x + e, where
‖x‖ is what it moves the sum by, and each e_i has mean 0, within an interval of length 1.
Hoeffding's inequality bounds ⟨x, e⟩ and ‖e‖² (docs/privacy.md has the proof).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, isqrt

import numpy as np

from protocols.aggregation.contract import AggregationError, Encoded
from protocols.hashing import Xof

BITS = 30
"""Of the fraction that a coordinate is rounded from: 2^32 times 2^30 fit an int64."""
RARELY = 44
"""Each of Hoeffding's two bounds is missed with chance e^-44; both, three times, below 2^-60."""
PART = 1 << 16
_DOMAIN = "peerd/aggregation/row ball"


@dataclass(frozen=True, slots=True)
class RowBall:
    """``steps``: a row moves the sum by S at most. ``longest``: T, what is dealt is no longer;
    below ``rows`` · S, the longest that a sum can be.
    """

    steps: int
    rows: int
    longest: int

    def squared_norm(self, parameters: int) -> int:
        """‖g‖²: how far a row moves what is dealt, (d,), but for a chance that is paid for in δ."""
        cut = Fraction(2 * self.rows * self.steps, 1 << BITS)  # of both factors, see ``_factor``
        moved = self.steps + cut
        return ceil(moved**2 + _moved_by_coins(moved, parameters))

    def inner(self, parameters: int) -> int:
        """T′: a sum of that length, rounded, is no longer than T, but for such a chance."""
        room = self.longest**2 - ceil(_moved_by_coins(Fraction(0), parameters))
        return max(0, isqrt(max(0, room)) - ceil(_ROOT))

    def check(self, parameters: int) -> None:
        """AggregationError where rounding takes a tenth of T, or a row's square becomes twice."""
        shorter = 10 * self.inner(parameters) < 9 * self.longest
        if shorter or self.squared_norm(parameters) > 2 * self.steps**2:
            raise AggregationError(
                f"steps = {self.steps} are few for {parameters} parameters, and sums of"
                f" {self.longest} at most: to round such a sum would take much of it. More steps,"
                " or a larger radius, would do"
            )

    def drawn_in(self, sum: Encoded, entropy: bytes) -> Encoded:
        """What is dealt of the ``sum`` (d,): itself, or the point of the ball, rounded by coins.

        ``entropy``: secret bytes, never used before. Both cases take the same steps.
        """
        factor = self._factor(_squared(sum), self.inner(len(sum)))
        coins = Xof(_DOMAIN, entropy)
        dealt = np.empty(len(sum), np.int64)
        for start in range(0, len(sum), PART):
            part = sum[start : start + PART]
            words = np.frombuffer(coins.read(4 * len(part)), "<u4") >> np.uint32(32 - BITS)
            dealt[start : start + PART] = (part * factor + words.astype(np.int64)) >> BITS
        fits = _squared(dealt) <= self.longest**2
        return dealt * int(fits)

    @staticmethod
    def _factor(squared: int, inner: int) -> int:
        """T′/‖s‖ in 2^-30, rounded down, and 1 at most: off by less than ‖s‖·2^-30 in length."""
        return min(1 << BITS, isqrt((inner**2 << 2 * BITS) // max(1, squared)))


_ROOT = Fraction(isqrt(RARELY * 10**12 // 2) + 1, 10**6)
"""√(RARELY/2), rounded up."""


def _moved_by_coins(moved: Fraction, parameters: int) -> Fraction:
    """2⟨x, e⟩ + ‖e‖² at most, where ‖x‖ is ``moved``: 2‖x‖√(L/2) + d/4 + √(dL/2)."""
    root = isqrt(RARELY * parameters // 2) + 1
    return 2 * moved * _ROOT + Fraction(parameters, 4) + root


def _squared(vector: Encoded) -> int:
    """Σ v_j², exactly: of numbers up to 2^32, in halves of 16 bits."""
    high, low = vector >> 16, vector & 0xFFFF
    parts = ((high, high, 32), (high, low, 17), (low, low, 0))
    return sum(int(np.dot(one, other)) << shift for one, other, shift in parts)
