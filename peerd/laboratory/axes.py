"""How every plot of a metric is scaled."""

from __future__ import annotations

from typing import Any

MOST = 1e200
"""Matplotlib's own arithmetic overflows with what is larger."""


def drawable(value: float) -> float:
    """``value``, or as much of it as can be drawn."""
    return max(-MOST, min(MOST, value))


def whole_rounds(axes: Any) -> None:
    """An axis of rounds has no ticks between two of them."""
    from matplotlib.ticker import MaxNLocator

    axes.set_xlabel("round")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def scale(axes: Any) -> None:
    """From 0 to 1 where all that is drawn is a share; a metric may be any number, though."""
    low, high = axes.dataLim.intervaly
    is_share = low >= 0 and high <= 1
    if is_share:
        axes.set_ylim(0.0, 1.0)
    axes.set_ylabel("accuracy on held-out data" if is_share else "metric on held-out data")
