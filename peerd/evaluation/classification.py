"""What a classifier is worth on labelled rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerd.evaluation.calibration import calibration
from peerd.evaluation.intervals import Interval, normal, variance_of_mean, wilson
from peerd.evaluation.ranking import area, mean_area

RESAMPLES = 2000
SEED = 20264  # of the bootstrap: the same rows give the same interval
METHODS = {
    "accuracy": "Wilson",
    "precision": "Wilson",
    "recall": "Wilson",
    "f1": f"bootstrap percentiles, {RESAMPLES} resamples",
    "auc": "DeLong",
    "brier": "normal",
}


def classification(
    targets: NDArray[np.int64], probabilities: NDArray[np.float64], names: Sequence[str]
) -> dict[str, Any]:
    """Accuracy, AUC, Brier score, calibration, confusion and each class's numbers.

    ``targets`` (n,) in 0…classes−1, n ≥ 1; ``probabilities`` (n, classes); a ``names`` a class.
    What is not defined, such as the AUC of one class, is None.
    """
    predicted = probabilities.argmax(axis=1)
    right = predicted == targets
    rows, classes = len(targets), len(names)
    flat = targets * classes + predicted
    confusion = np.bincount(flat, minlength=classes * classes).reshape(classes, classes)
    auc, areas, auc_interval = _auc(targets, probabilities)
    brier = _brier(targets, probabilities)
    return {
        "accuracy": float(right.mean()),
        "auc": auc,
        "brier": float(brier.mean()),
        "per_class": {
            name: _class(confusion, index) | {"auc": areas[index]}
            for index, name in enumerate(names)
        },
        "calibration": calibration(probabilities[np.arange(rows), predicted], right),
        "confusion": confusion.tolist(),
        "intervals": {
            "accuracy": wilson(int(right.sum()), rows),
            "auc": auc_interval,
            "brier": normal(float(brier.mean()), variance_of_mean(brier), 0.0, 2.0),
        },
    }


def _auc(
    targets: NDArray[np.int64], probabilities: NDArray[np.float64]
) -> tuple[float | None, list[float | None], Interval]:
    """Of two classes that of the second, which is the first's too."""
    if probabilities.shape[1] == 2:
        found = area(probabilities[:, 1], targets == 1)
        areas = [found.value] * 2
    else:
        found, areas = mean_area(probabilities, targets)
    if found.value is None:
        return None, areas, None
    return found.value, areas, normal(found.value, found.variance, 0.0, 1.0)


def _brier(targets: NDArray[np.int64], probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each row's squared distance (n,): of two classes the second's alone, as Brier's is quoted."""
    rows = np.arange(len(targets))
    if probabilities.shape[1] == 2:
        squares: NDArray[np.float64] = (probabilities[:, 1] - (targets == 1)) ** 2
        return squares
    own = probabilities[rows, targets]
    squares = probabilities.copy()
    squares[rows, targets] = 1 - own
    distances: NDArray[np.float64] = np.einsum("ij,ij->i", squares, squares)
    return distances


def _class(confusion: NDArray[np.int64], index: int) -> dict[str, Any]:
    """``confusion`` (classes, classes): true, predicted."""
    hits = int(confusion[index, index])
    support, predicted = int(confusion[index].sum()), int(confusion[:, index].sum())
    counts = (hits, predicted - hits, support - hits)
    return {
        "precision": hits / predicted if predicted else None,
        "recall": hits / support if support else None,
        "f1": 2 * hits / (support + predicted) if support + predicted else None,
        "support": support,
        "intervals": {
            "precision": wilson(hits, predicted),
            "recall": wilson(hits, support),
            "f1": _f1_interval(counts, int(confusion.sum())),
        },
    }


def _f1_interval(counts: tuple[int, int, int], rows: int) -> Interval:
    """Rows drawn again, which is a draw of their true and false positives and false negatives. None
    where each draw gives the same.
    """
    if not sum(counts) or rows < 2:
        return None
    shares = np.array([*counts, rows - sum(counts)]) / rows
    drawn = np.random.default_rng(SEED).multinomial(rows, shares, size=RESAMPLES)
    hits, others = 2 * drawn[:, 0], drawn[:, 1] + drawn[:, 2]
    defined = hits + others > 0
    found = hits[defined] / (hits + others)[defined]
    if not found.size or found.min() == found.max():
        return None
    low, high = np.percentile(found, [2.5, 97.5])
    return float(low), float(high)
