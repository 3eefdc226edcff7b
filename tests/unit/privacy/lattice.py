"""Skellam noise on the lattice by mpmath's Bessel functions, and exact Rényi divergences of it.

Sums end where a term is below 10^-30 of the largest, in 50 digits: what is left out is far below
what the tests allow.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import product
from typing import Any

import mpmath

CONTEXT = mpmath.mp.clone()
CONTEXT.dps = 50
mpf = CONTEXT.mpf
NEGLIGIBLE = mpf(10) ** -30


@cache
def masses(variance: str, last: int) -> list[Any]:
    """p(0) … p(last): two of Bessel's functions, and downward from there, which is stable."""
    mu = mpf(variance)
    found = [CONTEXT.besseli(last, mu), CONTEXT.besseli(last - 1, mu)]
    for k in range(last - 1, 0, -1):
        found.append(found[-2] + 2 * k / mu * found[-1])
    scale = CONTEXT.exp(-mu)
    return [scale * each for each in reversed(found)]


def chance_of(statistic: float, freedom: int) -> float:
    """Of a chi-square no smaller."""
    half = mpf(freedom) / 2
    return float(CONTEXT.gammainc(half, mpf(statistic) / 2, CONTEXT.inf, regularized=True))


def moment(variance: str, shift: int, order: int, rate: str = "1", backward: bool = False) -> Any:
    """Σ m^order p^(1 − order), p the noise and m = (1 − rate) p + rate · (p moved by shift).

    Backward: Σ p^order m^(1 − order).
    """
    q = mpf(rate)
    reach = 2 * shift + 20
    while True:
        p = masses(variance, reach + shift + 1)
        pairs = [(p[abs(x)], p[abs(x - shift)]) for x in range(-reach, reach + 1)]
        mixed = [(a, (1 - q) * a + q * b) for a, b in pairs]
        if backward:
            mixed = [(m, a) for a, m in mixed]
        terms = [m * (m / a) ** (order - 1) for a, m in mixed]
        if max(terms[0], terms[-1]) < NEGLIGIBLE * max(terms):
            return CONTEXT.fsum(terms)
        reach *= 2


def divergence(variance: str, shift: int, order: int, **how: Any) -> Any:
    """D_order, in one dimension."""
    return CONTEXT.log(moment(variance, shift, order, **how)) / (order - 1)


def moments_of_vector(
    variance: str, shift: Sequence[int], order: int, rate: str, reach: int
) -> tuple[Any, Any]:
    """Both directions' sums in as many dimensions as the shift has, over a box of ``reach``."""
    q, p = mpf(rate), masses(variance, reach + max(shift) + 1)
    there, back = [], []
    for place in product(range(-reach, reach + 1), repeat=len(shift)):
        a = CONTEXT.fprod(p[abs(x)] for x in place)
        b = CONTEXT.fprod(p[abs(x - s)] for x, s in zip(place, shift, strict=True))
        m = (1 - q) * a + q * b
        there.append(m * (m / a) ** (order - 1))
        back.append(a * (a / m) ** (order - 1))
    return CONTEXT.fsum(there), CONTEXT.fsum(back)
