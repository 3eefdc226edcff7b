"""A site's own rate, and the secret sample that it draws: rare overflow, and a size that says
nothing.
"""

from __future__ import annotations

import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest

from peerd.errors import TaskError
from peerd.learning.private.rates import OVERFLOW_BITS, WORD_BITS, rate_of, threshold
from peerd.learning.private.sample import ENTROPY_BYTES, coins, draw
from protocols.hashing import digest

ALL = 1 << WORD_BITS
RARE = Fraction(1, 1 << OVERFLOW_BITS)


def entropy(number: int) -> bytes:
    return digest("tests/sample", number.to_bytes(8, "little"))


def tail(count: int, rate: Fraction, rows: int) -> Fraction:
    """Pr[Binomial(count, rate) > rows], exactly."""
    return sum(
        (
            math.comb(count, k) * rate**k * (1 - rate) ** (count - k)
            for k in range(rows + 1, count + 1)
        ),
        Fraction(0),
    )


@pytest.mark.parametrize(("rows", "count"), [(1, 2), (1, 40), (3, 20), (12, 50), (30, 31), (9, 90)])
def test_more_rows_than_the_batch_holds_are_as_rare_as_is_paid_for(rows: int, count: int) -> None:
    rate = rate_of(threshold(Fraction(1), rows, count))
    found = tail(count, rate, rows)
    assert 0 < found <= RARE
    assert tail(count, rate * Fraction(101, 100), rows) > RARE  # and no rate is given away


@pytest.mark.parametrize(("rows", "count"), [(128, 6400), (128, 100_000), (512, 4000)])
def test_large_sites_too(rows: int, count: int) -> None:
    rate = rate_of(threshold(Fraction(1), rows, count))
    with mpmath.workdps(50):
        q = mpmath.mpf(rate.numerator) / rate.denominator
        terms = (
            mpmath.binomial(count, k) * q**k * (1 - q) ** (count - k)
            for k in range(rows + 1, rows + 1000)
        )
        bits = mpmath.log(mpmath.fsum(terms), 2)
        assert -60.1 < bits <= -60


def test_the_largest_sites_have_a_rate() -> None:
    """Numbers that no float, and no decimal of 10^6 digits, would hold on the way."""
    rate = rate_of(threshold(Fraction(1), 1 << 16, 1 << 40))
    assert 62_000 < rate * (1 << 40) < 1 << 16


def test_the_rule_s_own_rate_is_rounded_down() -> None:
    for rate in (Fraction(1, 3), Fraction(1, 50), Fraction(99, 100)):
        found = threshold(rate, 10, 10)
        assert 0 <= rate - rate_of(found) < Fraction(1, ALL)
    assert threshold(Fraction(1), 10, 10) == ALL
    # a rate with which the sample fits anyhow is the rule's, many rows or not
    assert threshold(Fraction(1, 1000), 128, 10_000) == ALL // 1000


@pytest.mark.parametrize(
    ("rate", "rows", "count"), [(Fraction(1, 1 << 65), 4, 4), (Fraction(1), 1, 1 << 50)]
)
def test_a_rate_with_which_nothing_can_be_drawn_is_an_error(
    rate: Fraction, rows: int, count: int
) -> None:
    with pytest.raises(TaskError, match="no row of"):
        threshold(rate, rows, count)


# -- the sample ------------------------------------------------------------------------------------


def drawn(rate: Fraction, size: int, count: int, number: int) -> list[int]:
    sample = draw(int(rate * ALL), size, count, entropy(number))
    return sorted(sample.rows[sample.counts == 1].tolist())


def test_each_row_is_drawn_by_itself_with_the_rate() -> None:
    """Chi-square over how many were drawn, over which, and over pairs of neighbours."""
    count, trials, rate = 12, 6000, Fraction(3, 10)
    table = np.zeros((trials, count), dtype=np.int64)
    for number in range(trials):
        table[number, drawn(rate, count, count, number)] = 1
    q = float(rate)
    sizes = np.bincount(table.sum(axis=1), minlength=count + 1)[:10]
    chances = [math.comb(count, k) * q**k * (1 - q) ** (count - k) for k in range(10)]
    assert chi_square(sizes, np.array(chances) * trials) < bound(10)
    each = table.sum(axis=0)
    spread = trials * q * (1 - q)
    assert float(((each - trials * q) ** 2 / spread).sum()) < bound(count)
    pairs = 2 * table[:, :-1] + table[:, 1:]
    four = np.array([(1 - q) ** 2, (1 - q) * q, q * (1 - q), q * q])
    for column in pairs.T:
        assert chi_square(np.bincount(column, minlength=4), four * trials) < bound(3)


def chi_square(seen: np.ndarray, expected: np.ndarray) -> float:
    return float(((seen - expected) ** 2 / expected).sum())


def bound(freedom: int) -> float:
    """Five standard deviations above what is expected: the entropy is fixed, so it never fails."""
    return freedom + 5 * math.sqrt(2 * freedom)


@pytest.mark.parametrize(("count", "size"), [(40, 16), (16, 16), (5, 16), (1, 3)])
def test_the_batch_has_one_size_whatever_was_drawn(count: int, size: int) -> None:
    for number in range(50):
        sample = draw(int(Fraction(1, 4) * ALL), size, count, entropy(number))
        assert sample.rows.shape == sample.counts.shape == (size,)
        assert set(sample.counts.tolist()) <= {0, 1}
        assert sample.rows.min() >= 0 and sample.rows.max() < count
        # what fills it are other rows, as long as there are any
        assert len(set(sample.rows.tolist())) == min(size, count)


def test_a_rate_of_one_draws_all_and_what_does_not_fit_is_cut() -> None:
    sample = draw(ALL, 7, 7, entropy(0))
    assert sample.counts.sum() == 7 and sorted(sample.rows.tolist()) == list(range(7))
    cut = draw(ALL, 3, 7, entropy(0))
    assert cut.rows.tolist() == [0, 1, 2] and cut.counts.tolist() == [1, 1, 1]


def test_the_same_entropy_draws_the_same_and_another_one_does_not() -> None:
    half = Fraction(1, 2)
    assert drawn(half, 64, 64, 1) == drawn(half, 64, 64, 1)
    assert len({tuple(drawn(half, 64, 64, number)) for number in range(20)}) == 20
    assert coins(entropy(1)) == coins(entropy(1)) != coins(entropy(2))
    assert 0 <= coins(entropy(1)) < 1 << 63
    for wrong in (b"", bytes(ENTROPY_BYTES - 1), bytes(ENTROPY_BYTES + 1)):
        with pytest.raises(ValueError, match="32 secret bytes"):
            draw(1, 1, 1, wrong)


def test_a_sample_does_not_show_itself() -> None:
    assert repr(draw(ALL, 3, 9, entropy(0))) == "Sample()"
