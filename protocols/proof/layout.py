"""Where each value of v lies: polynomials, slots, and what is opened (docs/protocol.md §3).

A segment fills polynomials of its own, k values each, the last one padded with zeros. Polynomials
of opened segments come first, in the relation's order, then noise, the coin, those of the others,
and then the bits of the projections that the dealing appends for each smallness.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from protocols.field import Elements, PrimeField
from protocols.proof.constraints import (
    BIT,
    Late,
    Linear,
    Segment,
    SlotConstraint,
    Smallness,
)
from protocols.proof.relation import PIECE, Relation


@dataclass(frozen=True, slots=True)
class Block:
    """The polynomials of one segment: ``columns`` among all, ``padding`` slots in the last one."""

    columns: slice
    padding: int
    constraint: SlotConstraint

    @property
    def polynomials(self) -> int:
        return int(self.columns.stop) - int(self.columns.start)


@dataclass(frozen=True, slots=True)
class Projected:
    """One smallness: its segments' polynomials, and the block of the projections' bits.

    Bit b of projection i is in polynomial b R + i div k of ``bits``, slot i mod k, with
    R = ceil(projections / k). The slots that are left over have weight 0 in every sum; they hold
    bits.
    """

    small: Smallness
    values: Block
    bits: Block

    @property
    def planes(self) -> int:
        """Bits of a projection."""
        return self.small.bits - 1


class Layout:
    """The blocks of a relation, for ``packing`` k values a polynomial.

    ``projections``: how many a smallness has.
    """

    def __init__(self, relation: Relation, packing: int, projections: int) -> None:
        self.relation = relation
        self.packing = packing
        self.groups = -(-projections // packing)
        """R: polynomials that hold one value for each projection."""
        self.blocks: dict[str, Block] = {}
        opened = [segment for segment in relation.segments if segment.opened]
        noise = [segment for segment in relation.segments if segment.late is Late.NOISE]
        coin = [segment for segment in relation.segments if segment.late is Late.COIN]
        hidden = [s for s in relation.segments if not (s.opened or s.late)]
        end = 0
        for segment in [*opened, *noise, *coin, *hidden]:
            count = -(-segment.length // packing)
            window = slice(end, end + count)
            padding = count * packing - segment.length
            self.blocks[segment.name] = Block(window, padding, segment.constraint)
            end += count
        self.encoded_polynomials = end
        """Polynomials that hold v itself; the projections' bits come after them."""
        self.opened_polynomials = self._polynomials(opened)
        self.noise_polynomials = self._polynomials(noise)
        """As many of the opened ones, the first, have noise added to them."""
        self.coin_polynomials = self._polynomials(coin)
        self.unweighted = tuple(self.blocks[s.name].columns for s in opened if not s.weighted)
        """Opened polynomials in whose sum every dealer counts once."""
        self.projected = tuple(self._append(small) for small in relation.smallness)
        last = [each.bits.columns.stop for each in self.projected]
        self.polynomials = int(last[-1]) if last else end

    def _polynomials(self, segments: Sequence[Segment]) -> int:
        return sum(self.blocks[segment.name].polynomials for segment in segments)

    def _append(self, small: Smallness) -> Projected:
        earlier = sum(
            (each.bits - 1) * self.groups
            for each in self.relation.smallness[: self.relation.smallness.index(small)]
        )
        start = self.encoded_polynomials + earlier
        window = slice(start, start + (small.bits - 1) * self.groups)
        return Projected(small, self._together(small.segments), Block(window, 0, BIT))

    def _together(self, names: tuple[str, ...]) -> Block:
        """The polynomials of consecutive segments."""
        first, last = self.blocks[names[0]], self.blocks[names[-1]]
        return replace(first, columns=slice(first.columns.start, last.columns.stop))

    def all_blocks(self) -> Iterator[Block]:
        """By their polynomials' order."""
        yield from self.blocks.values()
        yield from (each.bits for each in self.projected)

    # v and slots

    def slots(self, field: PrimeField, values: Elements | NDArray[np.int64]) -> Elements:
        """v (|v|,) as slot values (encoded polynomials, k), padding 0."""
        if values.shape != (self.relation.length,):
            raise ValueError(
                f"{values.shape} values where the shape says ({self.relation.length},)"
            )
        laid: Elements = np.zeros((self.encoded_polynomials, self.packing), field.dtype)
        for name, block in self.blocks.items():
            flat, part = self._flat(laid, block), values[self.relation.segment(name)]
            for start in range(0, len(part), PIECE):
                flat[start : start + PIECE] = field.array(part[start : start + PIECE])
        return laid

    def opened_values(self, slots: Elements) -> Elements:
        """Values (opened_length,) from slot values (opened polynomials, k), in v's order."""
        opened = [self.blocks[s.name] for s in self.relation.segments if s.opened]
        return np.concatenate([self._flat(slots, block) for block in opened])

    def _flat(self, slots: Elements, block: Block) -> Elements:
        """A view of the block's values, without the padding."""
        used = block.polynomials * self.packing - block.padding
        return slots[block.columns].reshape(-1)[:used]

    def coefficients(self, term: Linear) -> NDArray[np.int64] | None:
        """The term's coefficients (polynomials of its block, k), 0 on the padding.

        None if all are equal: then the padding, proven zero, may have that coefficient as well.
        """
        if isinstance(term.coefficients, int):
            return None
        block = self.blocks[term.segment]
        laid = np.zeros(block.polynomials * self.packing, np.int64)
        laid[: len(term.coefficients)] = term.coefficients
        return laid.reshape(block.polynomials, self.packing)
