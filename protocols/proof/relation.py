"""What an aggregator says about v, its encoded update: the relation that defines V.

docs/protocol.md §3 and §4. A relation is public data. Its segments lay v out in polynomials, and
its constraints are what the proof shows modulo p: one for each slot, sums over slots, links between
segments slot by slot, and smallness without bits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from protocols.field import Elements, PrimeField, Residues
from protocols.proof.constraints import (
    BIT,
    FREE,
    MAX_LENGTH,
    Linear,
    Link,
    Scaled,
    Segment,
    SlotConstraint,
    Smallness,
    Square,
    SummedConstraint,
)

__all__ = [
    "BIT",
    "FREE",
    "Linear",
    "Link",
    "Relation",
    "Scaled",
    "Segment",
    "SlotConstraint",
    "Smallness",
    "Square",
    "SummedConstraint",
    "one_segment",
]


@dataclass(frozen=True)
class Relation:
    """V: all vectors v, segment after segment, that satisfy every constraint modulo p.

    ``modulus_above``: p must exceed it, or a constraint that holds modulo p could fail in the
    integers. Raises ValueError for what contradicts itself.
    """

    segments: tuple[Segment, ...]
    summed: tuple[SummedConstraint, ...] = ()
    links: tuple[Link, ...] = ()
    smallness: tuple[Smallness, ...] = ()
    modulus_above: int = 0
    _slices: dict[str, slice] = field(init=False, repr=False, compare=False, hash=False)

    def __post_init__(self) -> None:
        starts: dict[str, slice] = {}
        end = 0
        for segment in self.segments:
            if segment.name in starts:
                raise ValueError(f"two segments are called {segment.name}")
            starts[segment.name] = slice(end, end + segment.length)
            end += segment.length
        if not 1 <= end <= MAX_LENGTH:
            raise ValueError(f"|v| = {end} is not between 1 and {MAX_LENGTH}")
        object.__setattr__(self, "_slices", starts)
        if not self.opened_length:
            raise ValueError("a relation opens at least one segment")
        self._check_summed()
        self._check_links()
        projected = [small.segment for small in self.smallness]
        for name in projected:
            self.segment(name)
        if len(set(projected)) != len(projected):
            raise ValueError("a segment has one smallness bound at most")

    def _check_summed(self) -> None:
        for constraint in self.summed:
            for name in constraint.segments():
                self.segment(name)
            for term in constraint.linear:
                if not isinstance(term.coefficients, int):
                    self._same_length(term.segment, len(term.coefficients))

    def _check_links(self) -> None:
        for link in self.links:
            length = self._size(link.segment)
            for name, _ in link.parts:
                self._same_length(name, length)

    def _size(self, name: str) -> int:
        window = self.segment(name)
        return int(window.stop) - int(window.start)

    def _same_length(self, name: str, length: int) -> None:
        if self._size(name) != length:
            raise ValueError(f"segment {name} has {self._size(name)} values, not {length}")

    @cached_property
    def length(self) -> int:
        """|v|, what ``encode`` returns: projections, which the dealing appends, aside."""
        return sum(segment.length for segment in self.segments)

    @cached_property
    def opened_length(self) -> int:
        """Values that are summed and opened."""
        return sum(segment.length for segment in self.segments if segment.opened)

    @cached_property
    def public_inputs(self) -> int:
        """How many integers a constraint may take from what is known of the dealer."""
        terms = [term for constraint in self.summed for term in constraint.scaled]
        return max((term.index + 1 for term in terms), default=0)

    def beside(self, other: Relation) -> Relation:
        """Both in one dealing: this one's segments, then the other's. ValueError where they share
        a name.
        """
        return Relation(
            self.segments + other.segments,
            self.summed + other.summed,
            self.links + other.links,
            self.smallness + other.smallness,
            max(self.modulus_above, other.modulus_above),
        )

    def segment(self, name: str) -> slice:
        """Where the segment lies in v. Raises ValueError for a name that the relation lacks."""
        window = self._slices.get(name)
        if window is None:
            raise ValueError(f"there is no segment {name}")
        return window

    @cached_property
    def least_modulus(self) -> int:
        """What p must exceed for constraints modulo p to mean what they say."""
        return max([self.modulus_above, *(2 * small.largest for small in self.smallness)])

    def fits(self, p: int) -> bool:
        """Whether nothing wraps around modulo p."""
        return p > self.least_modulus

    # what an honest dealer asks before it deals

    def violations(
        self, p: int, values: NDArray[np.int64] | Elements, public: Sequence[int] = ()
    ) -> list[str]:
        """Constraints that ``values`` (|v|,) break modulo p, in English; empty for v in V.

        ``public``: the dealer's public inputs. Projections are known only after the commitment:
        here a coordinate counts as too large when it lies beyond what an accepted dealing can hold.
        """
        if values.shape != (self.length,):
            return [f"v has shape {values.shape} where the relation says ({self.length},)"]
        if len(public) != self.public_inputs:
            return [f"{len(public)} public inputs where the relation takes {self.public_inputs}"]
        of = PrimeField(p)
        v = of.array(values)
        return [
            *self._slot_violations(of, v),
            *self._sum_violations(of, v, public),
            *self._link_violations(of, v),
            *self._size_violations(of, v),
        ]

    def _slot_violations(self, of: PrimeField, v: Residues) -> Iterator[str]:
        for segment in self.segments:
            outside = np.flatnonzero(segment.constraint.evaluate(of, v[self.segment(segment.name)]))
            if len(outside):
                yield f"value {int(outside[0])} of segment {segment.name} breaks its constraint"

    def _sum_violations(self, of: PrimeField, v: Residues, public: Sequence[int]) -> Iterator[str]:
        for index, constraint in enumerate(self.summed):
            total = 0
            for square in constraint.squares:
                part = v[self.segment(square.segment)]
                total += square.factor * _total(of, of.mul(part, part))
            for term in constraint.linear:
                total += _weighted(of, term, v[self.segment(term.segment)])
            for scaled in constraint.scaled:
                part = v[self.segment(scaled.segment)]
                total += scaled.factor * public[scaled.index] * _total(of, part)
            if (total - constraint.constant) % of.p:
                names = ", ".join(dict.fromkeys(constraint.segments()))
                yield f"summed constraint {index} over {names} does not hold"

    def _link_violations(self, of: PrimeField, v: Residues) -> Iterator[str]:
        for link in self.links:
            difference = of.neg(v[self.segment(link.segment)])
            for name, factor in link.parts:
                scale = np.array(factor % of.p, np.uint64)
                difference = of.fma(v[self.segment(name)], scale, difference)
            outside = np.flatnonzero(difference)
            if len(outside):
                yield f"value {int(outside[0])} of segment {link.segment} breaks its link"

    def _size_violations(self, of: PrimeField, v: Residues) -> Iterator[str]:
        for small in self.smallness:
            part = v[self.segment(small.segment)]
            size = np.minimum(part, of.neg(part))
            outside = np.flatnonzero(size > np.uint64(small.largest))
            if len(outside):
                yield f"value {int(outside[0])} of segment {small.segment} is too large"


def _weighted(of: PrimeField, term: Linear, part: Residues) -> int:
    """The term's value, as a residue."""
    if isinstance(term.coefficients, int):
        return term.coefficients * _total(of, part)
    return _total(of, of.mul(of.array(term.coefficients), part))


def _total(of: PrimeField, part: Residues) -> int:
    return int(of.sum(part[None, :], 1)[0])


def one_segment(length: int, constraint: SlotConstraint) -> Relation:
    """All values opened, under one constraint for each: what RSA's bits need."""
    return Relation((Segment("v", length, constraint),))
