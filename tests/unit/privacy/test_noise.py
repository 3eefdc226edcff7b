"""The sampler draws Skellam noise: exactly, but for an error that it states."""

from __future__ import annotations

from fractions import Fraction
from math import sqrt

import numpy as np
import pytest
from lattice import CONTEXT, chance_of, masses, mpf

from protocols.hashing import Xof
from protocols.privacy import PrivacyError, noise, noise_table, skellam
from protocols.privacy.noise import _magnitudes
from protocols.privacy.table import (
    _BITS,
    LARGEST_VARIANCE,
    TAIL_BITS,
    THRESHOLD_BITS,
    _quotients,
    reach,
)

ENTROPY = bytes(range(32))
VARIANCES = ("0.05", "1", "12.5", "400")
SCALE = 1 << THRESHOLD_BITS


def drawn(variance: str, count: int = 100_000) -> np.ndarray:
    return skellam(Fraction(variance), count, ENTROPY)


@pytest.mark.parametrize("variance", VARIANCES)
def test_what_the_table_draws_is_within_its_error(variance: str) -> None:
    """The distance of both distributions, in 50 digits, is no more than the error, which is
    below 2^-100; and not 2^20 times less, which a bound that is a guess would be.
    """
    table = noise_table(Fraction(variance))
    cuts = [0, *table.thresholds, SCALE]
    last = len(table.thresholds)
    exact = masses(variance, last + 1)
    distance = mpf(0)
    for k in range(last + 1):
        chance = mpf(cuts[k + 1] - cuts[k]) / SCALE
        distance += abs(chance - exact[k] * (1 if k == 0 else 2))
    tail = 1 - (exact[0] + 2 * CONTEXT.fsum(exact[1 : last + 1]))
    distance = (distance + tail) / 2
    assert distance <= mpf(table.error.numerator) / table.error.denominator
    assert table.error < Fraction(1, 1 << 100)
    assert distance * (1 << 20) > mpf(table.error.numerator) / table.error.denominator


def test_the_largest_table_is_within_the_bound_too() -> None:
    table = noise_table(Fraction(LARGEST_VARIANCE))
    assert 0 < table.error < Fraction(1, 1 << 110)
    assert list(table.thresholds) == sorted(table.thresholds) and table.thresholds[-1] <= SCALE


