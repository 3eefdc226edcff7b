"""FLTrust (paper §B.4.3, equations 7 to 9): scores, what V refuses, the root vector."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from protocols.aggregation import AggregationError, aggregate
from protocols.aggregation.contract import Model
from protocols.aggregation.fltrust import FLTrust
from protocols.aggregation.root_vector import check_reference, root_vector

SIZE = 300
RULE = FLTrust.from_constants({"alpha": "1/2", "decay": "none"})
S = RULE.scale
FORM = RULE._form


def directions(cosine: float, seed: int = 1) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Two unit vectors at that cosine."""
    random = np.random.default_rng(seed)
    one, other = random.standard_normal(SIZE), random.standard_normal(SIZE)
    one /= np.linalg.norm(one)
    other -= (other @ one) * one
    other /= np.linalg.norm(other)
    return one, cosine * one + (1 - cosine**2) ** 0.5 * other


def moved(model: Model, change: NDArray[np.float64]) -> Model:
    return (model + change).astype(np.float32)


MODEL: Model = np.zeros(SIZE, dtype=np.float32)


@pytest.mark.parametrize("cosine", [1.0, 0.7, 0.3, 0.1])
@pytest.mark.parametrize("length", [1e-6, 1.0, 1e6])
def test_the_score_is_the_cosine_and_the_length_counts_for_nothing(
    cosine: float, length: float
) -> None:
    root, own = directions(cosine)
    encoded = RULE.encode(MODEL, moved(MODEL, length * own), RULE.reference(root))
    vector, score = FORM.read(encoded, SIZE, RULE.reference(root))
    # an honest peer loses little: 1.5 % at a cosine of 0.1, less above
    assert 0.985 * cosine <= score / S <= cosine
    assert np.linalg.norm(vector) == pytest.approx(score, rel=0.01)
    assert vector @ own == pytest.approx(score, rel=0.01)


@pytest.mark.parametrize("cosine", [0.0, -0.2, -1.0])
def test_who_disagrees_with_the_root_deals_zeros(cosine: float) -> None:
    root, own = directions(cosine)
    reference = RULE.reference(root)
    vector, score = FORM.read(RULE.encode(MODEL, moved(MODEL, own), reference), SIZE, reference)
    assert not score
    assert not vector.any()


def test_equations_8_and_9_from_the_encodings() -> None:
    root, first = directions(0.9)
    _, second = directions(0.4)
    reference = RULE.reference(root)
    result = aggregate(
        RULE,
        MODEL,
        [moved(MODEL, first), moved(MODEL, 3 * second), moved(MODEL, -root)],
        0,
        reference=reference,
    )
    expected = 0.5 * (0.9 * first + 0.4 * second) / (0.9 + 0.4)
    assert np.linalg.norm(result - expected) < 0.01 * np.linalg.norm(expected)
    assert np.linalg.norm(result) <= 0.5 * (1 + 1e-6)


def test_nobody_trusted_means_no_step() -> None:
    root, _ = directions(1.0)
    model = moved(MODEL, root)
    result = aggregate(RULE, model, [moved(model, -root)] * 3, 0, reference=RULE.reference(root))
    assert result.tobytes() == model.tobytes()


@given(st.integers(0, 10_000), st.floats(0.05, 1), st.integers(-3, 3), st.integers(-3, 3))
@settings(max_examples=80)
def test_v_bounds_what_a_vector_and_its_score_can_be(
    seed: int, cosine: float, longer: int, higher: int
) -> None:
    """At the edge of V: X² ≤ ⟨W, G_0⟩ and ‖W‖ ≤ X, exactly, and X at most S times the cosine."""
    root, own = directions(cosine, seed)
    reference = RULE.reference(root)
    score = max(int(S * cosine) + higher, 0)
    vector = np.trunc(own * (score + longer)).astype(np.int64)
    holds = FORM.holds(vector, score, reference)
    square = sum(int(w) ** 2 for w in vector)
    along = sum(int(w) * int(g) for w, g in zip(vector, reference, strict=True))
    assert holds == (square <= score**2 <= along)
    if holds:
        assert Fraction(score) ** 2 * square <= Fraction(along) ** 2
        assert score <= S


def test_what_lies_outside_v_is_refused() -> None:
    root, own = directions(0.5)
    reference = RULE.reference(root)
    vector, score = FORM.read(RULE.encode(MODEL, moved(MODEL, own), reference), SIZE, reference)
    zero = np.zeros(SIZE, dtype=np.int64)
    spike = zero.copy()
    spike[0] = 1
    assert FORM.holds(vector, score, reference)
    assert not FORM.holds(vector, -score, reference)
    assert not FORM.holds(-vector, score, reference)
    assert not FORM.holds(vector, S, reference)
    assert not FORM.holds(vector, score // 2, reference)
    assert not FORM.holds(spike, 0, reference)
    assert FORM.holds(zero, 0, reference)
    assert not FORM.holds(zero, 1, reference)
    zeros = np.zeros(SIZE, dtype=np.int64)
    assert not FORM.holds(vector, score, zeros)


def test_the_root_vector_is_as_long_as_it_may_be_and_no_longer() -> None:
    for seed in range(20):
        step = np.random.default_rng(seed).standard_normal(SIZE).astype(np.float32)
        root = root_vector(step, S)
        square = sum(int(g) ** 2 for g in root)
        assert (S - 20) ** 2 < square <= S**2
        cosine = float(root @ step) / (square**0.5 * float(np.linalg.norm(step)))
        assert cosine > 0.9999
    pole = np.zeros(SIZE, dtype=np.float32)
    pole[3] = -1e-30
    assert root_vector(pole, S)[3] == -S
    assert not root_vector(np.zeros(SIZE, dtype=np.float32), S).any()
    with pytest.raises(AggregationError, match="finite"):
        root_vector(np.array([1.0, np.inf]), S)


def test_a_reference_that_is_too_long_or_of_another_size_is_refused() -> None:
    long = np.zeros(SIZE, dtype=np.int64)
    long[0], long[1] = S, 1
    for wrong in (long, long[:1], long.astype(np.float64), np.full(SIZE, 2**62)):
        with pytest.raises(AggregationError):
            check_reference(wrong, SIZE, S)  # type: ignore[arg-type]
    for missing in (lambda: RULE.encode(MODEL, MODEL), lambda: aggregate(RULE, MODEL, [MODEL], 0)):
        with pytest.raises(AggregationError, match="needs"):
            missing()


def test_without_a_root_update_nobody_is_trusted() -> None:
    nothing = RULE.reference(np.zeros(SIZE))
    _, own = directions(1.0)
    vector, score = FORM.read(RULE.encode(MODEL, moved(MODEL, own), nothing), SIZE, nothing)
    assert not score
    assert not vector.any()
