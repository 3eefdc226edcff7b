"""DP-SGD's rule: rows' sums in integers, and the step that follows from an opened one."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.aggregation import AggregationError, aggregator
from protocols.aggregation.contract import RowRule, private
from protocols.field import FAMILY

CONSTANTS = {"rate": "1/50", "rows": 4, "steps": 64, "lot": "2", "noise": "3/2", "eta": "1/4"}
RULE = aggregator("dp-sgd", {**CONSTANTS, "radius": "2"})
BALL = aggregator("dp-sgd", {**CONSTANTS, "radius": "3/4"})
MODEL = np.linspace(-1, 1, 9).astype(np.float32)


def rows(seed: int, count: int = 9) -> np.ndarray:
    """A sum of four rows, as long as can be at most."""
    drawn = np.random.default_rng(seed).standard_normal((4, count))
    drawn *= 64 / np.linalg.norm(drawn, axis=1, keepdims=True)
    return np.trunc(drawn).astype(np.int64).sum(axis=0)


@given(seed=st.integers(0, 2**32))
def test_sums_of_rows_are_in_v_and_come_back(seed: int) -> None:
    update = rows(seed)
    encoded = RULE.encode(MODEL, update)
    assert RULE.relation(9).violations(FAMILY[-1].p, encoded) == []
    assert np.array_equal(RULE.preimage(MODEL, encoded), update)


def test_the_longest_sum_is_taken_and_a_longer_one_is_not() -> None:
    longest = np.zeros(9, np.int64)
    longest[3] = -4 * 64
    assert len(RULE.encode(MODEL, longest)) == RULE.relation(9).length
    for other in (longest * 2, longest - 1, longest.astype(np.float64), longest[:-1]):
        with pytest.raises(AggregationError):
            RULE.encode(MODEL, other)  # type: ignore[arg-type]
    changed = RULE.encode(MODEL, longest)
    changed[-1] ^= 1
    with pytest.raises(AggregationError):
        RULE.preimage(MODEL, changed)


def test_a_step_is_the_mean_of_clipped_gradients() -> None:
    opened = rows(1) + rows(2) + 1000  # noise has no bound that the rule knows
    moved = RULE.apply(MODEL, opened, 2, 5)
    expected = MODEL - 0.25 * opened / 64 / 2 / 2
    assert moved.dtype == np.float32 and np.allclose(moved, expected, rtol=1e-6)
    with pytest.raises(AggregationError):
        RULE.apply(MODEL, opened[:-1], 2, 5)


def test_what_a_round_releases() -> None:
    noisy = private(RULE)
    assert noisy is not None and noisy.unit == "record"
    found = noisy.mechanism(9)
    assert (found.squared_norm, found.rate) == (64**2, Fraction(1, 50))
    assert found.variance == (Fraction(3, 2) * 64) ** 2
    assert RULE.local_rule(3) == RowRule(Fraction(1, 50), Fraction(1), 64, 4)


def test_a_smaller_radius_draws_sums_in() -> None:
    """A row then moves what is dealt by somewhat more, and noise follows that."""
    assert BALL.local_rule(0) == RowRule(Fraction(1, 50), Fraction(1), 64, 4, longest=96)
    noisy = private(BALL)
    assert noisy is not None
    found = noisy.mechanism(9)
    assert 64**2 < found.squared_norm < 1.3 * 64**2
    assert found.variance == Fraction(9, 4) * found.squared_norm
    longest = np.zeros(9, np.int64)
    longest[3] = -96
    encoded = BALL.encode(MODEL, longest)
    assert BALL.relation(9).violations(FAMILY[-1].p, encoded) == []
    with pytest.raises(AggregationError, match="longer than 96"):
        BALL.encode(MODEL, longest - 1)


def test_with_a_quantile_the_step_is_no_longer() -> None:
    """A row's gradient is shorter then, and sums are divided by as much less."""
    rule = aggregator("dp-sgd", {"quantile": "1/2"})
    rows = rule.local_rule(0)
    assert isinstance(rows, RowRule) and rows.longest == 16 * rows.steps < 16 * 1024
    vector = np.append(np.zeros(9, np.float32), np.float32(1))
    opened = np.zeros(10, np.int64)
    opened[0] = rows.longest
    assert rule.apply(vector, opened, 1, 0)[0] == pytest.approx(-0.25)
    assert aggregator("dp-sgd", {"quantile": "1/2", "radius": "4"}).local_rule(0).longest is None


def test_steps_that_are_few_for_a_model() -> None:
    rule = aggregator("dp-sgd", {"steps": 256})
    assert rule.relation(1000)
    with pytest.raises(AggregationError, match="steps = 256 are few for 1000000 parameters"):
        rule.relation(1_000_000)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("radius", "0"),
        ("radius", "1/65"),
        ("noise", "1/3000"),
        ("rate", "0"),
        ("rate", "2"),
        ("rows", 0),
        ("lot", "0"),
        ("theta", 3),
    ],
)
def test_constants_that_are_none(key: str, value: int | str) -> None:
    with pytest.raises(AggregationError, match=key):
        aggregator("dp-sgd", {key: value})


def test_a_long_sum_is_proven_in_parts() -> None:
    rule = aggregator("dp-sgd", {"rows": 256, "steps": 1024, "radius": "4"})
    update = np.random.default_rng(1).integers(-4000, 4000, 9000)
    encoded = rule.encode(np.zeros(9000, np.float32), update)
    relation = rule.relation(9000)
    assert len([segment for segment in relation.segments if segment.opened]) > 1
    assert relation.violations(FAMILY[-1].p, encoded) == []


def test_too_many_steps_for_the_largest_field() -> None:
    wide = {"steps": 1 << 16, "rows": 1 << 16, "radius": "1024"}
    with pytest.raises(AggregationError, match="fewer steps, or a smaller radius"):
        aggregator("dp-sgd", wide).relation(1000)
