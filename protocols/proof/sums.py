"""Constraints that sum over slots and polynomials: the random sum of them that Y publishes.

docs/protocol.md §3. Constraint a is the sum of kappa f_l(e_s)^2 and lambda_ls f_l(e_s) over slots
and polynomials. With G_l of degree <= k - 1 interpolating lambda_l over the slots,
kappa f_l^2 + G_l f_l is a polynomial of degree <= 2 delta whose values on the slots sum to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from protocols.field import Elements, Residues
from protocols.proof.challenge import BLOCK, windows
from protocols.proof.layout import Block
from protocols.proof.projections import Projections
from protocols.proof.runs import Run, add_runs, batched, side_by_side
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
    field = shape.field
    width = max(1, BLOCK // (2 * max(len(shares), 1)))  # a product is there beside its factors
    total = np.zeros((len(shares), len(shape.relation.summed)), np.uint64)
    for batch in batched(_squares(shape), width):
        part = side_by_side(shares, batch)
        add_runs(field, total, batch, field.mul(part, part))
    for batch in batched(_plain(shape), width):
        add_runs(field, total, batch, side_by_side(shares, batch))
    for batch in batched(_weighted(shape), width):
        weights = _weights(shape, batch, seats)
        add_runs(field, total, batch, field.mul(side_by_side(shares, batch), weights))
    for number, constraint in enumerate(shape.relation.summed):
        for scaled in constraint.scaled:
            factor = field.mul(public[:, scaled.index], field.array([scaled.factor]))
            block = shape.layout.blocks[scaled.segment]
            total[:, number] = field.fma(_total(shape, shares, block), factor, total[:, number])
    return total


def _squares(shape: DealingShape) -> Iterator[Run]:
    for number, constraint in enumerate(shape.relation.summed):
        for square in constraint.squares:
            yield Run(number, shape.layout.blocks[square.segment].columns, square.factor)


def _plain(shape: DealingShape) -> Iterator[Run]:
    """Linear terms whose coefficients are all one number."""
    for number, constraint in enumerate(shape.relation.summed):
        for term in constraint.linear:
            if isinstance(term.coefficients, int):
                yield Run(number, shape.layout.blocks[term.segment].columns, term.coefficients)


def _weighted(shape: DealingShape) -> Iterator[Run]:
    """The others, with lambda (polynomials, k)."""
    for number, constraint in enumerate(shape.relation.summed):
        for term in constraint.linear:
            given = shape.layout.coefficients(term)
            if given is not None:
                yield Run(number, shape.layout.blocks[term.segment].columns, given=given)


def _weights(shape: DealingShape, batch: Sequence[Run], seats: npt.NDArray[np.int64]) -> Residues:
    """G_l of the batch's polynomials at each row's point, (n, polynomials), or at that of all."""
    given = np.concatenate([run.given for run in batch if run.given is not None])
    same = bool((seats == seats[0]).all())
    points = shape.sharing.slot_lagrange[:, seats[:1] if same else seats]
    return shape.field.matmul(shape.field.array(given), points).T


def _total(shape: DealingShape, shares: Elements, block: Block) -> Residues:
    """The sum of the block's polynomials at each row's point."""
    total = np.zeros(len(shares), np.uint64)
    for columns in windows(len(shares), block.columns):
        total = shape.field.add(total, shape.field.sum(shares[:, columns], axis=1))
    return total
