"""Constraints that sum over slots and polynomials: the random sum of them that Y publishes.

docs/protocol.md §3. Constraint a is the sum of kappa f_l(e_s)^2 and lambda_ls f_l(e_s) over slots
and polynomials. With G_l of degree <= k - 1 interpolating lambda_l over the slots,
kappa f_l^2 + G_l f_l is a polynomial of degree <= 2 delta whose values on the slots sum to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from protocols.field import Elements, Residues
from protocols.proof.challenge import windows
from protocols.proof.constraints import SummedConstraint
from protocols.proof.layout import Block
from protocols.proof.projections import Projections
from protocols.proof.shape import DealingShape
from protocols.proof.smallness import projected, projection_sum


def constants(shape: DealingShape) -> Residues:
    """gamma_a of all constraints, those of the projections included: shape (sums,)."""
    declared = [constraint.constant for constraint in shape.relation.summed]
    for each in shape.layout.projected:
        declared += [-each.small.bound] * shape.projections.all
    return shape.field.array(declared)


def random_sum(
    shape: DealingShape,
    seats: npt.NDArray[np.int64],
    shares: Elements,
    drawn: Iterable[list[Projections]],
    coefficients: Elements,
    public: Residues,
) -> Residues:
    """Y without its mask at each row's point: shape (n, c).

    ``shares`` (n, L) at ``seats`` (n,). ``drawn``, ``coefficients`` (., c, sums) and ``public``
    (., inputs), the dealers' public inputs, are for n dealings, or for one, which then serves all
    rows. Projections are taken one by one: they are larger than a share.
    """
    declared = len(shape.relation.summed)
    total = np.zeros((len(shares), coefficients.shape[1]), np.uint64)
    if declared:
        values = _declared(shape, seats, shares, public)
        weights = coefficients[:, :, :declared].transpose(0, 2, 1)
        total = shape.field.matmul(values[:, None, :], weights)[:, 0]
    found = projected(shape, drawn, seats, shares, one=len(coefficients) == 1)
    for index, (each, values) in enumerate(zip(shape.layout.projected, found, strict=True)):
        start = declared + index * shape.projections.all
        part = coefficients[:, :, start : start + shape.projections.all]
        total = shape.field.add(total, projection_sum(shape, each, values, seats, shares, part))
    return total


def public_inputs(shape: DealingShape, given: Sequence[Sequence[int]]) -> Residues:
    """The public inputs of n dealers as field elements (n, inputs). ValueError for another count
    than the relation's.
    """
    wanted = shape.relation.public_inputs
    if any(len(each) != wanted for each in given):
        raise ValueError(f"each dealer has {wanted} public inputs in this relation")
    return shape.field.array(np.array(given, np.int64).reshape(len(given), wanted))


def _declared(
    shape: DealingShape, seats: npt.NDArray[np.int64], shares: Elements, public: Residues
) -> Residues:
    """Every declared constraint's polynomial at each row's point: shape (n, constraints)."""
    columns = [
        _constraint(shape, constraint, seats, shares, public)
        for constraint in shape.relation.summed
    ]
    return np.stack(columns, axis=1)


def _constraint(
    shape: DealingShape,
    constraint: SummedConstraint,
    seats: npt.NDArray[np.int64],
    shares: Elements,
    public: Residues,
) -> Residues:
    field, total = shape.field, np.zeros(len(shares), np.uint64)
    for square in constraint.squares:
        block = shape.layout.blocks[square.segment]
        for columns in windows(len(shares), block.columns):
            part = shares[:, columns]
            value = field.sum(field.mul(part, part), axis=1)
            total = field.fma(value, field.array([square.factor]), total)
    for term in constraint.linear:
        block = shape.layout.blocks[term.segment]
        given = shape.layout.coefficients(term)
        if given is None:
            assert isinstance(term.coefficients, int)
            value = field.mul(_total(shape, shares, block), field.array([term.coefficients]))
        else:
            value = _weighted(shape, field.array(given), seats, shares[:, block.columns])
        total = field.add(total, value)
    for scaled in constraint.scaled:
        factor = field.mul(public[:, scaled.index], field.array([scaled.factor]))
        block = shape.layout.blocks[scaled.segment]
        total = field.fma(_total(shape, shares, block), factor, total)
    return total


def _total(shape: DealingShape, shares: Elements, block: Block) -> Residues:
    """The sum of the block's polynomials at each row's point."""
    total = np.zeros(len(shares), np.uint64)
    for columns in windows(len(shares), block.columns):
        total = shape.field.add(total, shape.field.sum(shares[:, columns], axis=1))
    return total


def _weighted(
    shape: DealingShape, given: Residues, seats: npt.NDArray[np.int64], part: Elements
) -> Residues:
    """The sum of G_l f_l at each row's point, from lambda (polynomials, k)."""
    field, lagrange = shape.field, shape.sharing.slot_lagrange
    if (seats == seats[0]).all():
        weights = field.matmul(given, lagrange[:, seats[:1]])
        return field.matmul(part, weights)[:, 0]
    weights = field.matmul(given, lagrange[:, seats])
    return field.sum(field.mul(part, weights.T), axis=1)
