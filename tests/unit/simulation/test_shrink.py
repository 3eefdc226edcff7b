"""Shrinking finds the operations that matter, and stops when its runs give out."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from peerd.laboratory.simulation.shrink import MAX_RUNS, shrink


@given(st.sets(st.integers(0, 40), max_size=4), st.integers(1, 41))
def test_what_is_left_is_just_what_fails(needed: set[int], size: int) -> None:
    items = list(range(41))
    random.Random(size).shuffle(items)
    left = shrink(items, lambda kept: needed <= set(kept))
    assert set(left) == needed
    assert left == [item for item in items if item in needed], "in their order"


def test_either_of_two_reasons_is_enough() -> None:
    left = shrink(list(range(20)), lambda kept: {3, 4} <= set(kept) or 17 in kept)
    assert left == [17] or left == [3, 4]


def test_it_gives_up_in_time_with_a_list_that_fails() -> None:
    runs = []

    def fails(kept: list[int]) -> bool:
        runs.append(kept)
        return len(kept) % 7 == 0

    left = shrink(list(range(700)), fails)
    assert len(runs) <= MAX_RUNS
    assert len(left) % 7 == 0
