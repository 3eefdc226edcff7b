"""When a group's evaluation has stopped to get better."""

from __future__ import annotations

import pytest

from protocols.aggregation.progress import Measured, has_stalled


def of(*accuracies: float, within: float = 0.05) -> list[Measured]:
    return [Measured(each, within) for each in accuracies]


@pytest.mark.parametrize(
    ("measured", "patience", "stalled"),
    [
        (of(), 1, False),
        (of(0.5), 1, False),
        (of(0.5, 0.5), 1, True),
        (of(0.5, 0.5), 2, False),
        (of(0.5, 0.54, 0.549), 2, True),
        (of(0.5, 0.54, 0.56), 2, False),
        (of(0.5, 0.52, 0.54, 0.56), 3, False),
        (of(0.9, 0.1, 0.9, 0.9), 3, True),
        (of(0.9, 0.1, 0.5, 0.8), 3, True),
        (of(0.5, 0.7, 0.7, 0.7), 2, True),
        (of(0.5, 0.7, 0.7, 0.8), 2, False),
        (of(0.5, 0.6, within=0.0), 1, False),
        (of(0.5, 0.5, within=0.0), 1, True),
    ],
)
def test_no_better_by_more_than_liars_may_have_moved_it(
    measured: list[Measured], patience: int, stalled: bool
) -> None:
    assert has_stalled(measured, patience) is stalled


def test_each_evaluation_has_its_own_margin() -> None:
    small, wide = Measured(0.6, 0.01), Measured(0.6, 0.2)
    assert not has_stalled([Measured(0.5, 0.01), small], 1)
    assert has_stalled([Measured(0.5, 0.01), wide], 1)
