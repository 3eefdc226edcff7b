"""The bound on Skellam noise's divergence, each step of its proof, and the divergence itself."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from typing import Any

import pytest
from lattice import CONTEXT, divergence, masses, moments_of_vector, mpf

from protocols.privacy import Mechanism
from protocols.privacy.divergence import LEAST_VARIANCE, round_curve, skellam_divergence
from protocols.privacy.outward import INFINITE

VARIANCES = ("3", "3.7", "5", "12", "25", "200", "3000")
SHIFTS = (1, 2, 3, 7, 20)
SOME_ORDERS = (2, 3, 4, 8, 32)


def bound(order: int, variance: str, squared_norm: int) -> Any:
    found = skellam_divergence(order, Fraction(variance), squared_norm)
    return mpf(found.numerator) / found.denominator


@pytest.mark.parametrize("variance", VARIANCES)
def test_it_bounds_the_divergence_in_one_dimension(variance: str) -> None:
    for shift, order in product(SHIFTS, SOME_ORDERS):
        exact = divergence(variance, shift, order)
        assert 0 < exact <= bound(order, variance, shift * shift), (shift, order)


@pytest.mark.parametrize(
    ("variance", "share"), [("25", "0.95"), ("200", "0.99"), ("3000", "0.999")]
)
def test_it_is_tight_where_the_noise_is_large(variance: str, share: str) -> None:
    """A bound that is far off would hold in the test above just as well."""
    assert divergence(variance, 1, 4) > mpf(share) * bound(4, variance, 1)


@pytest.mark.parametrize("variance", VARIANCES)
def test_the_logarithm_bends_no_more_than_is_proven(variance: str) -> None:
    """First step: κ, the largest second difference of −ln p, which is at 0."""
    p, mu = masses(variance, 300), mpf(variance)
    bends = [CONTEXT.log(p[1] ** -2 * p[0] ** 2)]
    bends += [CONTEXT.log(p[x] ** 2 / (p[x - 1] * p[x + 1])) for x in range(1, 299)]
    assert max(bends) == bends[0] <= (1 + 1 / mu) / mu
    assert bends[0] > (1 + 1 / (2 * mu)) / mu, "there is no room for 1/(2 mu) in its place"


@pytest.mark.parametrize("variance", VARIANCES)
def test_the_two_inequalities_from_which_that_follows(variance: str) -> None:
    """W = 1 − p(x−1) p(x+1) / p(x)² at 0, and beyond it."""
    p, mu = masses(variance, 300), mpf(variance)
    assert 1 - p[1] ** 2 / p[0] ** 2 <= 1 / mu + 1 / (8 * mu * mu)
    for x in range(1, 299):
        turan = 1 - p[x - 1] * p[x + 1] / p[x] ** 2
        assert turan < 1 / CONTEXT.sqrt(mu * mu + x * x - mpf(1) / 4)


@pytest.mark.parametrize(("variance", "shift", "order"), [("3", 2, 3), ("9", 5, 4), ("50", 1, 16)])
def test_each_point_is_below_the_noise_moved_further(variance: str, shift: int, order: int) -> None:
    """Second step: Jensen's inequality at x − Δ, between x − αΔ and x."""
    p, mu = masses(variance, 400), mpf(variance)
    factor = CONTEXT.exp((1 + 1 / mu) / mu * order * (order - 1) * shift**2 / 2)
    for x in range(-150, 150):
        found = p[abs(x - shift)] ** order * p[abs(x)] ** (1 - order)
        assert found <= factor * p[abs(x - order * shift)]


@pytest.mark.parametrize("shift", [(1, 2), (3, 1)])
def test_coordinates_add_up(shift: tuple[int, ...]) -> None:
    whole, _ = moments_of_vector("3", shift, 3, "1", 60)
    exact = CONTEXT.log(whole) / 2
    parts = sum(divergence("3", each, 3) for each in shift)
    assert abs(exact - parts) < mpf(10) ** -20
    assert exact <= bound(3, "3", sum(s * s for s in shift))


def test_it_agrees_with_the_bound_that_is_published() -> None:
    """Agarwal, Kairouz and Liu (2021), Theorem 3.5: α Δ²/(2μ) + min(…), with |Δ| beside Δ²."""
    for variance, shift, order in product(VARIANCES, SHIFTS, SOME_ORDERS):
        mu = Fraction(variance)
        fine = ((2 * order - 1) * shift**2 + 6 * shift) / (4 * mu**2)
        theirs = order * shift**2 / (2 * mu) + min(fine, 3 * shift / (2 * mu))
        ours = skellam_divergence(order, mu, shift**2)
        assert ours <= theirs + shift**2 / (4 * mu**2) or fine > 3 * shift / (2 * mu)


def test_below_the_least_variance_there_is_none() -> None:
    assert round_curve(Mechanism(Fraction(299, 100), 1))[0] == INFINITE
    assert round_curve(Mechanism(Fraction(LEAST_VARIANCE), 1))[0] < 1
