"""The projections of a smallness: how many there are, and how they are drawn from the first root.

docs/protocol.md §3. Values of the segments are a matrix W, one row a polynomial and one column a
slot. A projection is a^T W b modulo p. Since version 3 of the protocol, a = a_i - a_0 with bits
a_0, a_1, ..., and several b for each a_i; b = 1 where a polynomial has one slot.

**Soundness.** y is in [-B, B) for all projections. Let |W_ls| >= 4 B (centred residue), and fix a_0
and all other entries. Over the bit a_i[l] alone, u = (a^T W)_s takes two values W_ls apart, not
both nearer to 0 than 2 B, so |u| >= 2 B with chance >= 1/2, for each i by itself. Given that, over
b[s] alone, which is 0 with chance 1/2 and 1 and -1 with 1/4 each, y is x or x +- u, and outside
[-B, B) with chance >= 1/2, for each b by itself. So all projections of one a_i pass with chance
<= 1/2 + 1/2^(vectors + 1), and (5/8)^189 < 2^-128, whatever the other values are and whatever wraps
around. With one slot u is y itself: 1/2^128. (Entries 1 and -1 alone let W_ls with 2 W_ls = 1
modulo p pass.) Version 2 had both factors of each projection drawn anew: (3/4)^309.

**Completeness.** Entries of a, and of b, are 0, 1 and -1 as said, independent within a projection.
a^T W b / N has E exp(x y) <= (1 - x^2 / 4)^(-1/2), N the 2-norm of W, because a sum of such entries
times w is subgaussian with parameter |w|^2 / 2, twice, and the worst W has rank 1. Hence, at
x N = 1.974, Pr[|y| >= 19 N] < 2^-50.4, and all 378 are smaller but for 2^-41.

A rank-1 projection costs a member L + k products instead of L k. Bits with a row in common cost
half of what entries drawn one by one do, and whoever checks holds one chunk of them at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from protocols.field import Elements, PrimeField, Residues, Signs
from protocols.hashing import Xof
from protocols.proof.shape import DealingShape
from protocols.version import V3

CHUNK = 2048
"""Polynomials whose bits one XOF gives: a product of so many stays in the caches."""
FOLD_BLOCK = 1 << 18
"""Entries of version 2's rows that are unpacked at once."""


class Projections(Protocol):
    """Of one smallness of one dealing."""

    @property
    def right(self) -> Signs:
        """b of each projection, those of one a one after the other: (all, k)."""

    def fold(self, field: PrimeField, values: Elements) -> Residues:
        """a^T ``values`` for each a: (rows, n), from values (polynomials, n)."""


def draw(shape: DealingShape, context: bytes, first_root: bytes) -> list[Projections]:
    """The projections of one dealing, one item for each smallness of the relation."""
    place = (shape.identifier, context, first_root)
    if shape.version < V3 and shape.layout.projected:
        return _draw_separately(shape, place)
    return [_Shared.drawn(shape, place, index) for index in range(len(shape.layout.projected))]


@dataclass(frozen=True, slots=True)
class _Shared:
    """Since version 3: bits of a in chunks, each from an XOF of its own on shape, context, first
    root, the smallness' index and the chunk's; in it rows a_0, a_1, ..., each ending with its byte.
    """

    place: tuple[bytes, ...]
    rows: int
    right: Signs

    @classmethod
    def drawn(cls, shape: DealingShape, place: tuple[bytes, ...], index: int) -> _Shared:
        of, packing = shape.projections, shape.plan.packing
        place = (*place, index.to_bytes(4, "little"))
        if packing == 1:
            return cls(place, of.rows, np.ones((of.all, 1), np.int8))
        size = 2 * -(-of.all * packing // 8)
        drawn = Xof("peerd/proof/projections/slots", *place).read(size)
        planes = np.frombuffer(drawn, np.uint8).reshape(2, -1)
        return cls(place, of.rows, _signs(planes, packing, 0, of.all))

    def fold(self, field: PrimeField, values: Elements) -> Residues:
        total = np.zeros((self.rows + 1, values.shape[1]), np.uint64)
        for chunk, start in enumerate(range(0, len(values), CHUNK)):
            part = values[start : start + CHUNK]
            total = field.add(total, field.signed_matmul(self._bits(chunk, len(part)), part))
        return field.sub(total[1:], total[:1])

    def _bits(self, chunk: int, width: int) -> Signs:
        each = -(-width // 8)
        xof = Xof("peerd/proof/projections/bits", *self.place, chunk.to_bytes(4, "little"))
        drawn = np.frombuffer(xof.read((self.rows + 1) * each), np.uint8).reshape(-1, each)
        return np.unpackbits(drawn, axis=1, count=width, bitorder="little").view(np.int8)


# version 2: 309 pairs of a and b, all from one XOF


@dataclass(frozen=True, slots=True)
class _Separate:
    """a in two planes of bits, packed."""

    planes: npt.NDArray[np.uint8]
    width: int
    rows: int
    right: Signs

    def fold(self, field: PrimeField, values: Elements) -> Residues:
        fitting = max(FOLD_BLOCK // self.width, 2 * values.shape[1])
        height = max(8, fitting - fitting % 8)
        starts = range(0, self.rows, height)
        ends = [min(start + height, self.rows) for start in starts]
        blocks = (_signs(self.planes, self.width, *rows) for rows in zip(starts, ends, strict=True))
        return np.concatenate([field.signed_matmul(signs, values) for signs in blocks])


def _draw_separately(shape: DealingShape, place: tuple[bytes, ...]) -> list[Projections]:
    """One XOF on shape, context and first root. For each smallness, bits (lowest first in a byte)
    of two planes for a, then of two planes for b; an entry is its bit in the first plane less the
    one in the second. A plane is filled row by row and ends with its byte.
    """
    rows, packing = shape.projections.rows, shape.plan.packing
    widths = [each.values.polynomials for each in shape.layout.projected]
    sizes = [2 * -(-rows * width // 8) for each in widths for width in (each, packing)]
    # in one read: a second would squeeze all of it anew
    data = np.frombuffer(Xof("peerd/proof/projections", *place).read(sum(sizes)), np.uint8)
    planes = [part.reshape(2, -1) for part in np.split(data, np.cumsum(sizes)[:-1])]
    return [
        _Separate(a, width, rows, _signs(b, packing, 0, rows))
        for a, b, width in zip(planes[::2], planes[1::2], widths, strict=True)
    ]


def _signs(planes: npt.NDArray[np.uint8], width: int, start: int, end: int) -> Signs:
    """Rows ``start`` to ``end`` of the entries; ``start`` is a multiple of 8."""
    count = (end - start) * width
    first = start * width // 8
    part = planes[:, first : first + -(-count // 8)]
    bits = np.unpackbits(part, axis=1, count=count, bitorder="little").view(np.int8)
    signs: Signs = (bits[0] - bits[1]).reshape(end - start, width)
    return signs
