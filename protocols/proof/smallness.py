"""Smallness without bits: random projections of segments, drawn after these are committed to.

docs/protocol.md §3. What is projected, why that proves smallness, and how often an honest dealer
fails: projections.py. Projections come from an XOF of the first root, under which W lies, and the
bits of their results y from then on are values like others, under the second root.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from protocols.errors import ProtocolError
from protocols.field import Elements, Residues
from protocols.proof.layout import Projected
from protocols.proof.projections import Projections
from protocols.proof.shape import DealingShape


class ProjectionOverflow(ProtocolError):
    """A projection lies outside its interval: by chance 2^-41 for a small W. Nobody is to blame."""


def projection_slots(shape: DealingShape, drawn: list[Projections], slots: Residues) -> Residues:
    """The bits of all projections as slot values (polynomials, k), from slot values of v.

    Raises ProjectionOverflow.
    """
    parts = [
        _bit_slots(shape, each, project(shape, each, one, slots))
        for each, one in zip(shape.layout.projected, drawn, strict=True)
    ]
    return np.concatenate(parts)


def project(shape: DealingShape, each: Projected, drawn: Projections, slots: Residues) -> Residues:
    """y (projections,), from the slot values of v (encoded polynomials, k)."""
    field = shape.field
    folded = drawn.fold(field, slots[each.values.columns])
    left = np.repeat(folded, shape.projections.vectors, axis=0)
    return field.sum(field.mul(left, field.array(drawn.right.astype(np.int64))), axis=1)


def _bit_slots(shape: DealingShape, each: Projected, y: Residues) -> Residues:
    """y + B in bits, one plane after another: (planes R, k)."""
    shifted = shape.field.add(y, np.full(len(y), each.small.bound, np.uint64))
    if (shifted >= np.uint64(2 * each.small.bound)).any():
        raise ProjectionOverflow(
            f"a projection of segment {each.small.segments[0]} exceeds {each.small.bound}: its"
            f" values are too large, or chance had it (2^-41); nothing was dealt"
        )
    packing, groups = shape.plan.packing, shape.layout.groups
    laid = np.zeros((each.planes, groups * packing), np.uint64)
    weights = np.arange(each.planes, dtype=np.uint64)[:, None]
    laid[:, : len(y)] = (shifted[None, :] >> weights) & np.uint64(1)
    return laid.reshape(each.planes * groups, packing)


# the constraints y_i - sum of 2^b bit_ib = -B, at a member's point


def projected(
    shape: DealingShape,
    drawn: Iterable[list[Projections]],
    seats: npt.NDArray[np.int64],
    shares: Elements,
    *,
    one: bool,
) -> list[Residues]:
    """(a^T f(x)) b(x) at each row's point, (n, projections) for each smallness.

    ``shares`` (n, L) at ``seats`` (n,); ``drawn`` of n dealings, one after the other, or of ``one``
    that serves all points. b(x) interpolates b over the slots.
    """
    field, layout, of = shape.field, shape.layout, shape.projections
    lagrange = shape.sharing.slot_lagrange[:, seats]
    results = [np.empty((len(shares), of.all), np.uint64) for _ in layout.projected]
    for index, each_drawn in enumerate(drawn):
        points = slice(0, len(shares)) if one else slice(index, index + 1)
        for each, projections, result in zip(layout.projected, each_drawn, results, strict=True):
            folded = projections.fold(field, shares[points, each.values.columns].T)
            left = np.repeat(folded, of.vectors, axis=0)
            right = field.signed_matmul(projections.right, lagrange[:, points])
            result[points] = field.mul(left, right).T
    return results


def projection_sum(
    shape: DealingShape,
    each: Projected,
    projections: Residues,
    seats: npt.NDArray[np.int64],
    shares: Elements,
    coefficients: Elements,
) -> Residues:
    """The random sum of all projections' left sides at each row's point: shape (n, c).

    ``projections`` (n, all) as ``projected`` gives them; ``coefficients`` (., c, all) of n
    dealings, or of one, which then serves all rows. At point x the left side of constraint i is
    (a^T f(x)) b(x) - sum of 2^b e_i(x) f_bR+r(x), with e_i the unit vector of i's slot: a
    polynomial of degree <= delta + k - 1.
    """
    lagrange = np.ascontiguousarray(shape.sharing.slot_lagrange[:, seats].T)
    difference = shape.field.sub(projections, _recomposed(shape, each, lagrange, shares))
    return shape.field.matmul(difference[:, None, :], coefficients.transpose(0, 2, 1))[:, 0]


def _recomposed(
    shape: DealingShape, each: Projected, lagrange: Residues, shares: Elements
) -> Residues:
    """The bits' side of each constraint: shape (n, projections)."""
    field, groups, points = shape.field, shape.layout.groups, len(shares)
    planes = shares[:, each.bits.columns].reshape(points, each.planes, groups)
    weights = field.array([1 << bit for bit in range(each.planes)]).reshape(1, -1)
    values = field.matmul(weights, planes).transpose(0, 2, 1)  # (n, R, 1)
    spread = field.mul(values, lagrange[:, None, :])
    return spread.reshape(points, -1)[:, : shape.projections.all]
