"""Accuracy per round beside the two baselines, as a PNG. Imports matplotlib (Agg) when called."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from peerd.laboratory.axes import drawable, scale

SIZE_INCHES = (8.0, 4.5)
DOTS_PER_INCH = 120


def plot(document: Mapping[str, Any], path: Path) -> None:
    """Draw a swarm's result document (docs/schemas/swarm.json). OSError when it can't be written.

    Rounds in which somebody was blamed are marked on the swarm's curve.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE_INCHES, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    styles = {"no_liars": ("no liars", "--"), "plain_mean": ("plain averaging, same liars", ":")}
    for name, curve in document["baselines"].items():
        label, line = styles.get(name, (name, "-."))
        seen = [
            (number, drawable(value)) for number, value in enumerate(curve) if value is not None
        ]
        axes.plot([each[0] for each in seen], [each[1] for each in seen], line, label=label)
    known = [each for each in document["rounds"] if each["accuracy"] is not None]
    rounds = [each["round"] for each in known]
    values = [drawable(each["accuracy"]) for each in known]
    axes.plot(rounds, values, "-o", markersize=3, label="peerd")
    blamed = [each for each in known if each["blamed"]]
    if blamed:
        heights = [drawable(each["accuracy"]) for each in blamed]
        points = ([each["round"] for each in blamed], heights)
        axes.plot(*points, "rv", markersize=9, label="somebody was blamed")
    liars = sum(not peer["honest"] for peer in document["peers"])
    axes.set_title(
        f"{document['task']}, {document['aggregator']}: {len(document['peers'])} peers, "
        f"{liars} liars ({document['attack']})"
    )
    axes.set_xlabel("round")
    scale(axes)
    axes.grid(alpha=0.3)
    axes.legend(loc="best")
    figure.savefig(path, format="png", dpi=DOTS_PER_INCH)
