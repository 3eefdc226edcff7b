"""Rényi divergence of one round: summed Skellam noise, then Poisson sampling (docs/privacy.md).

All of it is an upper bound, whatever is rounded.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from itertools import accumulate, repeat
from math import comb

from protocols.privacy.mechanism import Mechanism
from protocols.privacy.outward import INFINITE, UP, at_least, exp_up, log_up

ORDERS: tuple[int, ...] = (
    *range(2, 32),
    *range(32, 64, 2),
    *range(64, 128, 8),
    *range(128, 257, 16),
)
"""Fixed, since whoever recomputes R_max must get the same. Any set is valid."""

Curve = tuple[Decimal, ...]
"""A bound for each of ORDERS; infinite where there is none. Rounds add up order by order."""


LEAST_VARIANCE = 3
"""Below it nothing is proven, and nobody needs it: a finer grid has more."""


def skellam_divergence(order: int, variance: Fraction, squared_norm: int) -> Fraction:
    """D_order of Skellam noise moved by g from the same unmoved, ‖g‖² at most ``squared_norm``.

    For whole orders from 2 on, and a variance of at least LEAST_VARIANCE. The first factor is a
    Gaussian's. Proven in docs/privacy.md.
    """
    return order * squared_norm / (2 * variance) * (1 + 1 / variance)


@lru_cache(maxsize=256)
def round_curve(mechanism: Mechanism) -> Curve:
    """One round's divergence in either direction, at each of ORDERS."""
    if mechanism.variance < LEAST_VARIANCE:
        return (INFINITE,) * len(ORDERS)
    if mechanism.rate == 1:
        return tuple(
            at_least(skellam_divergence(order, mechanism.variance, mechanism.squared_norm))
            for order in ORDERS
        )
    moments = _moments(mechanism)
    drawn = _powers(at_least(mechanism.rate))
    left = _powers(at_least(1 - mechanism.rate))
    return tuple(_sampled(order, moments, drawn, left) for order in ORDERS)


def _sampled(order: int, moments: Curve, drawn: Curve, left: Curve) -> Decimal:
    """ln(Σ_j C(order, j) (1 − q)^(order − j) q^j E[r^j]) / (order − 1), r the densities' ratio.

    The binomial theorem, hence exact but for E[r^j]; that the other direction is no larger is
    Mironov, Talwar and Zhang's Theorem 5, proven for this noise in docs/privacy.md.
    """
    if moments[order] == INFINITE:
        return INFINITE
    total = Decimal(0)
    for j in range(order + 1):
        ways = UP.multiply(Decimal(comb(order, j)), UP.multiply(left[order - j], drawn[j]))
        total = UP.add(total, UP.multiply(ways, moments[j]))
    return UP.divide(log_up(total), Decimal(order - 1))


def _moments(mechanism: Mechanism) -> Curve:
    """E[r^j] under the noise for j = 0 … the highest order; 1 for the first two."""

    def moment(j: int) -> Decimal:
        bound = skellam_divergence(j, mechanism.variance, mechanism.squared_norm)
        return exp_up(at_least((j - 1) * bound))

    return (Decimal(1), Decimal(1), *map(moment, range(2, ORDERS[-1] + 1)))


def _powers(base: Decimal) -> Curve:
    """base^0 … base^(the highest order)."""
    return tuple(accumulate(repeat(base, ORDERS[-1]), UP.multiply, initial=Decimal(1)))
