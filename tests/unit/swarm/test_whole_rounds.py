"""An axis of rounds has no ticks between two of them."""

from __future__ import annotations

import pytest

from peerd.laboratory.axes import whole_rounds


@pytest.mark.parametrize("rounds", [1, 2, 3, 4, 7, 30])
def test_ticks_are_whole(rounds: int) -> None:
    pytest.importorskip("matplotlib")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.0, 4.5))
    axes = figure.add_subplot()
    axes.plot(range(rounds), [0.5] * rounds)
    whole_rounds(axes)
    FigureCanvasAgg(figure).draw()
    assert all(tick == int(tick) for tick in axes.get_xticks())
    assert len(axes.get_xticks()) >= min(rounds, 2)
