"""All that is said of predictions, as one document (docs/schemas/evaluation.json)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerd.evaluation import classification as classes
from peerd.evaluation import regression as values
from peerd.evaluation.intervals import Interval
from peerd.learning.settings import IGNORED

CONFIDENCE = 0.95
_CLASSIFICATION = ("accuracy", "auc", "brier", "per_class", "calibration", "confusion")
_REGRESSION = ("rmse", "mae", "r2")
_WITH_INTERVALS = ("accuracy", "auc", "brier", *_REGRESSION)


def summary(
    names: Sequence[str] | None, targets: NDArray[Any], outputs: NDArray[np.float64]
) -> dict[str, Any]:
    """``names``, ``targets`` (n,) and ``outputs`` as peerd.learning.predictor gives them. What the
    kind of task does not have, or these rows do not define, is None. ValueError where no row has a
    label.
    """
    labelled = ~np.isnan(targets) if names is None else targets != IGNORED
    rows = int(labelled.sum())
    if not rows:
        raise ValueError("no row has a label")
    if names is None:
        found = values.regression(targets[labelled], outputs[labelled])
    else:
        found = classes.classification(targets[labelled], outputs[labelled], names)
    intervals = {name: _pair(found["intervals"].get(name)) for name in _WITH_INTERVALS}
    return {
        "rows": rows,
        "unlabelled": len(targets) - rows,
        "classes": None if names is None else list(names),
        **{name: found.get(name) for name in (*_CLASSIFICATION, *_REGRESSION)},
        "intervals": {
            "confidence": CONFIDENCE,
            **intervals,
        },
        "methods": values.METHODS if names is None else classes.METHODS,
    }


def _pair(interval: Interval) -> list[float] | None:
    return None if interval is None else list(interval)
