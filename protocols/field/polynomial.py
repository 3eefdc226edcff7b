"""Polynomials over a prime field, as coefficient vectors, lowest degree first.

All loops run over one degree and are vectorised over everything else.
"""

from __future__ import annotations

import numpy as np

from protocols.field.kernel import Elements, Residues
from protocols.field.prime import PrimeField

_ZERO = np.zeros(1, np.uint64)


def powers(field: PrimeField, points: Elements, count: int) -> Residues:
    """Vandermonde matrix, shape (count, len(points)): ``coefficients @ powers`` evaluates."""
    rows = np.empty((count, len(points)), np.uint64)
    current: Residues = np.ones(len(points), np.uint64)
    for degree in range(count):
        rows[degree] = current
        current = field.mul(current, points)
    return rows


def from_roots(field: PrimeField, roots: Elements) -> Residues:
    """The monic polynomial that vanishes on the roots, shape (len(roots) + 1,)."""
    product = np.zeros(len(roots) + 1, np.uint64)
    product[0] = 1
    for size, root in enumerate(field.neg(roots), start=1):
        shifted = np.concatenate([_ZERO, product[:size]])
        product[: size + 1] = field.fma(product[: size + 1], root.reshape(1), shifted)
    return product


def vanishing(field: PrimeField, roots: Elements, points: Elements) -> Residues:
    """The product of (x - root) over all roots, at each point: shape (len(points),)."""
    return field.product(field.sub(points[None, :], roots[:, None]))


def lagrange(field: PrimeField, nodes: Elements, points: Elements) -> Residues:
    """Matrix M, shape (len(nodes), len(points)): values at the nodes @ M = values at the points.

    For polynomials of degree below len(nodes). Nodes are distinct; no point is a node.
    """
    weights = _weights(field, nodes)
    differences = field.sub(points[None, :], nodes[:, None])
    scaled = field.mul(field.inverse(differences), weights[:, None])
    return field.mul(scaled, vanishing(field, nodes, points)[None, :])


def interpolation(field: PrimeField, nodes: Elements, master: Residues | None = None) -> Residues:
    """Matrix M, shape (n, n): values at the n distinct nodes @ M = coefficients.

    ``master`` is ``from_roots(nodes)`` if the caller has it.
    """
    master = from_roots(field, nodes) if master is None else master
    count = len(nodes)
    # Row i becomes master / (x - node_i), by synthetic division of all rows at once.
    quotients = np.empty((count, count), np.uint64)
    current: Residues = np.zeros(count, np.uint64)
    for degree in range(count - 1, -1, -1):
        current = field.fma(current, nodes, master[degree + 1 : degree + 2])
        quotients[:, degree] = current
    return field.mul(quotients, _weights(field, nodes)[:, None])


def _weights(field: PrimeField, nodes: Elements) -> Residues:
    """Barycentric weights: 1 / product of (node_i - node_j) over j != i."""
    differences = field.sub(nodes[None, :], nodes[:, None])
    np.fill_diagonal(differences, 1)
    return field.inverse(field.product(differences))


def degree(polynomial: Elements) -> int:
    """The degree; -1 for the zero polynomial."""
    nonzero = np.flatnonzero(polynomial)
    return int(nonzero[-1]) if len(nonzero) else -1


def divide(field: PrimeField, numerator: Elements, divisor: Elements) -> tuple[Residues, Residues]:
    """Quotient and remainder, the remainder trimmed. Raises ZeroDivisionError."""
    low = degree(divisor)
    if low < 0:
        raise ZeroDivisionError("division by the zero polynomial")
    remainder: Residues = numerator.astype(np.uint64)
    monic = divisor[: low + 1].astype(np.uint64)
    inverse = pow(int(monic[low]), -1, field.p)
    quotient = np.zeros(max(len(remainder) - low, 1), np.uint64)
    for shift in range(len(remainder) - low - 1, -1, -1):
        factor = int(remainder[shift + low]) * inverse % field.p
        if factor:
            quotient[shift] = factor
            window = slice(shift, shift + low + 1)
            minus = np.array([field.p - factor], np.uint64)
            remainder[window] = field.fma(monic, minus, remainder[window])
    return quotient, remainder[: degree(remainder) + 1]


def multiply(field: PrimeField, a: Elements, b: Elements) -> Residues:
    """The product; loops over the shorter factor."""
    if len(a) > len(b):
        a, b = b, a
    if len(a) == 0:
        return np.zeros(0, np.uint64)
    product = np.zeros(len(a) + len(b) - 1, np.uint64)
    for shift in np.flatnonzero(a):
        window = slice(shift, shift + len(b))
        product[window] = field.fma(b, a[shift : shift + 1], product[window])
    return product


def subtract(field: PrimeField, a: Elements, b: Elements) -> Residues:
    """a - b, for operands of any lengths."""
    result = np.zeros(max(len(a), len(b)), np.uint64)
    result[: len(a)] = a
    result[: len(b)] = field.sub(result[: len(b)], b)
    return result
