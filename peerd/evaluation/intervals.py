"""95 % intervals, each None where there is none."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Interval: TypeAlias = "tuple[float, float] | None"
Z = 1.959963984540054  # the normal distribution's 97.5 % point


def wilson(successes: int, trials: int) -> Interval:
    """Of a proportion (Wilson 1927): also where nothing, or everything, succeeded."""
    if not trials:
        return None
    share, weight = successes / trials, Z * Z / trials
    middle = (share + weight / 2) / (1 + weight)
    half = Z / (1 + weight) * math.sqrt(share * (1 - share) / trials + weight / (4 * trials))
    low = 0.0 if successes == 0 else middle - half
    high = 1.0 if successes == trials else middle + half
    return max(low, 0.0), min(high, 1.0)


def normal(value: float, variance: float, low: float, high: float) -> Interval:
    """Of an estimate with this ``variance``, cut to what is possible; none of a variance that is 0
    or unknown.
    """
    if not (math.isfinite(variance) and variance > 0):
        return None
    half = Z * math.sqrt(variance)
    return max(value - half, low), min(value + half, high)


def variance_of_mean(values: NDArray[np.float64]) -> float:
    """Of the mean of ``values`` (n,); NaN for n < 2."""
    return float(values.var(ddof=1) / len(values)) if len(values) > 1 else math.nan
