"""A Poisson sample ahead of the noise: the bound without the factor 3, and why it holds here."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lattice import CONTEXT, divergence, moment, moments_of_vector, mpf

from protocols.privacy import ORDERS, Mechanism
from protocols.privacy.divergence import round_curve

RATES = ("0.001", "0.01", "0.3", "0.9")
VARIANCES = ("3", "4.5", "9", "60")


def ours(order: int, variance: str, rate: str, squared_norm: int) -> Decimal:
    mechanism = Mechanism(Fraction(variance), squared_norm, Fraction(rate))
    return round_curve(mechanism)[ORDERS.index(order)]


@given(
    st.integers(1, 1000),
    st.integers(1, 1000),
    st.fractions(0, 1, max_denominator=100),
    st.integers(2, 12),
)
def test_a_pair_of_points_tells_more_in_the_one_direction(
    a: int, b: int, rate: Fraction, order: int
) -> None:
    """The inequality on which docs/privacy.md's proof rests, in rationals, for x and g − x."""
    one, other = (1 - rate) * a + rate * b, (1 - rate) * b + rate * a
    there = one**order / Fraction(a) ** (order - 1) + other**order / Fraction(b) ** (order - 1)
    back = Fraction(a) ** order / one ** (order - 1) + Fraction(b) ** order / other ** (order - 1)
    assert there >= back


def test_without_the_swap_the_other_direction_may_tell_more() -> None:
    """The condition is needed: of these two distributions no map makes one of the other."""
    plain, moved = (Fraction(1, 2), Fraction(1, 2)), (Fraction(1, 100), Fraction(99, 100))
    rate = Fraction(9, 10)
    mixed = [(1 - rate) * a + rate * b for a, b in zip(plain, moved, strict=True)]
    there = sum(m * m / a for a, m in zip(plain, mixed, strict=True))
    back = sum(a * a / m for a, m in zip(plain, mixed, strict=True))
    assert back > 2 * there


@pytest.mark.parametrize(("variance", "rate"), list(product(VARIANCES, RATES)))
def test_it_bounds_both_directions_on_the_lattice(variance: str, rate: str) -> None:
    for shift, order in product((1, 3), (2, 3, 8)):
        there = moment(variance, shift, order, rate)
        back = moment(variance, shift, order, rate, backward=True)
        assert there >= back > 1
        most = CONTEXT.log(there) / (order - 1)
        assert most <= mpf(str(ours(order, variance, rate, shift * shift)))


@pytest.mark.parametrize(
    ("shift", "rate"), [((1, 1), "0.1"), ((2, 1), "0.5"), ((2, 1), "0.02"), ((0, 3), "0.3")]
)
def test_and_in_two_dimensions(shift: tuple[int, ...], rate: str) -> None:
    squared_norm = sum(s * s for s in shift)
    for order in (2, 4):
        there, back = moments_of_vector("3", shift, order, rate, 40)
        assert there >= back > 1
        most = CONTEXT.log(there) / (order - 1)
        assert most <= mpf(str(ours(order, "3", rate, squared_norm)))


def test_the_binomial_sum_is_the_divergence_where_each_term_is() -> None:
    """Only the terms' bounds make it larger: with exact moments it is exact."""
    variance, shift, order, rate = "9", 3, 8, "0.3"
    exact = moment(variance, shift, order, rate)
    total = CONTEXT.fsum(
        CONTEXT.binomial(order, j)
        * (1 - mpf(rate)) ** (order - j)
        * mpf(rate) ** j
        * (moment(variance, shift, j) if j > 1 else 1)
        for j in range(order + 1)
    )
    assert abs(exact / total - 1) < mpf(10) ** -20


def test_a_sample_of_all_is_no_sample() -> None:
    whole = ours(8, "60", "1", 9)
    nearly = ours(8, "60", "0.999999", 9)
    assert Decimal(0) < whole - nearly < Decimal("0.0001")
    assert divergence("60", 3, 8) <= mpf(str(whole))
