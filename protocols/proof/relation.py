"""What an aggregator says about v, its encoded update: the relation that defines V.

docs/protocol.md §3 and §4. A relation is public data. Its segments lay v out in polynomials, and
its constraints are what the proof shows modulo p: one for each slot, sums over slots, links between
segments slot by slot, and smallness without bits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from protocols.field import Elements, PrimeField, Residues
from protocols.proof.constraints import (
    BIT,
    FREE,
    MAX_LENGTH,
    Late,
    Linear,
    Link,
    Scaled,
    Segment,
    SlotConstraint,
    Smallness,
    Square,
    SummedConstraint,
)
from protocols.proof.runs import Run, add_runs, batched, given_of, side_by_side

__all__ = [
    "BIT",
    "FREE",
    "Late",
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

Values: TypeAlias = NDArray[np.int64] | Elements
"""v, or a part of it: integers of any sign, or residues."""
PIECE = 1 << 16
"""Values that are looked at at once, so that looking takes no memory to speak of."""


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
        self._check_smallness()

    def _check_summed(self) -> None:
        for constraint in self.summed:
            for name in constraint.segments():
                self.segment(name)
            for term in constraint.linear:
                if not isinstance(term.coefficients, int):
                    self._same_length(term.segment, len(term.coefficients))

    def _check_smallness(self) -> None:
        projected = [name for small in self.smallness for name in small.segments]
        if len(set(projected)) != len(projected):
            raise ValueError("a segment has one smallness bound at most")
        names = [segment.name for segment in self.segments]
        for small in self.smallness:
            self.segment(small.segments[0])
            start = names.index(small.segments[0])
            window = self.segments[start : start + len(small.segments)]
            if tuple(segment.name for segment in window) != small.segments:
                raise ValueError(f"smallness of segments that don't follow on {names[start]}")
            if len({(segment.opened, segment.late) for segment in window}) > 1:
                raise ValueError("smallness of opened and of hidden segments")

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

    def violations(self, p: int, values: Values, public: Sequence[int] = ()) -> list[str]:
        """Constraints that ``values`` (|v|,) break modulo p, in English; empty for v in V.

        ``public``: the dealer's public inputs. Projections are known only after the commitment:
        here a coordinate counts as too large when it lies beyond what an accepted dealing can hold.
        """
        if values.shape != (self.length,):
            return [f"v has shape {values.shape} where the relation says ({self.length},)"]
        if len(public) != self.public_inputs:
            return [f"{len(public)} public inputs where the relation takes {self.public_inputs}"]
        return list(self._violations(PrimeField(p), values, public))

    def _violations(self, of: PrimeField, v: Values, public: Sequence[int]) -> Iterator[str]:
        for constraint, group in groupby(self.segments, lambda segment: segment.constraint):
            if constraint != FREE:
                yield from self._outside_constraint(of, constraint, list(group), v)
        sums = self._sums(of, v, public)
        for index, (constraint, found) in enumerate(zip(self.summed, sums, strict=True)):
            if (found - constraint.constant) % of.p:
                names = ", ".join(dict.fromkeys(constraint.segments()))
                yield f"summed constraint {index} over {names} does not hold"
        for link in self.links:
            yield from self._outside_link(of, link, v)
        for small in self.smallness:
            yield from self._too_large(of, small, v)

    def _outside_constraint(
        self, of: PrimeField, constraint: SlotConstraint, group: Sequence[Segment], v: Values
    ) -> Iterator[str]:
        """Of segments that follow on each other: the first value in them that is outside."""
        window = self._window([segment.name for segment in group])
        for start, piece in _pieces(of, v[window]):
            outside = np.flatnonzero(constraint.evaluate(of, piece))
            if len(outside):
                place = self._place(window.start + start + int(outside[0]))
                yield f"value {place} breaks its constraint"
                return

    def _window(self, names: Sequence[str]) -> slice:
        """Of segments that follow on each other."""
        return slice(self.segment(names[0]).start, self.segment(names[-1]).stop)

    def _place(self, index: int) -> str:
        """Where v's value with this index lies."""
        at = (part for part in self._slices.items() if part[1].start <= index < part[1].stop)
        name, window = next(at)
        return f"{index - window.start} of segment {name}"

    def _sums(self, of: PrimeField, v: Values, public: Sequence[int]) -> list[int]:
        """What each summed constraint comes to, modulo p."""
        total = np.zeros((1, len(self.summed)), np.uint64)
        for squared, runs in ((True, self._squares()), (False, self._linear(public))):
            for batch in batched(runs, PIECE):
                part = of.array(side_by_side(v[None, :], batch))
                add_runs(of, total, batch, of.mul(part, part if squared else given_of(of, batch)))
        return [int(each) for each in total[0]]

    def _squares(self) -> Iterator[Run]:
        for number, constraint in enumerate(self.summed):
            for square in constraint.squares:
                yield Run(number, self.segment(square.segment), square.factor)

    def _linear(self, public: Sequence[int]) -> Iterator[Run]:
        for number, constraint in enumerate(self.summed):
            for term in constraint.linear:
                window, given = self.segment(term.segment), term.coefficients
                if isinstance(given, int):
                    yield Run(number, window, given)
                else:
                    yield Run(number, window, given=given)
            for scaled in constraint.scaled:
                factor = scaled.factor * public[scaled.index]
                yield Run(number, self.segment(scaled.segment), factor)

    def _too_large(self, of: PrimeField, small: Smallness, v: Values) -> Iterator[str]:
        window = self._window(small.segments)
        for start, piece in _pieces(of, v[window]):
            outside = np.flatnonzero(np.minimum(piece, of.neg(piece)) > np.uint64(small.largest))
            if len(outside):
                yield f"value {self._place(window.start + start + int(outside[0]))} is too large"
                return

    def _outside_link(self, of: PrimeField, link: Link, v: Values) -> Iterator[str]:
        difference = of.neg(of.array(v[self.segment(link.segment)]))
        for name, factor in link.parts:
            scale = np.array(factor % of.p, np.uint64)
            difference = of.fma(of.array(v[self.segment(name)]), scale, difference)
        outside = np.flatnonzero(difference)
        if len(outside):
            yield f"value {int(outside[0])} of segment {link.segment} breaks its link"


def _pieces(of: PrimeField, part: Values) -> Iterator[tuple[int, Residues]]:
    """Values as residues, PIECE at once, each with the index of its first."""
    for start in range(0, len(part), PIECE):
        yield start, of.array(part[start : start + PIECE])


def one_segment(length: int, constraint: SlotConstraint) -> Relation:
    """All values opened, under one constraint for each: what RSA's bits need."""
    return Relation((Segment("v", length, constraint),))
