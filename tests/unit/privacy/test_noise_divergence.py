"""The bound on Skellam noise's divergence, against the divergence itself."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import pytest
from lattice import CONTEXT, divergence, moments_of_vector, mpf

from protocols.privacy import Sensitivity
from protocols.privacy.divergence import skellam_divergence

VARIANCES = ("0.05", "0.3", "1", "4", "25", "200", "3000")
SHIFTS = (1, 2, 3, 7, 20)
SOME_ORDERS = (2, 3, 4, 8, 32)


def bound(order: int, variance: str, sensitivity: Sensitivity) -> object:
    found = skellam_divergence(order, Fraction(variance), sensitivity)
    return mpf(found.numerator) / found.denominator


@pytest.mark.parametrize("variance", VARIANCES)
def test_it_bounds_the_divergence_in_one_dimension(variance: str) -> None:
    for shift, order in product(SHIFTS, SOME_ORDERS):
        exact = divergence(variance, shift, order)
        assert 0 < exact <= bound(order, variance, Sensitivity(shift * shift, shift)), (
            shift,
            order,
        )


def test_it_is_tight_where_the_noise_is_large() -> None:
    """Its first term is a Gaussian's, and the rest vanishes: a bound that is far off would hold
    in the test above just as well.
    """
    exact = divergence("3000", 7, 4)
    assert exact > mpf("0.999") * bound(4, "3000", Sensitivity(49, 7))


def test_both_branches_of_the_minimum_are_used() -> None:
    one = Sensitivity(1, 1)
    assert skellam_divergence(2, Fraction(100), one) == Fraction(1, 100) + Fraction(9, 40_000)
    assert skellam_divergence(2, Fraction(1), one) == 1 + Fraction(3, 2)


@pytest.mark.parametrize("shift", [(1, 2), (3, 1)])
def test_coordinates_add_up(shift: tuple[int, ...]) -> None:
    """Of a vector: the squares' sum and the absolute values' sum in place of one number's."""
    whole, _ = moments_of_vector("2", shift, 3, "1", 60)
    exact = CONTEXT.log(whole) / 2
    parts = sum(divergence("2", each, 3) for each in shift)
    assert abs(exact - parts) < mpf(10) ** -20
    sensitivity = Sensitivity(sum(s * s for s in shift), sum(shift))
    assert exact <= bound(3, "2", sensitivity)
