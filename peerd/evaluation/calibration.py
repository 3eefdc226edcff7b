"""Whether a model is right as often as it is sure."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 10


def calibration(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> dict[str, Any]:
    """The expected calibration error and its bins, of equal width and open below.

    ``confidence`` (n,) in 0…1: the probability of the class that was predicted; ``right`` (n,).
    """
    places = np.clip(np.ceil(confidence * BINS).astype(np.int64) - 1, 0, BINS - 1)
    rows = np.bincount(places, minlength=BINS)
    sure = np.bincount(places, weights=confidence, minlength=BINS)
    hits = np.bincount(places, weights=right.astype(np.float64), minlength=BINS)
    bins = [
        {
            "low": index / BINS,
            "high": (index + 1) / BINS,
            "rows": int(rows[index]),
            "confidence": float(sure[index] / rows[index]) if rows[index] else None,
            "accuracy": float(hits[index] / rows[index]) if rows[index] else None,
        }
        for index in range(BINS)
    ]
    return {"error": float(np.abs(sure - hits).sum() / len(confidence)), "bins": bins}
