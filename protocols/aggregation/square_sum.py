"""The sum of a vector's squares in the integers, whatever its length (docs/protocol.md §4).

One sum modulo p of so many squares that each may be as large as a proof lets it would wrap around.
So a long vector lies in parts, the sum of each in bits that are never opened, and those are summed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from protocols.aggregation import bits as binary
from protocols.aggregation.contract import Encoded
from protocols.proof import FREE, Linear, Segment, Square, SummedConstraint

MIN_PART = 4096
"""Values. Shorter parts' sums would take more bits than a hundredth of the values."""


@dataclass(frozen=True)
class SquareSum:
    """−Σ V_j² over the vector ``name`` (length,), as terms of a constraint.

    ``part``: the most values that are summed at once. ``bits``: what the sum of an honest part is
    below 2 to the power of.
    """

    name: str
    length: int
    part: int
    bits: int

    @classmethod
    def divided(
        cls, name: str, length: int, largest: int, bits: int, least: int = MIN_PART
    ) -> SquareSum:
        """In one part if ``length`` squares of values of at most ``largest``, and a number of
        ``bits`` bits, sum up below the largest prime: version 2 knew no other. Else in parts of a
        power of two, if it is no less than ``least``.
        """
        room = (binary.LARGEST_PRIME - 1 - (1 << bits)) // largest**2
        whole = length <= room or room < least
        return cls(name, length, length if whole else 1 << (room.bit_length() - 1), bits)

    @cached_property
    def windows(self) -> tuple[slice, ...]:
        """The parts, among the vector's values."""
        starts = range(0, self.length, self.part)
        return tuple(slice(start, min(start + self.part, self.length)) for start in starts)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Of the segments that hold the vector."""
        if len(self.windows) == 1:
            return (self.name,)
        return tuple(f"{self.name}, part {index}" for index in range(len(self.windows)))

    @property
    def vector(self) -> tuple[Segment, ...]:
        """The opened segments."""
        named = zip(self.names, self.windows, strict=True)
        return tuple(Segment(name, window.stop - window.start, FREE) for name, window in named)

    @property
    def hidden(self) -> tuple[Segment, ...]:
        """The bits of the parts' sums; none where there is one part."""
        return tuple(binary.slack(name, self.bits) for name, _ in self._sums())

    @property
    def constraints(self) -> Iterator[SummedConstraint]:
        """Each part's bits spell its sum."""
        for name, part in self._sums():
            spelt = Linear(name, binary.powers(self.bits))
            yield SummedConstraint(squares=(Square(part, -1),), linear=(spelt,))

    @property
    def squares(self) -> tuple[Square, ...]:
        return (Square(self.name, -1),) if len(self.windows) == 1 else ()

    @property
    def linear(self) -> tuple[Linear, ...]:
        return tuple(binary.slack_term(name, self.bits) for name, _ in self._sums())

    def _sums(self) -> Iterator[tuple[str, str]]:
        if len(self.windows) > 1:
            yield from ((f"square sum of {name}", name) for name in self.names)

    def modulus_above(self, largest: int) -> int:
        """What p must exceed so that no sum wraps around, values being ``largest`` at most."""
        longest = min(self.part, self.length)
        return max(longest * largest**2, len(self.windows) << self.bits) + (1 << self.bits)

    def lay_out(self, vector: Encoded) -> list[Encoded]:
        """The bits of the parts' sums, as ``hidden`` lies. Values (length,) of an honest vector."""
        if len(self.windows) == 1:
            return []
        return [binary.to_bits(of(vector[window]), self.bits) for window in self.windows]


def of(vector: Encoded) -> int:
    """Σ V_j², for values that fit some relation: so many squares of theirs fit an int64."""
    starts = range(0, len(vector), MIN_PART)
    parts = (vector[start : start + MIN_PART] for start in starts)
    return sum(int(np.dot(part, part)) for part in parts)
