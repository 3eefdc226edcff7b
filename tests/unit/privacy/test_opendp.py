"""Noise and ε beside OpenDP's, which is written by others (``opendp_oracle.py``).

OpenDP has no Skellam noise. From a variance of 400 on no test of so many draws could tell it from
a discrete Gaussian: kurtosis, all that they differ by, is 1/variance for 0.
"""

from __future__ import annotations

import json
from fractions import Fraction
from math import sqrt
from pathlib import Path

import numpy as np
import pytest
from lattice import chance_of

from protocols.privacy import Mechanism, Phase, epsilon_of, skellam

FOUND = json.loads((Path(__file__).resolve().parents[2] / "vectors/opendp.json").read_text("utf-8"))
COUNTS = {int(variance): np.array(counts) for variance, counts in FOUND["counts"].items()}


def likeness(variance: int, values: np.ndarray) -> float:
    """The chance of two histograms that differ no less, of one distribution."""
    theirs = COUNTS[variance]
    half = len(theirs) // 2 - 1
    cuts = [-np.inf, *(sqrt(variance) * np.arange(-half, half + 1) / 10), np.inf]
    ours = np.histogram(values, cuts)[0]
    assert ours.sum() == theirs.sum()
    return chance_of(float(((ours - theirs) ** 2 / (ours + theirs)).sum()), len(theirs) - 1)


@pytest.mark.parametrize("variance", COUNTS)
def test_draws_are_of_one_distribution(variance: int) -> None:
    values = skellam(Fraction(variance), int(COUNTS[variance].sum()), b"\x07" * 32)
    assert likeness(variance, values) > 1e-4


@pytest.mark.parametrize("variance", COUNTS)
def test_and_a_variance_that_is_a_twentieth_off_is_found(variance: int) -> None:
    values = skellam(Fraction(variance * 95, 100), int(COUNTS[variance].sum()), b"\x07" * 32)
    assert likeness(variance, values) < 1e-9


@pytest.mark.parametrize("case", FOUND["epsilons"], ids=lambda case: f"variance {case[0]}")
def test_epsilon_is_no_less_and_hardly_more(case: tuple[str, int, int, str, float]) -> None:
    """Theirs is the discrete Gaussian's, by all orders; ours is Skellam's, by some."""
    variance, squared_norm, rounds, delta, theirs = case
    phase = Phase(Mechanism(Fraction(variance), squared_norm), rounds)
    ours = float(epsilon_of([phase], Fraction(delta)))
    assert theirs <= ours < theirs * 1.02
