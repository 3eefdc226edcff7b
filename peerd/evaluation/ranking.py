"""The area under the ROC curve, with DeLong's variance.

AUC is the share of pairs of a row of the class and a row of another one in which the first has the
higher score; a tie counts a half. Of several classes it is the mean over those that can be told
from the rest (one against the rest). DeLong, DeLong, Clarke-Pearson 1988 write its variance as that
of the rows' *components*; the mean's components are the means of the classes'.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Area:
    """``value``: None where there is one class. ``variance``: NaN where a class has one row."""

    value: float | None
    variance: float = math.nan


def area(scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> Area:
    """Of one class. ``scores`` (n,), ``positive`` (n,): which rows are of it."""
    value, components = _components(scores, positive)
    return Area(value, _variance(components))


def mean_area(
    probabilities: NDArray[np.float64], targets: NDArray[np.int64]
) -> tuple[Area, list[float | None]]:
    """The mean over classes, and each one's. ``probabilities`` (n, classes), ``targets`` (n,)."""
    classes = probabilities.shape[1]
    values: list[float | None] = []
    total, known = np.zeros(len(targets)), []
    for each in range(classes):
        value, components = _components(probabilities[:, each], targets == each)
        values.append(value)
        if value is not None:
            known.append(value)
            total += components
    if not known:
        return Area(None), values
    return Area(float(np.mean(known)), _variance(total / len(known))), values


def _components(
    scores: NDArray[np.float64], positive: NDArray[np.bool_]
) -> tuple[float | None, NDArray[np.float64]]:
    """The area, and each row's part of its deviation (n,): NaN where a class has one row only."""
    negative = ~positive
    m, n = int(positive.sum()), int(negative.sum())
    parts = np.zeros(len(scores))
    if not m or not n:
        return None, parts
    ranks = _midranks(scores)
    higher = (ranks[positive] - _midranks(scores[positive])) / n
    lower = 1 - (ranks[negative] - _midranks(scores[negative])) / m
    value = float(higher.mean())
    parts[positive] = _scaled(higher - value)
    parts[negative] = _scaled(lower - value)
    return value, parts


def _scaled(deviations: NDArray[np.float64]) -> NDArray[np.float64]:
    """So that the sum of their squares is the variance of their mean."""
    rows = len(deviations)
    if rows < 2:
        return np.full(rows, np.nan)
    scaled: NDArray[np.float64] = deviations / math.sqrt(rows * (rows - 1))
    return scaled


def _variance(components: NDArray[np.float64]) -> float:
    return float((components**2).sum())


def _midranks(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks from 1 on; those that tie share the mean of theirs."""
    _, which, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks: NDArray[np.float64] = (np.cumsum(counts) - (counts - 1) / 2)[which.reshape(-1)]
    return ranks
