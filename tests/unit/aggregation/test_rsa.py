"""RSA (paper §5.1, §B.4.1, Figure 7): Definition 1, the tie rule, equation 2 to the bit."""

from __future__ import annotations

import hashlib
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from protocols.aggregation import MAX_MAGNITUDE, AggregationError, aggregator, model_hash
from protocols.field import P16

RSA = aggregator("rsa", {})
COORDINATE = st.floats(-MAX_MAGNITUDE, MAX_MAGNITUDE, width=32, allow_subnormal=True)


def vector(values: list[float]) -> NDArray[np.float32]:
    return np.array(values, dtype=np.float32)


@given(st.lists(st.tuples(COORDINATE, st.integers(0, 1)), max_size=50))
def test_definition_1_every_point_of_v_has_a_preimage(pairs: list[tuple[float, int]]) -> None:
    model = vector([w for w, _ in pairs])
    bits = np.array([bit for _, bit in pairs], dtype=np.int64)
    assert np.array_equal(RSA.encode(model, RSA.preimage(model, bits)), bits)


@given(st.lists(st.tuples(COORDINATE, COORDINATE), max_size=50))
def test_encoding_is_the_sign_of_the_difference_and_lies_in_v(
    pairs: list[tuple[float, float]],
) -> None:
    model, update = vector([w for w, _ in pairs]), vector([x for _, x in pairs])
    bits = RSA.encode(model, update)
    assert bits.dtype == np.int64
    assert all(bit == (w > x) for bit, (w, x) in zip(bits, pairs, strict=True) if w != x)
    if pairs:
        assert RSA.relation(len(pairs)).violations(P16.p, bits) == []


def test_ties_are_fair_coins_that_differ_from_peer_to_peer_and_repeat_at_each() -> None:
    size, peers = 4000, 8
    model = np.zeros(size, dtype=np.float32)
    encodings = []
    for peer in range(peers):
        update = model.copy()
        update[0] = peer + 1
        encodings.append(RSA.encode(model, update)[1:])
        assert np.array_equal(encodings[-1], RSA.encode(model, update)[1:])
    sums = np.sum(encodings, axis=0)
    # Mean 4 and variance 2 a coordinate: six standard errors on either.
    assert abs(sums.mean() - peers / 2) < 6 * (peers / 4 / size) ** 0.5
    assert abs(sums.var() - peers / 4) < 6 * (peers / 4) * (2 / size) ** 0.5


@given(
    st.lists(st.tuples(st.floats(-8, 8, width=32), st.integers(0, 9)), min_size=1, max_size=30),
    st.integers(0, 10_000),
)
def test_equation_2_against_exact_rationals(pairs: list[tuple[float, int]], round: int) -> None:
    rule = aggregator("rsa", {"decay": "none", "eta": "1/8", "lambda": "1/64", "mu": "1/16"})
    model, opened = vector([w for w, _ in pairs]), np.array([s for _, s in pairs], dtype=np.int64)
    result = rule.apply(model, opened, 9, round)
    for w, s, got in zip(model, opened, result, strict=True):
        exact_w = Fraction(float(w))
        exact = exact_w - Fraction(1, 8) * (exact_w / 16 + Fraction(2 * int(s) - 9, 64))
        assert abs(Fraction(float(got)) - exact) <= abs(exact) * Fraction(1, 2**24) + Fraction(
            1, 2**50
        )


def test_the_schedule_decays_with_the_square_root() -> None:
    rule = aggregator("rsa", {"eta": "3/2", "lambda": "1/10", "mu": "0"})
    for round in (0, 3, 8, 99):
        assert rule.local_rule(round).rate == pytest.approx(1.5 / (round + 1) ** 0.5)
    model = vector([0.0])
    steps = [float(rule.apply(model, np.array([0]), 4, round)[0]) for round in (0, 3)]
    assert steps == pytest.approx([0.6, 0.3])


def test_a_unanimous_cohort_moves_the_model_towards_itself() -> None:
    model = np.zeros(3, dtype=np.float32)
    local = vector([1.0, -1.0, 2.0])
    opened = 5 * RSA.encode(model, local).astype(np.int64)
    assert np.array_equal(np.sign(RSA.apply(model, opened, 5, 0)), np.sign(local))


def test_the_post_processing_is_the_same_on_every_machine() -> None:
    """Computed without NumPy: any NumPy, compiler or processor must give these very bits."""
    counter = np.arange(10_000)
    drawn = np.frombuffer(hashlib.shake_256(b"peerd rsa vector").digest(20_000), dtype="<u2")
    model = ((drawn.astype(np.float64) - 32768.0) / 16384.0).astype(np.float32)
    rule = aggregator("rsa", {"eta": "7/10", "lambda": "1/70", "mu": "1/1000"})
    for round in range(5):
        opened = (drawn.astype(np.int64) + 7 * counter * (round + 1)) % 12
        model = rule.apply(model, opened, 11, round)
    assert model_hash(model).hex() == GOLDEN


GOLDEN = "7128fc80305eed13a4f779b517c40fdfcf24e8e67083dfb9c8892fd1f4b3f797"


def test_a_model_that_would_leave_the_range_stays_within_it_and_has_one_form() -> None:
    rule = aggregator("rsa", {"eta": "1000", "lambda": "1000", "mu": "0", "decay": "none"})
    edge = vector([MAX_MAGNITUDE, -MAX_MAGNITUDE, 0.0])
    pushed = rule.apply(edge, np.array([0, 9, 9]), 9, 0)
    assert np.abs(pushed).max() <= MAX_MAGNITUDE
    still = rule.apply(vector([-0.0, 1e-40]), np.array([2, 2]), 4, 0)
    assert still.tobytes() == bytes(8)


@pytest.mark.parametrize(
    ("model", "update"),
    [
        ([1.0], [np.nan]),
        ([1.0], [np.inf]),
        ([np.nan], [1.0]),
        ([1.0, 2.0], [1.0]),
        ([2 * MAX_MAGNITUDE], [1.0]),
    ],
)
def test_what_cannot_be_encoded_is_a_clear_local_error(
    model: list[float], update: list[float]
) -> None:
    with pytest.raises(AggregationError):
        RSA.encode(vector(model), vector(update))


def test_wrong_types_shapes_and_sums_are_refused() -> None:
    model = vector([1.0, 2.0])
    with pytest.raises(AggregationError, match="float32"):
        RSA.encode(model, np.zeros(2, dtype=np.float16))
    with pytest.raises(AggregationError, match="one bit"):
        RSA.preimage(model, np.array([0, 2]))
    with pytest.raises(AggregationError, match="sums were opened"):
        RSA.apply(model, np.array([1]), 3, 0)
    for outside in ([4, 0], [-1, 0]):
        with pytest.raises(AggregationError, match="outside"):
            RSA.apply(model, np.array(outside), 3, 0)


def test_the_sizes_that_the_field_and_the_dealing_are_made_for() -> None:
    assert RSA.relation(2410).length == RSA.relation(2410).opened_length == 2410
    assert RSA.largest_sum(2410, 300) == 300


def test_a_value_that_is_no_bit_is_outside_v() -> None:
    for value in (2, -1):
        assert RSA.relation(3).violations(P16.p, np.array([0, value, 1])) == [
            "value 1 of segment sign breaks its constraint"
        ]
