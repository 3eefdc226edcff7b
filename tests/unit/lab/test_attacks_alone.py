"""Lies that a daemon can tell by itself, before F^P."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from peerd.errors import TaskError
from peerd.laboratory.experiments.attacks import ATTACKS, forge
from protocols.aggregation import aggregator

RSA = aggregator("rsa", {})
COORDINATE = st.floats(-1e6, 1e6, width=32)


@given(st.lists(st.tuples(COORDINATE, COORDINATE), min_size=1, max_size=40))
def test_sign_flip_inverts_every_bit_of_rsa_that_was_learnt(
    pairs: list[tuple[float, float]],
) -> None:
    model = np.array([w for w, _ in pairs], dtype=np.float32)
    update = np.array([x for _, x in pairs], dtype=np.float32)
    learnt = model != update
    forged = forge("sign-flip", model, update, seed=1, round=0)
    assert np.array_equal(RSA.encode(model, forged)[learnt], 1 - RSA.encode(model, update)[learnt])


def test_sign_flip_is_the_scaled_negative_for_a_mean() -> None:
    model, update = np.float32([1.0, 2.0]), np.float32([1.5, 1.0])
    forged = forge("sign-flip", model, update, seed=1, round=0, scale=4.0)
    assert forged.tolist() == [-1.0, 6.0]


def test_bit_flip_inverts_every_sign_and_keeps_every_length() -> None:
    model, update = np.float32([1.0, 2.0, 0.0]), np.float32([1.5, 1.0, 0.0])
    forged = forge("bit-flip", model, update, seed=1, round=0, scale=4.0)
    assert forged.tolist() == [0.5, 3.0, 0.0]


def test_gaussian_is_noise_of_the_stated_size_and_zero_changes_nothing() -> None:
    model = np.zeros(10_000, dtype=np.float32)
    update = np.tile(np.float32([1, -1]), 5_000)
    noise = forge("gaussian", model, update, seed=1, round=0, scale=3.0)
    assert abs(float(noise.std()) - 3) < 6 * 3 / (2 * 10_000) ** 0.5
    assert np.array_equal(forge("zero", model, update, seed=1, round=0), model)


@pytest.mark.parametrize("attack", sorted(ATTACKS))
def test_every_lie_is_finite_repeatable_and_passes_through_f_p(attack: str) -> None:
    model = np.float32([0.0, 3e38, -3e38, 1e-30])
    update = np.float32([1.0, -3e38, 3e38, 1e-30])
    forged = forge(attack, model, update, seed=3, round=5, scale=1e9)
    assert np.isfinite(forged).all()
    assert np.array_equal(forged, forge(attack, model, update, seed=3, round=5, scale=1e9))
    small = np.clip(model, -1, 1)
    assert RSA.encode(small, forge(attack, small, update, seed=3, round=5)).max() <= 1


def test_an_unknown_attack_is_refused_with_the_known_ones() -> None:
    with pytest.raises(TaskError, match="sign-flip"):
        forge("signflip", np.zeros(1, np.float32), np.zeros(1, np.float32), seed=0, round=0)
