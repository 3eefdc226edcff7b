"""Polynomial algebra against evaluation with Python integers."""

from __future__ import annotations

import numpy as np
import pytest

from protocols.field import P16, P31, P61, PrimeField
from protocols.field import polynomial as poly
from protocols.hashing import Xof

FIELDS = (PrimeField(31), P16, P31, P61)


def draw(field: PrimeField, *shape: int) -> np.ndarray:
    count = int(np.prod(shape))
    return field.sample(Xof("test", b"p"), count).astype(np.uint64).reshape(shape)


def evaluate(field: PrimeField, coefficients: np.ndarray, point: int) -> int:
    value = 0
    for coefficient in coefficients[::-1].tolist():
        value = (value * point + coefficient) % field.p
    return value


def nodes(field: PrimeField, count: int) -> np.ndarray:
    return field.array([i - 3 for i in range(count)])


@pytest.mark.parametrize("field", FIELDS, ids=lambda f: str(f.p))
class TestPolynomials:
    def test_powers_evaluate(self, field: PrimeField) -> None:
        f, points = draw(field, 5), nodes(field, 9)
        values = field.matmul(f[None, :], poly.powers(field, points, 5))[0]
        assert values.tolist() == [evaluate(field, f, x) for x in points.tolist()]

    def test_interpolation_recovers_coefficients(self, field: PrimeField) -> None:
        f, points = draw(field, 3, 8), nodes(field, 8)
        values = field.matmul(f, poly.powers(field, points, 8))
        assert (field.matmul(values, poly.interpolation(field, points)) == f).all()

    def test_lagrange_extends_values(self, field: PrimeField) -> None:
        f, points = draw(field, 2, 6), nodes(field, 14)
        values = field.matmul(f, poly.powers(field, points, 6))
        matrix = poly.lagrange(field, points[:6], points[6:])
        assert (field.matmul(values[:, :6], matrix) == values[:, 6:]).all()

    def test_from_roots_vanishes_there_only(self, field: PrimeField) -> None:
        points = nodes(field, 12)
        master = poly.from_roots(field, points[:7])
        assert (len(master), int(master[-1])) == (8, 1)
        values = [evaluate(field, master, x) for x in points.tolist()]
        assert [value == 0 for value in values] == [True] * 7 + [False] * 5
        assert poly.vanishing(field, points[:7], points).tolist() == values

    def test_division(self, field: PrimeField) -> None:
        quotient, divisor, remainder = draw(field, 6), draw(field, 4), draw(field, 3)
        quotient[-1] = divisor[-1] = remainder[-1] = 1
        product = poly.multiply(field, quotient, divisor)
        minus = poly.subtract(field, np.zeros(1, np.uint64), remainder)
        q, r = poly.divide(field, poly.subtract(field, product, minus), divisor)
        assert (q.tolist(), r.tolist()) == (quotient.tolist(), remainder.tolist())

    def test_division_by_a_longer_polynomial(self, field: PrimeField) -> None:
        q, r = poly.divide(field, np.array([2, 1], np.uint64), np.array([1, 0, 1], np.uint64))
        assert (q.tolist(), r.tolist()) == ([0], [2, 1])
        with pytest.raises(ZeroDivisionError):
            poly.divide(field, np.array([1], np.uint64), np.zeros(3, np.uint64))


def test_degrees() -> None:
    assert poly.degree(np.array([0, 0], np.uint64)) == -1
    assert poly.degree(np.array([1, 2, 0], np.uint64)) == 1