@pytest.mark.parametrize("variance", ["0.05", "7", "400"])
def test_quotients_are_between_their_bounds(variance: str) -> None:
    """To the last of 256 bits, and within a few units where the table's end is far."""
    precise, last = CONTEXT.clone(), reach(Fraction(variance))
    precise.dps = 110
    mu, unit = precise.mpf(variance), precise.mpf(2) ** _BITS
    bounds = _quotients(Fraction(variance), last)
    assert len(bounds) == last
    for k in {1, 2, last // 4, last // 2, last - 1, last}:
        exact = unit * precise.besseli(k, mu) / precise.besseli(k - 1, mu)
        low, high = bounds[k - 1]
        assert low < exact < high
    assert bounds[0][1] - bounds[0][0] < 1 << 8


@pytest.mark.parametrize("variance", VARIANCES)
def test_the_tail_that_is_cut_is_as_rare_as_is_said(variance: str) -> None:
    last = reach(Fraction(variance))
    exact = masses(variance, last + 60)
    tail = 2 * CONTEXT.fsum(exact[last + 1 :])
    assert tail <= mpf(2) ** (1 - TAIL_BITS)


@pytest.mark.parametrize("variance", VARIANCES)
def test_chi_square(variance: str) -> None:
    values = drawn(variance)
    exact = [float(each) for each in masses(variance, 120)]
    widest = max(k for k in range(120) if len(values) * exact[k] >= 10)
    found = [int((values == k).sum()) for k in range(-widest, widest + 1)]
    expected = [len(values) * exact[abs(k)] for k in range(-widest, widest + 1)]
    found.append(len(values) - sum(found))
    expected.append(len(values) - sum(expected))
    if expected[-1] < 5:
        found, expected = found[:-1], expected[:-1]
    statistic = sum((f - e) ** 2 / e for f, e in zip(found, expected, strict=True))
    assert chance_of(statistic, len(found) - 1) > 1e-4


@pytest.mark.parametrize("variance", [*VARIANCES, "1000000"])
def test_mean_variance_and_reach(variance: str) -> None:
    values, exact = drawn(variance), float(Fraction(variance))
    fourth = 3 * exact**2 + exact
    count = len(values)
    assert abs(values.mean()) < 5 * sqrt(exact / count)
    assert abs(values.var() - exact) < 5 * sqrt((fourth - exact**2) / count)
    assert np.abs(values).max() <= reach(Fraction(variance))
    assert values.dtype == np.int64


def test_sums_of_noise_are_noise() -> None:
    """Of four sites with a quarter of the variance each: what the accountant counts on."""
    parts = [skellam(Fraction(3), 50_000, bytes([site]) * 32) for site in range(4)]
    total = np.sum(parts, axis=0)
    exact = [float(each) for each in masses("12", 40)]
    found = np.array([(total == k).sum() for k in range(-12, 13)])
    expected = np.array([50_000 * exact[abs(k)] for k in range(-12, 13)])
    statistic = float(((found - expected) ** 2 / expected).sum())
    assert chance_of(statistic, 24) > 1e-4


def test_the_same_bytes_give_the_same_noise() -> None:
    assert skellam(Fraction(100), 12, ENTROPY).tolist() == [
        -7,
        -5,
        1,
        20,
        -18,
        4,
        -14,
        -14,
        -2,
        19,
        7,
        5,
    ]
    assert (skellam(Fraction(100), 5, ENTROPY) == skellam(Fraction(100), 12, ENTROPY)[:5]).all()
    other = skellam(Fraction(100), 12, bytes(32))
    assert (skellam(Fraction(100), 12, ENTROPY) != other).any()
    assert len(skellam(Fraction(100), 0, ENTROPY)) == 0


def test_it_is_inversion_to_the_last_bit() -> None:
    """By the definition, in Python's integers: also where upper words are equal."""
    table = noise_table(Fraction(7))
    near = [each + step for each in table.thresholds for step in (-1, 0, 1)]
    uniform = [0, SCALE - 1, *(each for each in near if 0 <= each < SCALE)]
    high = np.array([each >> 63 for each in uniform], np.uint64)
    low = np.array([each & ((1 << 63) - 1) for each in uniform], np.uint64)
    by_definition = [sum(each <= u for each in table.thresholds) for u in uniform]
    assert _magnitudes(table, high, low).tolist() == by_definition


def test_the_sign_is_one_bit_of_its_own() -> None:
    stream = np.frombuffer(Xof(noise._DOMAIN, ENTROPY).read(16_000), "<u8").reshape(-1, 2)
    values = skellam(Fraction(400), 1000, ENTROPY)
    positive = (stream[:, 1] & np.uint64(1)) == 0
    assert ((values > 0) <= positive).all() and ((values < 0) <= ~positive).all()


def test_the_bit_of_the_sign_is_none_of_the_magnitudes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the upper word is a threshold's the lower one decides: all of it but that bit."""
    at = 3
    threshold = noise_table(Fraction(7)).thresholds[at - 1]
    words = [
        word
        for uniform in (threshold - 1, threshold)
        for sign in (0, 1)
        for word in (uniform >> 63, (uniform & ((1 << 63) - 1)) << 1 | sign)
    ]

    class Stream:
        def __init__(self, *parts: object) -> None:
            pass

        def read(self, length: int) -> bytes:
            return np.array(words, "<u8").tobytes()[:length]

    monkeypatch.setattr(noise, "Xof", Stream)
    assert skellam(Fraction(7), 4, ENTROPY).tolist() == [at - 1, 1 - at, at, -at]


def test_nonsense_is_refused() -> None:
    with pytest.raises(PrivacyError, match="32 secret bytes, not 16"):
        skellam(Fraction(1), 1, bytes(16))
    with pytest.raises(PrivacyError, match="0 values or more, not -1"):
        skellam(Fraction(1), -1, ENTROPY)
    for variance in (Fraction(0), Fraction(-1), Fraction(LARGEST_VARIANCE + 1)):
        with pytest.raises(PrivacyError, match="a variance above 0 and at most"):
            noise_table(variance)
