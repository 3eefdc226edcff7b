"""Centered clipping (paper §B.4.2, equations 3, 4, 6) and the weighted mean, against rationals."""

from __future__ import annotations

import hashlib
import math
import struct
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rule_samples import model_of

from protocols.aggregation import AggregationError, aggregate, aggregator, model_hash
from protocols.aggregation.ball import Ball
from protocols.aggregation.contract import Encoded, Model
from protocols.aggregation.rounding import Rounding

BALLS = ("centered-clipping-l2", "weighted-mean")


def integers_of(planes: Encoded, theta: int) -> Encoded:
    by_plane = planes.reshape(theta, -1)
    return np.array([sum(int(b) << i for i, b in enumerate(column)) for column in by_plane.T])


@given(st.integers(4, 32), st.integers(0, 10_000), st.integers(1, 30))
@settings(max_examples=60)
def test_equation_6_against_exact_rationals(theta: int, seed: int, peers: int) -> None:
    tau = Fraction(3, 7)
    rule = aggregator("centered-clipping", {"theta": theta, "tau": str(tau)})
    model, random = model_of(5, seed), np.random.default_rng(seed)
    values = random.integers(0, 1 << theta, (peers, 5))
    planes = [(values >> bit & 1).sum(axis=0) for bit in range(theta)]
    result = rule.apply(model, np.concatenate(planes), peers, 0)
    top = (1 << theta) - 1
    for w, column, got in zip(model, values.T, result, strict=True):
        clipped = [tau * (2 * Fraction(int(v), top) - 1) for v in column]
        exact = Fraction(float(w)) + sum(clipped) / peers
        assert abs(Fraction(float(got)) - exact) <= abs(exact) / 2**24 + Fraction(1, 2**48)


@pytest.mark.parametrize("theta", [4, 8, 16, 32])
def test_the_box_holds_what_is_inside_and_clips_what_is_not(theta: int) -> None:
    rule = aggregator("centered-clipping", {"theta": theta, "tau": "1/4"})
    model = model_of(4, 1)
    change = np.array([0.1, -0.2, 9.0, -1e30])
    update = (model + change).astype(np.float32)
    integers = integers_of(rule.encode(model, update), theta)
    top = (1 << theta) - 1
    assert integers[2:].tolist() == [top, 0]
    exact = (np.array([0.1, -0.2]) + 0.25) * 2 * top
    assert np.abs(integers[:2] - exact).max() <= 1 + top * 2.0**-20


def test_coins_round_without_bias_and_alike_at_the_same_peer() -> None:
    """20,000 coins on 0.3 and −0.3: six standard errors."""
    model = np.zeros(20_000, dtype=np.float32)
    for value in (0.3, -0.3, 7.5):
        rounding = Rounding("test", 8, model, model)
        drawn = rounding(np.full(model.size, value))
        assert set(np.unique(drawn)) <= {math.floor(value), math.ceil(value)}
        assert abs(drawn.mean() - value) < 6 * 0.5 / model.size**0.5
        assert np.array_equal(drawn, Rounding("test", 8, model, model)(np.full(20_000, value)))
        assert not np.array_equal(drawn, rounding(np.full(20_000, value)))
        other = model.copy()
        other[0] = 1
        assert not np.array_equal(drawn, Rounding("test", 8, model, other)(np.full(20_000, value)))


@pytest.mark.parametrize("name", BALLS)
@given(st.integers(0, 10_000), st.integers(-12, 12))
@settings(max_examples=40)
def test_equation_3_the_direction_stays_and_the_length_is_clipped(
    name: str, seed: int, magnitude: int
) -> None:
    rule = aggregator(name, {"tau": "3/2", "theta": 20})
    model = model_of(50, seed)
    change = np.random.default_rng([seed, 1]).standard_normal(50) * 2.0**magnitude
    update = (model + change).astype(np.float32)
    change = update.astype(np.float64) - model
    expected = change * min(1.0, 1.5 / float(np.linalg.norm(change)))
    ball: Ball = rule.ball  # type: ignore[attr-defined]
    got = rule.encode(model, update)[:50] / float(ball.scale)
    assert float(np.linalg.norm(got)) <= 1.5
    # one integer a coordinate, and the little that a vector on the sphere is shrunk by
    assert np.abs(got - expected).max() <= 1.5 * (1 / ball.limit + 6 / ball.limit)


