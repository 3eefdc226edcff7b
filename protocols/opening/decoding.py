"""Decoding of one Reed-Solomon word: Gao's algorithm (2003), vectorised over coefficients.

A word holds the values of a polynomial of degree <= delta at n distinct points, some of them
wrong. Up to (n - delta - 1) / 2 wrong ones are found, and no polynomial is nearer.
"""

from __future__ import annotations

import numpy as np

from protocols.field import Elements, PrimeField, Residues
from protocols.field.polynomial import (
    degree,
    divide,
    from_roots,
    interpolation,
    multiply,
    subtract,
)


def decode_word(field: PrimeField, points: Elements, word: Elements, delta: int) -> Residues | None:
    """The polynomial within the decoding radius, shape (delta + 1,), or None.

    ``points`` and ``word`` have shape (n,).
    """
    count = len(points)
    upper: Residues = from_roots(field, points)
    lower: Residues = field.matmul(word[None, :], interpolation(field, points, upper))[0]
    upper_factor: Residues = np.zeros(1, np.uint64)
    lower_factor: Residues = np.ones(1, np.uint64)
    # Extended Euclid until the remainder's degree is below (n + delta + 1) / 2; then
    # remainder = f * locator, and the locator's roots are the wrong points.
    while 2 * degree(lower) >= count + delta + 1:
        quotient, remainder = divide(field, upper, lower)
        next_factor = subtract(field, upper_factor, multiply(field, quotient, lower_factor))
        upper, lower = lower, remainder
        upper_factor, lower_factor = lower_factor, next_factor
    found, rest = divide(field, lower, lower_factor)
    if len(rest) or degree(found) > delta:
        return None
    polynomial = np.zeros(delta + 1, np.uint64)
    polynomial[: degree(found) + 1] = found[: degree(found) + 1]
    return polynomial
