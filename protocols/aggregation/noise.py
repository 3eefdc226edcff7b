"""Noise beside an update in its dealing, which can't be used to poison (docs/privacy.md)."""

from __future__ import annotations

from fractions import Fraction

from protocols.aggregation.contract import AggregationError
from protocols.privacy import NOISE_GRID

SLACK = Fraction(1, 1 << 58)
"""How far a round may be from the mechanism that is accounted, in total variation: 2^-60 each for
tables of noise, for blocks of noise that are too long, and for samples with too many rows.
"""


def check_multiplier(noise: Fraction) -> Fraction:
    """AggregationError unless it is a whole number of thousandths."""
    if (noise * NOISE_GRID).denominator != 1:
        raise AggregationError(f"constant noise = {noise} must be a number of thousandths")
    return noise