@pytest.mark.parametrize("name", BALLS)
def test_equation_4_against_exact_rationals(name: str) -> None:
    rule = aggregator(name, {"tau": "7/3", "theta": 12})
    limit, model = (1 << 11) - 1, model_of(6, 3)
    opened = np.array([0, 1, -1, 5 * limit, -5 * limit, 777])
    result = rule.apply(model, opened, 5, 9)
    for w, s, got in zip(model, opened, result, strict=True):
        exact = Fraction(float(w)) + Fraction(int(s), 5 * limit) * Fraction(7, 3)
        assert abs(Fraction(float(got)) - exact) <= abs(exact) / 2**24 + Fraction(1, 2**48)


def test_a_site_moves_the_model_by_its_share_of_the_weight_and_no_more() -> None:
    """The liar's update is as large as float32 goes; τ = 1/2, its weight 3 of 10."""
    rule = aggregator("weighted-mean", {"tau": "1/2"})
    model = model_of(40, 1)
    still = [model.copy() for _ in range(2)]
    lie = np.full(40, 3e38, dtype=np.float32)
    moved = aggregate(rule, model, [*still, lie], 0, weights=[4, 3, 3])
    distance = float(np.linalg.norm(moved.astype(np.float64) - model))
    assert distance <= 0.3 * 0.5 * (1 + 1e-6)
    assert distance > 0.3 * 0.5 * 0.999


def test_weights_are_those_of_as_many_equal_peers() -> None:
    rule = aggregator("weighted-mean", {})
    model = model_of(10, 2)
    one, two = (model + 0.01).astype(np.float32), (model - 0.02).astype(np.float32)
    weighted = aggregate(rule, model, [one, two], 0, weights=[3, 1])
    repeated = aggregate(rule, model, [one, one, one, two], 0)
    assert weighted.tobytes() == repeated.tobytes()


def test_wrong_weights_are_refused() -> None:
    model = model_of(3, 2)
    for weights in ([1], [0, 1], [1, 2, 3]):
        with pytest.raises(AggregationError, match="weights"):
            aggregate(aggregator("weighted-mean", {}), model, [model, model], 0, weights=weights)
    with pytest.raises(AggregationError, match="weight 1"):
        aggregate(aggregator("rsa", {}), model, [model, model], 0, weights=[1, 2])
    with pytest.raises(AggregationError, match="no update"):
        aggregate(aggregator("rsa", {}), model, [], 0)


@pytest.mark.parametrize("name", BALLS)
def test_sizes_that_do_not_fit_say_what_would(name: str) -> None:
    fine = aggregator(name, {"theta": 24})
    with pytest.raises(AggregationError, match=r"too fine.*theta up to 18 fits"):
        fine.relation(100_000)
    aggregator(name, {"theta": 18}).relation(100_000)
    coarse = aggregator(name, {"theta": 5})
    with pytest.raises(AggregationError, match=r"too coarse.*theta from 9 on fits"):
        coarse.relation(100_000)
    aggregator(name, {"theta": 9}).relation(100_000)
    with pytest.raises(AggregationError, match="too coarse"):
        aggregator(name, {"theta": 8}).relation(100_000)


def test_a_model_beyond_float64_has_no_preimage_and_says_so() -> None:
    rule = aggregator("centered-clipping", {"theta": 32, "tau": "1/1000"})
    model = np.array([2.0**20], dtype=np.float32)
    with pytest.raises(AggregationError, match="too large for a preimage"):
        rule.preimage(model, np.zeros(32, dtype=np.int64))


