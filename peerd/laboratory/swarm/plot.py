"""Accuracy per round beside the baselines, as a PNG. Imports matplotlib (Agg) when called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from peerd.laboratory.axes import drawable, scale, whole_rounds
from peerd.laboratory.swarm.baselines import LABELS

SIZE_INCHES = (8.0, 4.5)
DOTS_PER_INCH = 120
STYLES = {"no_liars": "--", "plain_mean": ":", "no_noise": ":", "one_curator": "-."}


def plot(document: Mapping[str, Any], path: Path) -> None:
    """Draw a swarm's result document (docs/schemas/swarm.json). OSError when it can't be written.

    Rounds in which somebody was blamed are marked on the swarm's curve.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE_INCHES, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for name, curve in document["baselines"].items():
        label, line = LABELS.get(name, name), STYLES.get(name, "-.")
        seen = [
            (number, drawable(value)) for number, value in enumerate(curve) if value is not None
        ]
        axes.plot([each[0] for each in seen], [each[1] for each in seen], line, label=label)
    measure = _measure(document["rounds"])
    curve = [(each, _value(each, measure)) for each in document["rounds"]]
    known = [(each, drawable(value)) for each, value in curve if value is not None]
    rounds = [each["round"] for each, _ in known]
    axes.plot(rounds, [value for _, value in known], "-o", markersize=3, label="peerd")
    _plot_group(axes, document["rounds"])
    blamed = [(each["round"], value) for each, value in known if each["blamed"]]
    if blamed:
        axes.plot(*zip(*blamed, strict=True), "rv", markersize=9, label="somebody was blamed")
    liars = sum(not peer["honest"] for peer in document["peers"])
    axes.set_title(
        f"{document['task']}, {document['aggregator']}: {len(document['peers'])} peers, "
        f"{liars} liars ({document['attack']})"
    )
    whole_rounds(axes)
    axes.set_ylabel(f"{measure} on held-out data")
    scale(axes)
    axes.grid(alpha=0.3)
    axes.legend(loc="best")
    figure.savefig(path, format="png", dpi=DOTS_PER_INCH)


def _plot_group(axes: Any, rounds: Sequence[Mapping[str, Any]]) -> None:
    """The group's own evaluation, at the round whose model it measured, with what liars can say."""
    seen = [each for each in rounds if each.get("group") and each["group"]["accuracy"] is not None]
    seen = [each for each in seen if each["round"]]  # the first model is no round's
    if not seen:
        return
    at, of = [each["round"] - 1 for each in seen], [each["group"] for each in seen]
    middle = [each["accuracy"] for each in of]
    low = [max(0.0, each["accuracy"] - each["within"]) for each in of]
    high = [min(1.0, each["accuracy"] + each["within"]) for each in of]
    label = f"over all sites' rows ({of[-1]['rows']})"
    (line,) = axes.plot(at, middle, "-", linewidth=1, label=label)
    axes.fill_between(at, low, high, color=line.get_color(), alpha=0.12, linewidth=0)


def _measure(rounds: Sequence[Mapping[str, Any]]) -> str:
    """Accuracy; or, where a task has none, one of what it measures by name (rmse, not r2)."""
    names = [name for each in rounds for name in each.get("metrics", ())]
    known = any(each["accuracy"] is not None for each in rounds)
    return "accuracy" if known or not names else max(names)


def _value(round: Mapping[str, Any], measure: str) -> Any:
    return round["accuracy"] if measure == "accuracy" else round.get("metrics", {}).get(measure)
