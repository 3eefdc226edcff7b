"""An evaluation as PNG or SVG. Imports matplotlib (Agg) when called."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SIZE_INCHES = (11.0, 5.0)
DOTS_PER_INCH = 120
MAX_NUMBERS = 12  # classes whose cells have their counts written in them
MAX_NAMES = 40  # classes whose names fit on an axis
MAX_NAME = 16  # characters of one
MAX_POINTS = 20_000  # beyond these, dots would be one blot and a file of many MB
SEED = 20265


def draw(
    found: Mapping[str, Any], targets: NDArray[Any], outputs: NDArray[np.float64], path: Path
) -> None:
    """Of a summary: confusion and calibration, or of a regression's ``targets`` and ``outputs``
    (n,) the one against the other, and the errors. OSError when it can't be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE_INCHES, layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    if found["classes"] is None:
        known = ~np.isnan(targets)
        _scatter(left, found, targets[known], outputs[known])
        _errors(right, found, outputs[known] - targets[known])
    else:
        _confusion(figure, left, found)
        _calibration(right, found)
    form = path.suffix.removeprefix(".")
    metadata = {"Date": None} if form == "svg" else {}  # the same rows, the same file
    figure.savefig(path, format=form, dpi=DOTS_PER_INCH, metadata=metadata)


def _confusion(figure: Any, axes: Any, found: Mapping[str, Any]) -> None:
    counts = np.array(found["confusion"])
    support = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, support, out=np.zeros(counts.shape), where=support > 0)
    image = axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
    figure.colorbar(image, ax=axes, label="share of the true class", shrink=0.8)
    classes = len(counts)
    if classes <= MAX_NUMBERS:
        for row, column in np.ndindex(counts.shape):
            ink = "white" if shares[row, column] > 0.6 else "black"
            text = str(counts[row, column])
            axes.text(column, row, text, ha="center", va="center", color=ink, parse_math=False)
    if classes <= MAX_NAMES:
        names = [_short(name) for name in found["classes"]]
        size = 10 if classes <= MAX_NUMBERS else 6
        turned = 0 if max(map(len, names)) * classes <= MAX_NAMES else 60
        style = {"fontsize": size, "parse_math": False}
        axes.set_xticks(range(classes), names, rotation=turned, **style)
        axes.set_yticks(range(classes), names, **style)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    axes.set_title(f"{found['rows']} rows, accuracy {_said(found, 'accuracy')}")


def _calibration(axes: Any, found: Mapping[str, Any]) -> None:
    bins = [each for each in found["calibration"]["bins"] if each["rows"]]
    most = max(each["rows"] for each in bins)
    for index, each in enumerate(bins):
        low, width = each["low"], each["high"] - each["low"]
        label = "share of the rows" if index == 0 else None
        share = each["rows"] / found["rows"]
        axes.bar(low, share, width, align="edge", color="0.85", edgecolor="white", label=label)
    axes.plot([0, 1], [0, 1], "--", color="0.5", label="as often right as sure")
    axes.plot(
        [each["confidence"] for each in bins],
        [each["accuracy"] for each in bins],
        "-",
        color="tab:blue",
    )
    axes.scatter(
        [each["confidence"] for each in bins],
        [each["accuracy"] for each in bins],
        s=[20 + 100 * each["rows"] / most for each in bins],
        color="tab:blue",
        label="model (larger: more rows)",
        zorder=3,
    )
    axes.set_xlim(0.0, 1.0)
    axes.set_ylim(0.0, 1.05)
    axes.set_xlabel("probability of the predicted class")
    axes.set_ylabel("accuracy")
    axes.set_title(f"calibration error {found['calibration']['error']:.3f}")
    axes.legend(loc="best", fontsize=9)


def _scatter(
    axes: Any, found: Mapping[str, Any], targets: NDArray[Any], outputs: NDArray[np.float64]
) -> None:
    chosen: Any = slice(None)
    if len(targets) > MAX_POINTS:
        chosen = np.random.default_rng(SEED).choice(len(targets), MAX_POINTS, replace=False)
    size = 16 if len(targets) < 500 else 4
    axes.scatter(targets[chosen], outputs[chosen], s=size, alpha=0.5, linewidths=0, rasterized=True)
    ends = [min(targets.min(), outputs.min()), max(targets.max(), outputs.max())]
    axes.plot(ends, ends, "--", color="0.5")
    axes.set_xlabel("true value")
    axes.set_ylabel("predicted value")
    axes.set_title(f"{found['rows']} rows, R² {_said(found, 'r2')}")


def _errors(axes: Any, found: Mapping[str, Any], errors: NDArray[np.float64]) -> None:
    axes.hist(errors, bins=min(40, max(5, int(np.sqrt(len(errors))))), color="tab:blue", alpha=0.7)
    axes.axvline(0.0, linestyle="--", color="0.5")
    axes.set_xlabel("predicted − true")
    axes.set_ylabel("rows")
    axes.set_title(f"RMSE {_said(found, 'rmse')}")


def _said(found: Mapping[str, Any], name: str) -> str:
    value, interval = found[name], found["intervals"][name]
    if value is None:
        return "not defined"
    return f"{value:.3g}" + (f" [{interval[0]:.3g}, {interval[1]:.3g}]" if interval else "")


def _short(name: str) -> str:
    """Its two ends: names that are alike often differ in the last characters."""
    half = MAX_NAME // 2
    return name if len(name) <= MAX_NAME else f"{name[: half - 1]}…{name[-half:]}"
