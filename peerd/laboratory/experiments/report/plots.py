"""Plots as inline SVG. Imports matplotlib when called."""

from __future__ import annotations

import io
from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING, Any

from peerd.laboratory.axes import scale, whole_rounds
from peerd.laboratory.experiments.report.groups import (
    CellResult,
    attack_label,
    curve,
    in_order,
    is_clear,
    rule_label,
    select,
)
from peerd.laboratory.experiments.results import member_seconds

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIZE_INCHES = (7.0, 3.6)
# Okabe and Ito's colours, which people with colour-blindness tell apart.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999933")


def accuracy_per_round(cells: Sequence[CellResult], attack: str) -> str:
    """Every rule's accuracy under one attack: the mean over seeds in the band of all of them."""

    def draw(axes: Axes) -> None:
        for index, rule in enumerate(in_order(cells, rule_label)):
            chosen = select(cells, rule, attack)
            if not chosen:
                continue
            rounds, values = curve(chosen)
            style = _style(index, chosen)
            axes.plot(rounds, [each.mean for each in values], label=rule, **style)
            if len(chosen) > 1:
                low, high = [each.low for each in values], [each.high for each in values]
                axes.fill_between(rounds, low, high, color=style["color"], alpha=0.15, linewidth=0)
        whole_rounds(axes)

    return _figure(draw, f"attack: {attack}")


def accuracy_per_second(cells: Sequence[CellResult], attack: str) -> str:
    """As the paper's Figure 6: accuracy against the CPU seconds that all rounds cost till then.

    A committee member's seconds (check, sum, opening) where the cells were secured; else those of
    encoding, summing and post-processing all updates in one process. No attack changes what a round
    costs: a rule has one cost, the median of all its cells, or one slow moment would move a curve.
    """

    def draw(axes: Axes) -> None:
        for index, rule in enumerate(in_order(cells, rule_label)):
            chosen = select(cells, rule, attack)
            cost = seconds_a_round([cell for cell in cells if rule_label(cell) == rule])
            if chosen and cost is not None:
                rounds, values = curve(chosen)
                seconds = [cost * number for number in rounds]
                means = [each.mean for each in values]
                axes.plot(seconds, means, label=rule, **_style(index, chosen))
        axes.set_xscale("log")
        axes.set_xlabel("CPU seconds")

    return _figure(draw, f"attack: {attack}")


def seconds_a_round(cells: Sequence[CellResult]) -> float | None:
    """CPU seconds of an aggregation: a member's where measured, else of the whole sum in clear.

    The median over the cells; None if nothing was measured.
    """
    members = [each for cell in cells if (each := member_seconds(cell)) is not None]
    if members:
        return median(members)
    whole = [
        cell["seconds"].get("aggregate", 0.0) / cell["rounds"] for cell in cells if cell["rounds"]
    ]
    return median(whole) if whole and median(whole) > 0 else None


def attacks(cells: Sequence[CellResult]) -> list[str]:
    """The attacks of the cells, in order."""
    return in_order(cells, attack_label)


def _style(index: int, cells: Sequence[CellResult]) -> dict[str, Any]:
    line = "--" if all(is_clear(cell) for cell in cells) else "-"
    return {"color": COLOURS[index % len(COLOURS)], "linestyle": line}


def _figure(draw: object, title: str) -> str:
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE_INCHES, layout="constrained")
    FigureCanvasSVG(figure)
    axes = figure.add_subplot()
    draw(axes)  # type: ignore[operator]
    axes.set_title(title)
    scale(axes)
    axes.grid(alpha=0.3)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize="small", frameon=False)
    text = io.StringIO()
    # Equal results make equal pages: no date, and ids from the title.
    with matplotlib.rc_context({"svg.hashsalt": title, "svg.fonttype": "none"}):
        figure.savefig(text, format="svg", metadata={"Date": None})
    drawn = text.getvalue()
    return drawn[drawn.index("<svg") :]
