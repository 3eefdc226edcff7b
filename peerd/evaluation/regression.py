"""What predicted values are worth on labelled rows."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerd.evaluation.intervals import Interval, normal, variance_of_mean

METHODS = {"rmse": "delta method", "mae": "normal", "r2": "delta method"}


def regression(targets: NDArray[np.float64], values: NDArray[np.float64]) -> dict[str, Any]:
    """RMSE, MAE and R², in the targets' unit. ``targets``, ``values`` (n,), n ≥ 1.

    R² is None where all targets are equal; all are, where a difference is beyond a float's range.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        errors = values - targets
        scale = float(np.abs(errors).max()) or 1.0  # squares in this unit are in 0…1
        if not math.isfinite(scale):
            return dict.fromkeys(METHODS) | {"intervals": {}}
        r2, r2_interval = _r2(targets, errors)
    absolute = np.abs(errors) / scale
    mean, square = float(absolute.mean()), float((absolute**2).mean())
    square_interval = normal(square, variance_of_mean(absolute**2), 0.0, math.inf)
    mean_interval = normal(mean, variance_of_mean(absolute), 0.0, math.inf)
    return {
        "rmse": scale * math.sqrt(square),
        "mae": scale * mean,
        "r2": r2,
        "intervals": {
            "rmse": square_interval
            and (scale * math.sqrt(square_interval[0]), scale * math.sqrt(square_interval[1])),
            "mae": mean_interval and (scale * mean_interval[0], scale * mean_interval[1]),
            "r2": r2_interval,
        },
    }


def _r2(targets: NDArray[np.float64], errors: NDArray[np.float64]) -> tuple[float | None, Interval]:
    """1 − M/V of the mean squares of errors and deviations; a row moves it by its influence."""
    if targets.min() == targets.max():
        return None, None
    deviations = targets - targets.mean()
    spread = float(np.abs(deviations).max())
    squares, parts = (deviations / spread) ** 2, (errors / spread) ** 2
    total, left = float(squares.mean()), float(parts.mean())
    value = 1 - left / total
    if not math.isfinite(value):
        return None, None
    influence = ((left / total) * (squares - total) - (parts - left)) / total
    return value, normal(value, variance_of_mean(influence), -math.inf, 1.0)
