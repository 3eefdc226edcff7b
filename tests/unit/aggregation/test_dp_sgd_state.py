"""DP-SGD's momentum and its clipping norm that follows a quantile: what goes on between rounds."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.aggregation import AggregationError, aggregator, model_hash
from protocols.aggregation.clip_quantile import PACE, RANGE, ClipQuantile
from protocols.aggregation.contract import first_vector, own_parameters
from protocols.aggregation.dp_sgd import DpSgd
from protocols.field import FAMILY

CONSTANTS: dict[str, int | str] = {
    "rate": "1/2", "rows": 40, "steps": 256, "lot": "20", "noise": "2", "eta": "1/4", "clip": "3"
}  # fmt: skip
OWN = 9
MODEL = np.linspace(-1, 1, OWN).astype(np.float32)


def rule(**more: int | str) -> DpSgd:
    return DpSgd.from_constants({**CONSTANTS, **more})


BOTH = rule(momentum="3/4", quantile="1/3")


def sums(seed: int, length: int = OWN) -> np.ndarray:
    return np.random.default_rng(seed).integers(-300, 300, length)


# -- the vector ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kept", "length"),
    [({}, 9), ({"momentum": "1/2"}, 18), ({"quantile": "1/2"}, 10),
     ({"momentum": "1/2", "quantile": "1/2"}, 19)],
)  # fmt: skip
def test_the_state_lies_behind_the_model(kept: dict[str, str], length: int) -> None:
    chosen = rule(**kept)
    vector = first_vector(chosen, MODEL)
    assert vector.dtype == np.float32 and vector.size == length
    assert np.array_equal(vector[:OWN], MODEL) and own_parameters(chosen, length) == OWN
    assert not vector[OWN : length - ("quantile" in kept)].any()
    assert chosen.clip_at(vector) == 3


def test_a_rule_that_keeps_nothing_has_the_model_alone() -> None:
    mean = aggregator("weighted-mean", {})
    assert own_parameters(mean, 7) == 7 and first_vector(mean, MODEL) is MODEL


@pytest.mark.parametrize("parameters", [0, 1, 2, 4, 18])
def test_no_vector_is_of_another_length(parameters: int) -> None:
    with pytest.raises(AggregationError, match="not a model's"):
        BOTH.relation(parameters)


# -- momentum --------------------------------------------------------------------------------------


def test_momentum_is_the_running_mean_of_steps() -> None:
    chosen = rule(momentum="3/4")
    vector = first_vector(chosen, MODEL)
    w, m = MODEL.astype(np.float64), np.zeros(OWN)
    for round in range(5):
        opened = sums(round)
        m = 0.75 * m + 0.25 * opened * 3 / (256 * 20 * 4)
        w = w - 0.25 * m
        vector = chosen.apply(vector, opened, 4, round)
        assert np.allclose(vector, np.concatenate([w, m]), rtol=1e-5, atol=1e-6)


def test_without_momentum_a_step_has_the_bits_that_it_had() -> None:
    opened = sums(1)
    moved = rule().apply(MODEL, opened, 4, 0)
    step = float(Fraction(1, 4) * 3 / (256 * 20 * 4))
    assert model_hash(moved) == model_hash((MODEL - opened * step).astype(np.float32))


# -- the clipping norm -----------------------------------------------------------------------------


@given(st.fractions(Fraction(1, 3), Fraction(2, 3), max_denominator=100), st.integers(256, 4096))
def test_a_row_with_its_count_is_no_longer_than_the_steps(wanted: Fraction, steps: int) -> None:
    count = ClipQuantile(wanted, Fraction(1), steps, Fraction(64))
    row, gradient = count.row, count.gradient_steps
    assert row.within < 0 < row.clipped
    for said in (row.within, row.clipped):
        assert gradient**2 + said**2 <= steps**2
    assert gradient >= 0.99 * steps - 1
    assert (row.least, row.most) == (64 * row.within, 64 * row.clipped)


@given(st.integers(0, 2**32), st.integers(-105, 105))
def test_sums_with_their_count_are_in_v_and_come_back(seed: int, counted: int) -> None:
    vector = first_vector(BOTH, MODEL)
    update = np.append(sums(seed), counted)
    encoded = BOTH.encode(vector, update)
    relation = BOTH.relation(vector.size)
    assert relation.opened_length == OWN + 1
    assert relation.violations(FAMILY[-1].p, encoded) == []
    assert np.array_equal(BOTH.preimage(vector, encoded), update)
    opened = [part for part in relation.segments if part.opened]
    assert sum(part.length for part in opened) == OWN + 1 and opened[-1].length == 1


def test_a_count_beyond_its_bound_is_in_no_dealing() -> None:
    vector, count = first_vector(BOTH, MODEL), BOTH.count
    assert count is not None
    least, most, relation = count.row.least, count.row.most, BOTH.relation(vector.size)
    for counted in (least, 0, most):
        BOTH.encode(vector, np.append(sums(0), counted))
    for counted in (least - 1, most + 1, 10**9):
        with pytest.raises(AggregationError, match="clipped rows"):
            BOTH.encode(vector, np.append(sums(0), counted))
    encoded = BOTH.encode(vector, np.append(sums(0), most))
    encoded[OWN] += 1  # what a liar would deal, with the bits as they are
    assert relation.violations(FAMILY[-1].p, encoded) != []
    with pytest.raises(AggregationError):
        BOTH.preimage(vector, encoded)
    with pytest.raises(AggregationError):
        BOTH.preimage(vector, encoded[:OWN])


def test_the_norm_goes_where_rows_are_clipped_too_often_or_too_rarely() -> None:
    vector, (row, steps) = first_vector(BOTH, MODEL), _counted(BOTH)
    up = BOTH.apply(vector, np.append(sums(1), row.clipped * 20 * 4), 4, 0)
    down = BOTH.apply(vector, np.append(sums(1), row.within * 20 * 4), 4, 0)
    assert BOTH.clip_at(down) < 3 < BOTH.clip_at(up)
    # the step of this round is by this round's norm
    moved = 0.25 * 0.25 * sums(1) * 3 / (steps * 20 * 4)
    assert np.allclose(up[:OWN], MODEL - moved, atol=1e-6)
    assert np.array_equal(up[:OWN], down[:OWN])


def _counted(chosen: DpSgd) -> tuple:
    assert chosen.count is not None
    return chosen.count.row, chosen.count.gradient_steps


@given(st.floats(0, 2.0**40, width=32), st.integers(-(10**12), 10**12), st.integers(1, 999))
def test_a_round_moves_it_by_its_pace_and_within_its_range(
    clip: float, opened: int, weight: int
) -> None:
    quantile = ClipQuantile(Fraction(1, 2), Fraction(3), 256, Fraction(20))
    moved = quantile.moved(clip, opened, weight)
    assert 3 / RANGE <= moved <= 3 * RANGE
    paced = clip * (1 - PACE) * 0.999 <= moved <= clip * (1 + PACE) * 1.001
    assert paced or moved in (3 / RANGE, 3 * RANGE)


def test_what_it_may_not_be_is_taken_for_what_it_may() -> None:
    """A vector that another rule has left: 0, negative, or far too large."""
    vector = first_vector(BOTH, MODEL)
    for value, taken in ((0, 3 / RANGE), (-5, 3 / RANGE), (2.0**100, 3 * RANGE)):
        vector[-1] = value
        assert BOTH.clip_at(vector) == Fraction(taken)


def drifted(chosen: DpSgd, liar: int, rows: int) -> float:
    """C after 300 rounds of four sites of which three draw ``rows``, of norms in 0…10, evenly. The
    fourth counts as much as can be proven, always: ``liar`` is its sign, 0 for an honest one.
    """
    row, _ = _counted(chosen)
    vector = first_vector(chosen, MODEL)
    drawn = np.random.default_rng(5)
    for round in range(300):
        clip, total = float(chosen.clip_at(vector)), 0
        for site in range(4):
            norms = drawn.uniform(0, 10, rows)
            honest = int(np.where(norms > clip, row.clipped, row.within).sum())
            says = row.most if liar > 0 else row.least
            total += honest if site or not liar else says
        vector = chosen.apply(vector, np.append(np.zeros(OWN, np.int64), total), 4, round)
    return float(chosen.clip_at(vector))


@pytest.mark.parametrize(
    ("wanted", "liar", "low", "high"),
    [
        ("1/2", -1, 2.5, 4),
        ("1/2", 0, 4, 6),
        ("1/2", 1, 6, 7.5),
        ("1/3", -1, 0.5, 2.5),
        ("2/3", 1, 7.5, 9.5),
    ],
)
def test_one_liar_of_four_shifts_the_quantile_and_no_more(
    wanted: str, liar: int, low: float, high: float
) -> None:
    assert low <= drifted(rule(quantile=wanted), liar, 20) <= high


@pytest.mark.parametrize("liar", [-1, 1])
def test_where_honest_sites_draw_few_rows_it_stays_within_its_range(liar: int) -> None:
    """A quarter of a lot each: the liar says more than all three, and no more than the range."""
    found = drifted(rule(quantile="1/2"), liar, 5)
    assert 10 < found <= 3 * RANGE if liar > 0 else 3 / RANGE <= found < 0.5


@pytest.mark.parametrize(
    ("key", "value"),
    [("momentum", "1"), ("momentum", "-1/2"), ("quantile", "1/4"), ("quantile", "1"),
     ("quantile", 2)],
)  # fmt: skip
def test_constants_that_are_none(key: str, value: int | str) -> None:
    with pytest.raises(AggregationError, match=key):
        rule(**{key: value})


def test_constants_that_don_t_go_together() -> None:
    with pytest.raises(AggregationError, match="steps = 255 is too small"):
        rule(quantile="1/2", steps=255)
    with pytest.raises(AggregationError, match="no norm to start at"):
        rule(quantile="1/2", clip="1/10000000")
    assert rule(quantile="1/2", momentum="1/2").constants()["quantile"] == "1/2"
