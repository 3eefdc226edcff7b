"""The parts of a relation: segments of v, and the constraints that the proof shows modulo p.

docs/protocol.md §3 and §4. Pure data; each part refuses what contradicts itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from protocols.field import Elements, PrimeField, Residues

MAX_LENGTH = 1 << 31
MIN_SMALLNESS_BITS = 3
MAX_SMALLNESS_BITS = 59
HONEST_SPREAD = 19
"""Projections of a W of 2-norm N stay below 19 N, all but for 2^-41 (docs/protocol.md §3)."""


@dataclass(frozen=True, slots=True)
class SlotConstraint:
    """Every encoded value x satisfies C(x) = c0 + c1 x + c2 x^2 = 0. Bits: (0, 1, -1).

    ``c0`` is 0, so that the padding, 0, satisfies it too.
    """

    c0: int
    c1: int
    c2: int

    def __post_init__(self) -> None:
        if self.c0 != 0:
            raise ValueError("c0 must be 0: the padding slots hold 0 and satisfy the constraint")

    def evaluate(self, of: PrimeField, x: Elements) -> Residues:
        """C(x), elementwise."""
        if not self.c1 and not self.c2:
            return np.zeros(x.shape, np.uint64)
        return of.quadratic(self.c0, self.c1, self.c2, x)


BIT = SlotConstraint(0, 1, -1)
FREE = SlotConstraint(0, 0, 0)


class Late(Enum):
    """What becomes of a segment that is not opened by itself, once the cohort is decided (§6)."""

    NOISE = 3
    """Its polynomials, in an order and with signs by the coin, are added to the opened ones."""
    COIN = 4
    """Summed and opened ahead of all else: what gives order and signs."""


@dataclass(frozen=True, slots=True)
class Segment:
    """``length`` consecutive values of v, in polynomials of their own.

    The last polynomial is padded with zeros, which are proven zero. Only ``opened`` segments are
    summed and opened, with what is ``late``: slack bits and projections never are. ``weighted``: a
    dealer's values count in the sum as often as the dealer weighs; otherwise once.
    """

    name: str
    length: int
    constraint: SlotConstraint
    opened: bool = True
    weighted: bool = True
    late: Late | None = None

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("a segment has a name")
        if self.opened and self.late:
            raise ValueError(f"segment {self.name} is opened, and late as well")
        if not 1 <= self.length <= MAX_LENGTH:
            raise ValueError(f"segment {self.name} has {self.length} values: 1 to {MAX_LENGTH}")


@dataclass(frozen=True, slots=True)
class Square:
    """``factor`` times the sum of v_j^2 over the segment."""

    segment: str
    factor: int


@dataclass(frozen=True, slots=True)
class Linear:
    """Sum of c_j v_j over the segment; an int stands for all of the c_j being that."""

    segment: str
    coefficients: NDArray[np.int64] | int

    def __post_init__(self) -> None:
        if isinstance(self.coefficients, int):
            return
        if self.coefficients.dtype != np.int64 or self.coefficients.ndim != 1:
            raise ValueError(f"the coefficients over {self.segment} are an int64 vector or an int")
        fixed = self.coefficients.copy()
        fixed.setflags(write=False)
        object.__setattr__(self, "coefficients", fixed)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Linear):
            return NotImplemented
        return self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[str, int | bytes]:
        given = self.coefficients
        return self.segment, given if isinstance(given, int) else given.tobytes()


@dataclass(frozen=True, slots=True)
class Scaled:
    """``factor`` times the dealer's public input ``index`` times the sum of v_j over the segment.

    Public inputs are integers that the group knows of each dealer, such as how many rows it holds
    out: what a relation is the same for all dealers but for.
    """

    segment: str
    index: int
    factor: int

    def __post_init__(self) -> None:
        if self.index < 0:
            raise ValueError("public inputs are numbered from 0")


@dataclass(frozen=True, slots=True)
class SummedConstraint:
    """The sum of all ``squares``, ``linear`` and ``scaled`` terms is ``constant`` modulo p."""

    squares: tuple[Square, ...] = ()
    linear: tuple[Linear, ...] = ()
    constant: int = 0
    scaled: tuple[Scaled, ...] = ()

    def __post_init__(self) -> None:
        if not (self.squares or self.linear or self.scaled):
            raise ValueError("a summed constraint sums something")

    def segments(self) -> Iterator[str]:
        """The names of the segments that it sums over."""
        yield from (term.segment for term in self.squares)
        yield from (term.segment for term in self.linear)
        yield from (term.segment for term in self.scaled)


@dataclass(frozen=True, slots=True)
class Link:
    """Slot by slot: value of ``segment`` = sum of factor_i * value of part_i, all of one length."""

    segment: str
    parts: tuple[tuple[str, int], ...]

    def __post_init__(self) -> None:
        if not self.parts:
            raise ValueError(f"the link of {self.segment} has no parts")


@dataclass(frozen=True, slots=True)
class Smallness:
    """Accepted means |W_j| <= 2^bits for every value of the segments, but for 2^-128.

    ``segments``: names of consecutive segments, all opened or all hidden. Shown without bits of W:
    random projections of it lie in [-B, B) with B = 2^(bits - 2) (projections.py). The dealing
    draws them from its first root and appends the bits of their results itself: they are not part
    of what an aggregator encodes. An honest W passes but for 2^-41 if its 2-norm, over all
    segments, is at most B / 19: see ``bits_for``.
    """

    segments: tuple[str, ...]
    bits: int

    def __post_init__(self) -> None:
        if not self.segments:
            raise ValueError("smallness of no segment")
        if not MIN_SMALLNESS_BITS <= self.bits <= MAX_SMALLNESS_BITS:
            raise ValueError(
                f"smallness to 2^{self.bits}: {MIN_SMALLNESS_BITS} to {MAX_SMALLNESS_BITS}"
            )

    @classmethod
    def bits_for(cls, norm: int) -> int:
        """The least ``bits`` at which every W of 2-norm <= ``norm`` passes but for 2^-41."""
        return max(MIN_SMALLNESS_BITS, (HONEST_SPREAD * norm - 1).bit_length() + 2)

    @property
    def largest(self) -> int:
        """What every coordinate of an accepted W is bounded by."""
        return 1 << self.bits

    @property
    def bound(self) -> int:
        """B: projections lie in [-B, B)."""
        return 1 << (self.bits - 2)
