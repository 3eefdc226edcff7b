"""Fiat-Shamir challenges, and the linear forms that they define.

Both coefficient vectors, r of D and s of Z, are tensors r_l = a[l div B] b[l mod B]: 2 sqrt(L)
values to draw instead of L, and an error of 2/p - 1/p^2 a repetition, because a non-zero form is a
polynomial of degree 2 in them. Those of Y are drawn one by one: error 1/p a repetition.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from protocols.field import Elements, PrimeField, Residues
from protocols.hashing import Xof
from protocols.proof.shape import DealingShape, Opening, Tensor

BLOCK = 1 << 16
"""Elements in one pass: a block of float64 and its products stay in the cache, and what a proof
takes beside the shares doesn't grow with them.
"""


@dataclass(frozen=True, slots=True)
class Challenges:
    """Of n dealings: tensor factors ``rows`` (n, c, A) and ``columns`` (n, c, B) of r and s.

    ``sums`` (n, c, sums) are the coefficients of the summed constraints.
    """

    linear_rows: Elements
    linear_columns: Elements
    slot_rows: Elements
    slot_columns: Elements
    sums: Elements = field(default_factory=lambda: np.zeros((1, 1, 0), np.uint64))

    def __len__(self) -> int:
        return len(self.linear_rows)

    def part(self, window: slice) -> Challenges:
        """The challenges of some of the dealings."""
        return Challenges(
            self.linear_rows[window],
            self.linear_columns[window],
            self.slot_rows[window],
            self.slot_columns[window],
            self.sums[window],
        )


def draw(shape: DealingShape, commitments: Sequence[tuple[bytes, bytes]]) -> Challenges:
    """The challenges of n dealings, each from its (context, root).

    One XOF a dealing, on shape, context and root; its elements in the order a of r, b of r,
    a of s, b of s, coefficients of the sums, each with c rows.
    """
    r, s, count = shape.linear_tensor, shape.slot_tensor, shape.challenges
    widths = [r.rows, r.columns, s.rows, s.columns, shape.sums]
    xofs = [
        Xof("peerd/proof/challenge", shape.identifier, context, root)
        for context, root in commitments
    ]
    drawn = shape.field.sample_rows(xofs, count * sum(widths))
    edges = np.cumsum([count * width for width in widths])[:-1]
    parts = np.split(drawn, edges, axis=1)
    n = len(commitments)
    return Challenges(
        *[part.reshape(n, count, width) for part, width in zip(parts, widths, strict=True)]
    )


def forms(
    shape: DealingShape, shares: Elements, padding_weight: Elements, challenges: Challenges
) -> tuple[Residues, Residues]:
    """D and Z without their masks at one point per row: two (n, c).

    ``shares`` (n, L); ``padding_weight`` (n, blocks) is each block's P at each row's point;
    ``challenges`` for n dealings, or for one, which then serves all rows.
    """
    linear, slot = [], []
    height = max(1, BLOCK // shape.polynomials)
    for start in range(0, len(shares), height):
        window = slice(start, start + height)
        part = challenges if len(challenges) == 1 else challenges.part(window)
        block = shares[window]
        linear.append(
            combine(shape, shape.linear_tensor, block, part.linear_rows, part.linear_columns)
        )
        terms = slot_terms(shape, block, padding_weight[window].reshape(len(block), -1))
        slot.append(combine(shape, shape.slot_tensor, terms, part.slot_rows, part.slot_columns))
    return np.concatenate(linear), np.concatenate(slot)


def slot_terms(shape: DealingShape, shares: Elements, padding_weight: Elements) -> Elements:
    """What must vanish on every slot, at one point per row: (n, terms).

    C(f_l) of the constrained blocks, then P f_last of the padded ones, then, for each link and
    polynomial, the sum of factor_i part_i less the value.
    """
    field = shape.field
    terms: Elements = np.empty((len(shares), shape.slot_tensor.count), field.dtype)
    end = 0
    for block in shape.constrained:
        for columns in windows(len(shares), block.columns):
            window = slice(end, end + columns.stop - columns.start)
            terms[:, window] = block.constraint.evaluate(field, shares[:, columns])
            end = window.stop
    last = [block.columns.stop - 1 for block in shape.padded]
    window, end = slice(end, end + len(last)), end + len(last)
    terms[:, window] = field.mul(shares[:, last], padding_weight)
    for link in shape.relation.links:
        of = shape.layout.blocks[link.segment]
        difference = field.neg(shares[:, of.columns])
        for name, factor in link.parts:
            part = shares[:, shape.layout.blocks[name].columns]
            difference = field.fma(part, field.array([factor]), difference)
        window, end = slice(end, end + of.polynomials), end + of.polynomials
        terms[:, window] = difference
    return terms


def windows(rows: int, columns: slice) -> Iterator[slice]:
    """The columns, so many at once that they are BLOCK elements in all rows."""
    width = max(1, BLOCK // max(rows, 1))
    for start in range(columns.start, columns.stop, width):
        yield slice(start, min(start + width, columns.stop))


def combine(
    shape: Opening, tensor: Tensor, terms: Elements, rows: Elements, columns: Elements
) -> Residues:
    """The tensor's inner products with each row of ``terms`` (n, at most A B): (n, c).

    ``rows`` (., c, A) and ``columns`` (., c, B) are its factors, one pair for all or one each.
    """
    field: PrimeField = shape.field
    factors = columns.transpose(0, 2, 1)
    inner = np.zeros((len(terms), rows.shape[2], rows.shape[1]), np.uint64)
    height = max(1, BLOCK // (max(len(terms), 1) * tensor.columns))
    for start in range(0, tensor.rows, height):
        end = min(start + height, tensor.rows)
        part = terms[:, start * tensor.columns : end * tensor.columns]
        missing = (end - start) * tensor.columns - part.shape[1]
        if missing:
            part = np.pad(part, ((0, 0), (0, missing)))
        tiles = part.reshape(len(terms), end - start, tensor.columns)
        inner[:, start:end] = field.matmul(tiles, factors)
    return field.sum(field.mul(rows, inner.transpose(0, 2, 1)), axis=2)
