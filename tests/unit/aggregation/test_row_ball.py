"""A site's sum in a ball: how long it is, and how far a row moves it."""

from __future__ import annotations

from dataclasses import replace
from math import isqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.aggregation import AggregationError, row_ball
from protocols.aggregation.row_ball import RowBall
from protocols.hashing import digest

S, T = 64, 600
BALL = RowBall(steps=S, rows=40, longest=T)
SIZES = (1, 9, 300)


def entropy(seed: int) -> bytes:
    return digest("tests/ball", seed.to_bytes(8, "little"))


def vector(rng: np.random.Generator, size: int, length: float) -> np.ndarray:
    """Of whole numbers, no longer than ``length``."""
    drawn = rng.standard_normal(size)
    return np.trunc(drawn * (length / np.linalg.norm(drawn))).astype(np.int64)


@given(st.integers(0, 2**32), st.sampled_from(SIZES), st.floats(0, 40 * S))
def test_a_short_sum_stays_and_a_long_one_is_as_long_as_can_be(
    seed: int, size: int, length: float
) -> None:
    sum = vector(np.random.default_rng(seed), size, length)
    dealt = BALL.drawn_in(sum, entropy(seed))
    if np.linalg.norm(sum) <= BALL.inner(size):
        assert np.array_equal(dealt, sum)
        return
    nearest = sum * (BALL.inner(size) / np.linalg.norm(sum))
    assert dealt.dtype == np.int64 and np.abs(dealt - nearest).max() < 1 + 1e-6
    assert np.linalg.norm(dealt) <= T


@given(st.integers(0, 2**32), st.sampled_from(SIZES), st.floats(0, 39 * S))
def test_a_row_moves_it_no_further_than_is_accounted(seed: int, size: int, length: float) -> None:
    rng = np.random.default_rng(seed)
    sum, row = vector(rng, size, length), vector(rng, size, S)
    ahead = -row if seed % 2 else vector(rng, size, S)
    for moved in (sum + row, sum + ahead):
        step = BALL.drawn_in(moved, entropy(seed)) - BALL.drawn_in(sum, entropy(seed))
        assert int(step @ step) <= BALL.squared_norm(size)


def test_it_is_rounding_that_costs_and_coins_that_make_it_cost_so_little() -> None:
    """A row that is next to nothing may change half of the coordinates by 1, and no more."""
    size = 10_000
    wide = RowBall(steps=4, rows=400, longest=1200)
    sum = vector(np.random.default_rng(1), size, 1500)
    row = np.zeros(size, np.int64)
    row[0] = 4
    step = wide.drawn_in(sum + row, entropy(1)) - wide.drawn_in(sum, entropy(1))
    assert int(step @ step) <= wide.squared_norm(size) < size / 2


def test_the_mean_is_the_point_of_the_ball() -> None:
    sum = vector(np.random.default_rng(3), 9, 1000)
    dealt = np.array([BALL.drawn_in(sum, entropy(seed)) for seed in range(4000)])
    nearest = sum * (BALL.inner(9) / np.linalg.norm(sum))
    assert np.abs(dealt.mean(axis=0) - nearest).max() < 5 * 0.5 / 4000**0.5


def test_coins_are_of_the_entropy_and_of_each_coordinate() -> None:
    sum = np.full(200_000, 5, np.int64)  # more than one part
    ball = RowBall(steps=1024, rows=4, longest=1000)
    dealt = ball.drawn_in(sum, entropy(1))
    assert np.array_equal(dealt, ball.drawn_in(sum, entropy(1)))
    up = dealt > dealt.min()
    other = ball.drawn_in(sum, entropy(2)) > dealt.min()
    chance = up.mean()
    assert 0.05 < chance < 0.95
    alike = chance**2 + (1 - chance) ** 2
    half = len(sum) // 2
    assert abs((up == other).mean() - alike) < 0.01
    assert abs((up[:half] == up[half:]).mean() - alike) < 0.01


def test_the_longest_sum_fits() -> None:
    ball = RowBall(steps=1 << 16, rows=1 << 16, longest=1 << 24)
    for sum in (np.array([-(1 << 32)]), np.full(4, 1 << 31)):
        dealt = ball.drawn_in(sum, entropy(1))
        exact = sum * (ball.inner(len(sum)) / np.linalg.norm(sum.astype(np.float64)))
        assert np.abs(dealt - exact).max() <= 2 + len(sum)
        assert np.linalg.norm(dealt) <= 1 << 24


def test_what_is_too_long_after_all_is_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the room that coins need: such a sum would tell, by not being dealt, that it is."""
    monkeypatch.setattr(RowBall, "inner", lambda self, parameters: self.longest)
    sum = vector(np.random.default_rng(3), 9, 1000)
    dealt = [BALL.drawn_in(sum, entropy(seed)) for seed in range(100)]
    lengths = {bool(each.any()): np.linalg.norm(each) for each in dealt}
    assert set(lengths) == {True, False} and lengths[True] <= T


@pytest.mark.parametrize("size", [9, 10_000])
def test_the_room_that_is_left_is_no_guess(size: int) -> None:
    """By the two bounds of Hoeffding's; twice as much would be one."""
    ball = RowBall(steps=1024, rows=256, longest=16 * 1024)
    root, missed = (22 * size) ** 0.5, row_ball.RARELY
    assert missed == 44
    moved = 1024 + 2.0**-11
    exact = moved**2 + 2 * moved * 22**0.5 + size / 4 + root
    assert exact <= ball.squared_norm(size) <= exact + 2
    inner = ball.inner(size)
    assert inner**2 + 2 * inner * 22**0.5 + size / 4 + root <= ball.longest**2
    assert inner + 7 > isqrt(int(ball.longest**2 - size / 4 - root))


@pytest.mark.parametrize("few", [replace(BALL, longest=10), replace(BALL, steps=4)])
def test_rounding_that_would_take_too_much(few: RowBall) -> None:
    BALL.check(300)
    with pytest.raises(AggregationError, match="are few for 300 parameters"):
        few.check(300)
