"""A clipping norm that follows a quantile of the rows' norms.

Andrew et al., "Differentially Private Learning with Adaptive Clipping" (2021). Each row tells, in
one more coordinate of its vector, whether it was clipped. That coordinate and the gradient share
the norm that a row may have, so that the sum's mechanism, and what a round costs, stay as they are.
Wanted is a fraction γ of rows that are not clipped:

    C ← C · (1 + PACE · share),   share = (Σ counts + noise)/(unit · lot · |D|), cut to [−1, 1]

A row counts γ·unit where it was clipped and −(1 − γ)·unit where not. So the sum is 0 in the mean at
γ, however many rows were drawn. What a site counts is proven to be no more than what a lot of rows
that all count the same do, and C stays within RANGE of where it began: where honest sites draw few
rows, liars may have more say than they.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor, isqrt

import numpy as np

from protocols.aggregation import bits as binary
from protocols.aggregation.contract import AggregationError, Encoded, RowCount
from protocols.proof import FREE, Linear, Segment, SummedConstraint

PACE = 0.2
SHARE = 8
"""A row's count is at most this part of its norm's bound: the gradient keeps 99.2 % of it."""
LEAST_STEPS = 256
RANGE = 32.0
"""C stays within 1/32 to 32 times where it began."""
LEAST_CLIP, MOST_CLIP = 2.0**-20, 2.0**30
"""Of where C begins: numbers that float32 holds whatever they are multiplied with."""
LEAST_QUANTILE = Fraction(1, 3)
"""From here to 2/3, b < n/3 liars who say a lot each don't outweigh n − b others who draw one."""
COUNT, BITS = "clipped rows", "clipped rows in bits"


@dataclass(frozen=True, slots=True)
class ClipQuantile:
    """``wanted`` γ, ``clip`` (C at first), ``steps`` S and ``lot`` as the rule has them.
    AggregationError.
    """

    wanted: Fraction
    clip: Fraction
    steps: int
    lot: Fraction

    def __post_init__(self) -> None:
        if not LEAST_QUANTILE <= self.wanted <= 1 - LEAST_QUANTILE:
            raise AggregationError(
                f"constant quantile = {self.wanted} must be 0, for a clip that stays, or in"
                f" {LEAST_QUANTILE}…{1 - LEAST_QUANTILE}"
            )
        if not LEAST_CLIP <= self.clip <= MOST_CLIP:
            raise AggregationError(
                f"constant clip = {self.clip} is no norm to start at: {LEAST_CLIP:g} to"
                f" {MOST_CLIP:g} are, or quantile = 0"
            )
        if self.steps < LEAST_STEPS:
            raise AggregationError(
                f"constant steps = {self.steps} is too small to count clipped rows beside"
                f" gradients: {LEAST_STEPS} or more, or quantile = 0"
            )

    @property
    def _unit(self) -> Fraction:
        return self.steps // SHARE / max(self.wanted, 1 - self.wanted)

    @property
    def row(self) -> RowCount:
        """What a row counts. A site does no more than a lot's rows that all count the same: then a
        liar has the say of one site, however many rows it claims.
        """
        within, clipped = -int((1 - self.wanted) * self._unit), int(self.wanted * self._unit)
        return RowCount(within, clipped, floor(self.lot * within), ceil(self.lot * clipped))

    @property
    def gradient_steps(self) -> int:
        """What a row's gradient may have of S: both together are no longer."""
        return isqrt(self.steps**2 - max(self.row.clipped, -self.row.within) ** 2)

    # beside the gradients' relation

    @property
    def opened(self) -> Segment:
        """The site's count."""
        return Segment(COUNT, 1, FREE)

    @property
    def hidden(self) -> Segment:
        """The count, from ``least`` on, in bits."""
        return binary.slack(BITS, len(self._weights))

    @property
    def _span(self) -> int:
        return self.row.most - self.row.least

    @property
    def _weights(self) -> Encoded:
        """Of the bits: powers of two, and a last one with which they make what a site may span."""
        span = self._span
        powers = binary.powers(span.bit_length())
        powers[-1] = span - int(powers[:-1].sum())
        return powers

    @property
    def constraint(self) -> SummedConstraint:
        """The bits spell it."""
        linear = (Linear(COUNT, 1), Linear(BITS, -self._weights))
        return SummedConstraint(linear=linear, constant=self.row.least)

    @property
    def modulus_above(self) -> int:
        """What p must exceed so that the bits spell one number only."""
        return 2 * self._span

    def lay_out(self, count: int) -> Encoded:
        """The bits of ``count``. AggregationError for one that no site has."""
        row, weights = self.row, self._weights
        if not row.least <= count <= row.most:
            raise AggregationError(
                f"a count of {count} for clipped rows is not in {row.least}…{row.most}"
            )
        above = count - row.least
        last = int(above > int(weights[:-1].sum()))
        low = binary.to_bits(above - last * int(weights[-1]), weights.size - 1)
        return np.append(low, np.int64(last))

    # post-processing

    def within(self, clip: float) -> float:
        """C, cut to where it may be."""
        first = float(self.clip)
        return min(max(clip, first / RANGE), first * RANGE)

    def moved(self, clip: float, opened: int, weight: int) -> float:
        """The next C: sums, products and quotients of floats, which are the same anywhere."""
        share = float(opened) / float(self._unit * self.lot * weight)
        return self.within(clip * (1 + PACE * min(max(share, -1.0), 1.0)))
