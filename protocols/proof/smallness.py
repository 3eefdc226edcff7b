"""Smallness without bits: random projections of a segment, drawn after it is committed to.

docs/protocol.md §3. The values of a segment are a matrix W, one row a polynomial and one column a
slot. Projection i is y_i = a_i^T W b_i modulo p, with the entries of a_i and b_i independent: 0
with probability 1/2, 1 and -1 with 1/4 each. They come from an XOF of the first root, under which
W lies, and the bits of y from then on are values like others, under the second root.

**Soundness.** y_i is in [-B, B) for all i. Let |W_ls| >= 4 B (centred residue). Over b_i[s] alone,
u = (W b_i)_l takes x with chance 1/2, and x + W_ls and x - W_ls with 1/4 each; x and one of these
can't both be nearer to 0 than 2 B, so |u| >= 2 B with chance >= 1/2. Given that, over a_i[l] alone,
y_i is x' or x' +- u, and lies outside [-B, B) with chance >= 1/2. So a projection passes with
chance <= 3/4, whatever the other values are and whatever wraps around; 309 pass with < 2^-128.
(Entries 1 and -1 alone let W_ls with 2 W_ls = 1 modulo p pass.)

**Completeness.** a (y / N) has E exp(x y) <= (1 - x^2 / 4)^(-1/2), N the 2-norm of W, because a
sum of such entries times w is subgaussian with parameter |w|^2 / 2, twice, and the worst W has rank
1. Hence, at x N = 1.974, Pr[|y| >= 19 N] < 2^-50.4, and all 309 are smaller but for 2^-42.

A rank-1 projection costs a member L + k products instead of L k, and a_i and b_i as many random
bits: independent entries for all of W would make this check a hundred times dearer than all else.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import numpy.typing as npt

from protocols.errors import ProtocolError
from protocols.field import Elements, PrimeField, Residues, Signs
from protocols.hashing import Xof
from protocols.proof.constraints import SMALLNESS_ROWS
from protocols.proof.layout import Projected
from protocols.proof.shape import DealingShape


class ProjectionOverflow(ProtocolError):
    """A projection lies outside its interval: by chance 2^-42 for a small W. Nobody is to blame."""


FOLD_BLOCK = 1 << 18
"""Entries of a that are unpacked at once; 8 rows (whole bytes of bits) where that is more, or twice
what they multiply. All 309 rows would take 3 kB a polynomial as they go through the product,
hundreds of times what a member holds of a dealing. Here it is under 200 bytes, 77 of them the
XOF's, and of one dealing at a time.
"""


@dataclass(frozen=True, slots=True)
class Rows:
    """a (309, polynomials of the segment) and b (309, k) of one dealing's smallness: -1, 0, 1.

    a stays packed, in two planes of bits.
    """

    planes: npt.NDArray[np.uint8]
    width: int
    right: Signs

    @property
    def left(self) -> Signs:
        """All of a."""
        return _signs(self.planes, self.width, 0, SMALLNESS_ROWS)

    def fold(self, field: PrimeField, values: Elements) -> Residues:
        """a (309, polynomials) times ``values`` (polynomials, n)."""
        fitting = max(FOLD_BLOCK // self.width, 2 * values.shape[1])
        height = max(8, fitting - fitting % 8)
        starts = range(0, SMALLNESS_ROWS, height)
        ends = [min(start + height, SMALLNESS_ROWS) for start in starts]
        blocks = (_signs(self.planes, self.width, *rows) for rows in zip(starts, ends, strict=True))
        return np.concatenate([field.signed_matmul(signs, values) for signs in blocks])


def draw_rows(shape: DealingShape, context: bytes, first_root: bytes) -> list[Rows]:
    """The projections of one dealing, one item for each smallness of the relation.

    One XOF on shape, context and first root. For each smallness, bits (lowest first in a byte)
    of two planes for a, then of two planes for b; an entry is its bit in the first plane less the
    one in the second. A plane is filled row by row and ends with its byte.
    """
    widths = [
        width
        for each in shape.layout.projected
        for width in (each.values.polynomials, shape.plan.packing)
    ]
    xof = Xof("peerd/proof/projections", shape.identifier, context, first_root)
    sizes = [2 * _plane_bytes(width) for width in widths]
    # in one read: a second would squeeze all of it anew
    data = np.frombuffer(xof.read(sum(sizes)), np.uint8)
    ends = accumulate(sizes)
    planes = [data[end - size : end].reshape(2, -1) for size, end in zip(sizes, ends, strict=True)]
    return [
        Rows(a, width, _signs(b, shape.plan.packing, 0, SMALLNESS_ROWS))
        for a, width, b in zip(planes[::2], widths[::2], planes[1::2], strict=True)
    ]


def _plane_bytes(width: int) -> int:
    return -(-SMALLNESS_ROWS * width // 8)


def _signs(planes: npt.NDArray[np.uint8], width: int, start: int, end: int) -> Signs:
    """Rows ``start`` to ``end`` of the entries; ``start`` is a multiple of 8."""
    count = (end - start) * width
    first = start * width // 8
    part = planes[:, first : first + -(-count // 8)]
    bits = np.unpackbits(part, axis=1, count=count, bitorder="little").view(np.int8)
    signs: Signs = (bits[0] - bits[1]).reshape(end - start, width)
    return signs


def projection_slots(shape: DealingShape, rows: list[Rows], slots: Residues) -> Residues:
    """The bits of all projections as slot values (polynomials, k), from slot values of v.

    Raises ProjectionOverflow.
    """
    parts = [
        _bit_slots(shape, each, project(shape, each, row, slots))
        for each, row in zip(shape.layout.projected, rows, strict=True)
    ]
    return np.concatenate(parts)


def project(shape: DealingShape, each: Projected, rows: Rows, slots: Residues) -> Residues:
    """y (309,), from the slot values of v (encoded polynomials, k)."""
    field: PrimeField = shape.field
    folded = rows.fold(field, slots[each.values.columns])  # a_i^T W
    return field.sum(field.mul(folded, field.array(rows.right.astype(np.int64))), axis=1)


def _bit_slots(shape: DealingShape, each: Projected, y: Residues) -> Residues:
    """y + B in bits, one plane after another: (planes R, k)."""
    shifted = shape.field.add(y, np.full(len(y), each.small.bound, np.uint64))
    if (shifted >= np.uint64(2 * each.small.bound)).any():
        raise ProjectionOverflow(
            f"a projection of segment {each.small.segment} exceeds {each.small.bound}: its values"
            f" are too large, or chance had it (2^-42); nothing was dealt"
        )
    packing, groups = shape.plan.packing, shape.layout.groups
    laid = np.zeros((each.planes, groups * packing), np.uint64)
    weights = np.arange(each.planes, dtype=np.uint64)[:, None]
    laid[:, : len(y)] = (shifted[None, :] >> weights) & np.uint64(1)
    return laid.reshape(each.planes * groups, packing)


# the constraints a_i^T W b_i - sum of 2^b bit_ib = -B, at a member's point


def projected(
    shape: DealingShape,
    rows: Iterable[list[Rows]],
    seats: npt.NDArray[np.int64],
    shares: Elements,
    *,
    one: bool,
) -> list[Residues]:
    """(a_i^T f(x)) b_i(x) at each row's point, (n, 309) for each smallness.

    ``shares`` (n, L) at ``seats`` (n,); ``rows`` of n dealings, drawn one after the other, or of
    ``one`` that serves all points. b_i(x) interpolates b_i over the slots.
    """
    field, layout = shape.field, shape.layout
    lagrange = shape.sharing.slot_lagrange[:, seats]
    results = [np.empty((len(shares), SMALLNESS_ROWS), np.uint64) for _ in layout.projected]
    for index, drawn in enumerate(rows):
        points = slice(0, len(shares)) if one else slice(index, index + 1)
        for each, row, result in zip(layout.projected, drawn, results, strict=True):
            left = row.fold(field, shares[points, each.values.columns].T)
            right = field.signed_matmul(row.right, lagrange[:, points])
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
    """The random sum of the 309 constraints' left sides at each row's point: shape (n, c).

    ``projections`` (n, 309) as ``projected`` gives them; ``coefficients`` (., c, 309) of n
    dealings, or of one, which then serves all rows. At point x the left side of constraint i is
    (a_i^T f(x)) b_i(x) - sum of 2^b e_i(x) f_bR+r(x), with e_i the unit vector of i's slot: a
    polynomial of degree <= delta + k - 1.
    """
    lagrange = np.ascontiguousarray(shape.sharing.slot_lagrange[:, seats].T)
    difference = shape.field.sub(projections, _recomposed(shape, each, lagrange, shares))
    return shape.field.matmul(difference[:, None, :], coefficients.transpose(0, 2, 1))[:, 0]


def _recomposed(
    shape: DealingShape, each: Projected, lagrange: Residues, shares: Elements
) -> Residues:
    """The bits' side of each constraint: shape (n, 309)."""
    field, groups, points = shape.field, shape.layout.groups, len(shares)
    planes = shares[:, each.bits.columns].reshape(points, each.planes, groups)
    weights = field.array([1 << bit for bit in range(each.planes)]).reshape(1, -1)
    values = field.matmul(weights, planes).transpose(0, 2, 1)  # (n, R, 1)
    spread = field.mul(values, lagrange[:, None, :])
    return spread.reshape(points, -1)[:, :SMALLNESS_ROWS]