PINNED: dict[str, dict[str, int | str]] = {
    "centered-clipping": {"tau": "1/7", "theta": 32},
    "centered-clipping-l2": {"tau": "5/3", "theta": 14},
    "fltrust": {"alpha": "3/7", "theta": 14, "decay": "sqrt"},
    "weighted-mean": {"tau": "5/3", "theta": 14},
}
GOLDEN = {
    "centered-clipping": "3644e96e0ab246cb016a8b6004c30e6066d960fac2f088b76e653b21c1cc781f",
    "centered-clipping-l2": "53b4892da72d841845b2837a36d296b1e24cc9f974765f00ac83810b8bdfbf20",
    "fltrust": "d485c57484782d147db7b627b5b59b59ada692dbc80c052a64c2549cbf794fd7",
    "weighted-mean": "4fa858537f176b479f6f76af979b2a1b63d48d31f8e3180bacb1ece1edf8d6cc",
}
WEIGHT, ROUNDS, COORDINATES = 11, 5, 2_000


def drawn(name: str) -> tuple[Model, Encoded]:
    """A model and the numbers that the opened sums are made of, from a hash."""
    words = hashlib.shake_256(name.encode()).digest(2 * COORDINATES)
    integers = np.frombuffer(words, dtype="<u2").astype(np.int64)
    model = ((integers - 32768.0) / 16384.0).astype(np.float32)
    opened = aggregator(name, PINNED[name]).relation(COORDINATES).opened_length
    return model, np.resize(integers, opened) + np.arange(opened)


def sums_of(name: str, wide: Encoded, round: int) -> Encoded:
    sums: Encoded = (wide * (round + 1)) % (WEIGHT + 1)
    if name == "fltrust":
        sums[-1] = WEIGHT * 200
    return sums


def change_in_python(name: str, sums: list[int], index: int, round: int) -> float:
    """What one coordinate changes by: the same operations on Python's floats, in their order."""
    if name == "centered-clipping":
        total = sum(sums[plane * COORDINATES + index] << plane for plane in range(32))
        excess = 2 * total - WEIGHT * (2**32 - 1)
        return float(excess) * (1 / 7) / float(WEIGHT * (2**32 - 1))
    if name == "fltrust":
        rate = (3 / 7) / math.sqrt(round + 1)
        return float(sums[index]) / float(sums[-1]) * rate
    return float(sums[index]) * (5 / 3) / float(WEIGHT * (2**13 - 1))


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_the_post_processing_is_the_same_on_every_machine(name: str) -> None:
    """Each coordinate as Python computes it; any NumPy, compiler or processor gives these bits."""
    rule = aggregator(name, PINNED[name])
    model, wide = drawn(name)
    for round in range(ROUNDS):
        sums = sums_of(name, wide, round)
        plain = sums.tolist()
        expected = [
            struct.unpack("<f", struct.pack("<f", w + change_in_python(name, plain, i, round)))[0]
            for i, w in enumerate(model.tolist())
        ]
        model = rule.apply(model, sums, WEIGHT, round)
        assert model.tolist() == expected
    assert model_hash(model).hex() == GOLDEN[name]


@pytest.mark.parametrize(
    ("name", "constants", "says"),
    [
        ("centered-clipping", {"theta": 3}, "theta"),
        ("centered-clipping", {"theta": 33}, "theta"),
        ("centered-clipping", {"tau": "0"}, "tau must be positive"),
        ("centered-clipping", {"momentum": "1"}, "momentum must be below 1"),
        ("centered-clipping", {"momentum": "9/8"}, "exceed"),
        ("centered-clipping", {"eta": "0"}, "eta must be positive"),
        ("centered-clipping-l2", {"tau": "0"}, "tau must be positive"),
        ("centered-clipping-l2", {"theta": 29}, "theta"),
        ("centered-clipping-l2", {"proof": "none"}, "norm, bits"),
        ("weighted-mean", {"blocks": 5, "proof": "bits"}, "proof = norm"),
        ("centered-clipping-l2", {"blocks": "a"}, "constant blocks = 'a' must be"),
        ("weighted-mean", {"cap": 0}, "cap"),
        ("weighted-mean", {"momentum": "1/2"}, "no constant"),
        ("fltrust", {"alpha": "0"}, "alpha must be positive"),
        ("fltrust", {"theta": 7}, "theta"),
    ],
)
def test_wrong_constants_say_which_and_why(
    name: str, constants: dict[str, int | str], says: str
) -> None:
    with pytest.raises(AggregationError, match=says):
        aggregator(name, constants)
