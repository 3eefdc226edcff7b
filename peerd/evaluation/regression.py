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
    with np.errstate(over="ignore"):
        errors = values - targets
    absolute = np.abs(errors)
    scale = float(absolute.max()) or 1.0  # squares of large numbers stay finite
    if not math.isfinite(scale * len(errors)):
        return dict.fromkeys(METHODS) | {"intervals": {}}
    squares = (errors / scale) ** 2
    mean_square = float(squares.mean())
    mae = float(absolute.mean())
    r2, r2_interval = _r2(targets, errors)
    return {
        "rmse": scale * math.sqrt(mean_square),
        "mae": mae,
        "r2": r2,
        "intervals": {
            "rmse": _root(normal(mean_square, variance_of_mean(squares), 0.0, math.inf), scale),
            "mae": normal(mae, variance_of_mean(absolute), 0.0, math.inf),
            "r2": r2_interval,
        },
    }


def _root(interval: Interval, scale: float) -> Interval:
    if interval is None:
        return None
    return scale * math.sqrt(interval[0]), scale * math.sqrt(interval[1])


def _r2(targets: NDArray[np.float64], errors: NDArray[np.float64]) -> tuple[float | None, Interval]:
    """1 − M/V of the mean squares of errors and deviations; a row moves it by its influence."""
    deviations = targets - targets.mean()
    if not np.ptp(targets) > 0:
        return None, None
    spread = float(np.abs(deviations).max())
    squares, parts = (deviations / spread) ** 2, (errors / spread) ** 2
    total, left = float(squares.mean()), float(parts.mean())
    value = 1 - left / total
    if not math.isfinite(value):
        return None, None
    influence = ((left / total) * (squares - total) - (parts - left)) / total
    return value, normal(value, variance_of_mean(influence), -math.inf, 1.0)
