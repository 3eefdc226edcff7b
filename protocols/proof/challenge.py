"""Fiat-Shamir challenges, and the linear forms that they define.

Both coefficient vectors, r of D and s of Z, are tensors r_l = a[l div B] b[l mod B]: 2 sqrt(L)
values to draw instead of L, and an error of 2/p - 1/p^2 a repetition, because a non-zero form is a
polynomial of degree 2 in them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from protocols.field import Elements, PrimeField, Residues
from protocols.hashing import Xof
from protocols.proof.shape import DealingShape

BLOCK_ROWS = 64
"""Vectors in one pass: a block of float64 and its products stay in the cache."""


@dataclass(frozen=True, slots=True)
class Challenges:
    """Tensor factors for n dealings: ``rows`` (n, c, A) and ``columns`` (n, c, B), of r and s."""

    linear_rows: Elements
    linear_columns: Elements
    slot_rows: Elements
    slot_columns: Elements

    def __len__(self) -> int:
        return len(self.linear_rows)

    def part(self, window: slice) -> Challenges:
        """The challenges of some of the dealings."""
        return Challenges(
            self.linear_rows[window],
            self.linear_columns[window],
            self.slot_rows[window],
            self.slot_columns[window],
        )


def draw(shape: DealingShape, commitments: Sequence[tuple[bytes, bytes]]) -> Challenges:
    """The challenges of n dealings, each from its (context, root).

    One XOF a dealing, on shape, context and root; its elements in the order a of r, b of r,
    a of s, b of s, each with c rows.
    """
    rows, columns, count = shape.tensor_rows, shape.tensor_columns, shape.challenges
    xofs = [
        Xof("peerd/proof/challenge", shape.identifier, context, root)
        for context, root in commitments
    ]
    drawn = shape.field.sample_rows(xofs, 2 * count * (rows + columns))
    edges = np.cumsum([count * rows, count * columns, count * rows])
    a_r, b_r, a_s, b_s = np.split(drawn, edges, axis=1)
    n = len(commitments)
    return Challenges(
        a_r.reshape(n, count, rows),
        b_r.reshape(n, count, columns),
        a_s.reshape(n, count, rows),
        b_s.reshape(n, count, columns),
    )


def forms(
    shape: DealingShape, shares: Elements, padding_weight: Elements, challenges: Challenges
) -> tuple[Residues, Residues]:
    """Sum of r_l f_l, and sum of s_l C(f_l) + s_L P f_(L-1), at one point per row: two (n, c).

    ``shares`` (n, L); ``padding_weight`` (n,) is P at each row's point; ``challenges`` for n
    dealings, or for one, which then serves all rows.
    """
    linear, slot = [], []
    for start in range(0, len(shares), BLOCK_ROWS):
        window = slice(start, start + BLOCK_ROWS)
        part = challenges if len(challenges) == 1 else challenges.part(window)
        block = shares[window]
        linear.append(_combine(shape, block, part.linear_rows, part.linear_columns))
        terms = np.empty((len(block), shape.polynomials + 1), np.uint64)
        terms[:, :-1] = shape.constraint.evaluate(shape.field, block)
        terms[:, -1] = shape.field.mul(block[:, -1], padding_weight[window])
        slot.append(_combine(shape, terms, part.slot_rows, part.slot_columns))
    return np.concatenate(linear), np.concatenate(slot)


def _combine(shape: DealingShape, terms: Elements, rows: Elements, columns: Elements) -> Residues:
    """The tensor's inner products with each row of ``terms`` (n, at most A B): (n, c)."""
    field: PrimeField = shape.field
    padded = np.zeros((len(terms), shape.tensor_rows * shape.tensor_columns), terms.dtype)
    padded[:, : terms.shape[1]] = terms
    tiles = padded.reshape(len(terms), shape.tensor_rows, shape.tensor_columns)
    inner = field.matmul(tiles, columns.transpose(0, 2, 1))
    return field.sum(field.mul(rows, inner.transpose(0, 2, 1)), axis=2)
