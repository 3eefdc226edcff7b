"""The group's own evaluation: counts of each site's held-out rows, hidden beside its update.

docs/protocol.md §4. Round r's counts measure the model that r started from. They are segments of
the dealing like the update's, proven under the same challenges; only their sums are opened, and in
these every site counts once, whatever it weighs.

V, for a site with n held-out rows: a bit a says whether it takes part. Under the name ``rows`` lie
a·n and the rows of each class, under ``right`` how many of these the model gets right:

    rows_0 = a n      0 <= right_c <= rows_c      Σ_(c >= 1) rows_c <= rows_0      a = 0 if n = 0

and ``loss`` is the site's mean loss in steps of 16/2^bits, from 0 to a (2^bits − 1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from protocols.aggregation.bits import powers, to_bits, to_planes
from protocols.aggregation.contract import AggregationError, Encoded
from protocols.proof import BIT, FREE, Linear, Link, Relation, Scaled, Segment, SummedConstraint

LARGEST_LOSS = 16
"""A mean loss from here on counts as this."""
LEAST_ROWS = 50
"""Held-out rows below which a site evaluates nothing."""
LEAST_CLASS_ROWS = 10
"""Held-out rows of a class below which a site counts none of them for that class."""
MAX_ROWS = 1 << 24
MAX_CLASSES = 256
MAX_LOSS_BITS = 8

SITES, ROWS, RIGHT, MISSED = "sites", "rows", "right", "missed"
UNCLASSED, LOSS, SLACK = "rows of no class", "loss", "loss slack"


@dataclass(frozen=True, slots=True)
class Counts:
    """One site's, or their sums over a cohort. ``sites`` took part, with ``rows`` held-out rows.

    ``right``: rows that the model gets right. ``class_rows``, ``class_right``: of each class that
    the evaluation tells apart. ``loss``: the sum of the sites' mean losses, in steps.
    """

    sites: int
    rows: int
    right: int = 0
    class_rows: tuple[int, ...] = ()
    class_right: tuple[int, ...] = ()
    loss: int = 0


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a group counts. ``rows``: n of each member, in roster order; 0: it evaluates nothing.

    ``accuracy``: whether rows can be right. ``classes``: how many are told apart, 0 for none.
    ``loss_bits``: 0 for no loss. Raises AggregationError for what contradicts itself.
    """

    rows: tuple[int, ...]
    accuracy: bool = True
    classes: int = 0
    loss_bits: int = 0

    def __post_init__(self) -> None:
        for rows in self.rows:
            if rows and not LEAST_ROWS <= rows <= MAX_ROWS:
                raise AggregationError(
                    f"a member evaluates {LEAST_ROWS} to {MAX_ROWS} held-out rows, or 0: not {rows}"
                )
        if not any(self.rows):
            raise AggregationError("nobody has held-out rows: the group evaluates nothing")
        if not 0 <= self.classes <= MAX_CLASSES or self.classes == 1:
            raise AggregationError(f"2 to {MAX_CLASSES} classes, or 0: not {self.classes}")
        if not 0 <= self.loss_bits <= MAX_LOSS_BITS:
            raise AggregationError(f"0 to {MAX_LOSS_BITS} bits of loss: not {self.loss_bits}")
        if self.classes and not self.accuracy:
            raise AggregationError("classes are told apart where rows can be right")
        if not (self.accuracy or self.loss_bits):
            raise AggregationError("an evaluation of rows that counts neither hits nor loss")

    @property
    def row_bits(self) -> int:
        """Bits of a count of rows."""
        return max(self.rows).bit_length()

    @property
    def loss_levels(self) -> int:
        """The largest loss of a site, in steps."""
        return (1 << self.loss_bits) - 1

    @property
    def largest_sum(self) -> int:
        """The largest value that opening any cohort can show."""
        return max(sum(self.rows), len(self.rows) * self.loss_levels)

    def public_inputs(self, peer: int) -> tuple[int, ...]:
        """What the relation takes of this dealer: n, and whether that is 0."""
        rows = self.rows[peer]
        return rows, int(not rows)

    # V

    def relation(self) -> Relation:
        """The segments, to lie beside an aggregator's."""
        width = 1 + self.classes
        segments = [_opened(SITES, 1, bit=True), _opened(ROWS, width)]
        summed = [_all_rows(width), _none_without_rows()]
        links: tuple[Link, ...] = ()
        if self.accuracy:
            right, missed = self._planes(RIGHT), self._planes(MISSED)
            segments += [_opened(RIGHT, width)]
            segments += [_bits(name, width) for name, _ in (*right, *missed)]
            links = (Link(_name(RIGHT), right), Link(_name(ROWS), (*right, *missed)))
        if self.classes:
            segments.append(_bits(_name(UNCLASSED), self.row_bits))
            summed.append(_unclassed(width, self.row_bits))
        if self.loss_bits:
            segments += [
                _opened(LOSS, 1),
                *(_bits(_name(f"{each} bits"), self.loss_bits) for each in (LOSS, SLACK)),
            ]
            summed += _losses(self.loss_bits)
        return Relation(
            tuple(segments), tuple(summed), links, modulus_above=(2 * width + 1) << self.row_bits
        )

    def _planes(self, of: str) -> tuple[tuple[str, int], ...]:
        return tuple((_name(f"{of} bit {bit}"), 1 << bit) for bit in range(self.row_bits))

    # a site's

    def encode(self, peer: int, counts: Counts | None) -> Encoded:
        """v of one site, segment after segment. None: it takes no part.

        Raises AggregationError for counts that a site with its rows can't have.
        """
        if counts is None:
            return np.zeros(self.relation().length, np.int64)
        rows = self._told(counts)
        right = np.array([counts.right, *counts.class_right], np.int64)
        if not (counts.sites == 1 and counts.rows == self.rows[peer] > 0):
            raise AggregationError(f"the group counts {self.rows[peer]} rows of this member")
        parts = [np.array([1]), rows]
        unclassed = int(rows[0] - rows[1:].sum())
        if self.accuracy:
            if (right < 0).any() or (right > rows).any() or unclassed < 0:
                raise AggregationError("more rows are right, or of a class, than there are")
            parts += [right, *(to_planes(each, self.row_bits) for each in (right, rows - right))]
        if self.classes:
            parts.append(to_bits(unclassed, self.row_bits))
        if self.loss_bits:
            if not 0 <= counts.loss <= self.loss_levels:
                raise AggregationError(f"a loss of {counts.loss} steps: 0 to {self.loss_levels}")
            left = self.loss_levels - counts.loss
            bits = [to_bits(each, self.loss_bits) for each in (counts.loss, left)]
            parts += [np.array([counts.loss]), *bits]
        return np.concatenate(parts).astype(np.int64)

    def _told(self, counts: Counts) -> NDArray[np.int64]:
        if not len(counts.class_rows) == len(counts.class_right) == self.classes:
            raise AggregationError(f"the group tells {self.classes} classes apart")
        return np.array([counts.rows, *counts.class_rows], np.int64)

    def steps(self, loss: float | None) -> int:
        """A mean loss in steps; what is unknown, or no number, counts as the largest."""
        if loss is None or not loss < LARGEST_LOSS:
            return self.loss_levels
        return min(self.loss_levels, int(max(0.0, loss) * (1 << self.loss_bits) / LARGEST_LOSS))

    # the sums

    def read(self, opened: Sequence[int] | Encoded) -> Counts:
        """The opened sums, in the order of the relation's opened segments."""
        values, width = [int(value) for value in opened], 1 + self.classes
        sites, rows, rest = values[0], values[1 : 1 + width], values[1 + width :]
        right = rest[:width] if self.accuracy else [0]
        loss = rest[-1] if self.loss_bits else 0
        return Counts(sites, rows[0], right[0], tuple(rows[1:]), tuple(right[1:]), loss)

    def mean_loss(self, counts: Counts) -> float | None:
        """The mean of the sites' mean losses: each counts once, and the middle of its step."""
        if not self.loss_bits or not counts.sites:
            return None
        return (counts.loss / counts.sites + 0.5) * LARGEST_LOSS / (1 << self.loss_bits)


def _name(name: str) -> str:
    return f"evaluation: {name}"


def _opened(name: str, length: int, *, bit: bool = False) -> Segment:
    return Segment(_name(name), length, BIT if bit else FREE, weighted=False)


def _bits(name: str, length: int) -> Segment:
    return Segment(name, length, BIT, opened=False)


def _all_rows(width: int) -> SummedConstraint:
    """rows_0 = a n."""
    first = np.zeros(width, np.int64)
    first[0] = 1
    return SummedConstraint(
        linear=(Linear(_name(ROWS), first),), scaled=(Scaled(_name(SITES), 0, -1),)
    )


def _none_without_rows() -> SummedConstraint:
    """a = 0 where n = 0: who has no rows to count has no loss to tell, and is no site."""
    return SummedConstraint(scaled=(Scaled(_name(SITES), 1, 1),))


def _unclassed(width: int, bits: int) -> SummedConstraint:
    """rows_0 less those of all classes is a number of so many bits."""
    difference = np.full(width, -1, np.int64)
    difference[0] = 1
    return SummedConstraint(
        linear=(Linear(_name(ROWS), difference), Linear(_name(UNCLASSED), -powers(bits)))
    )


def _losses(bits: int) -> tuple[SummedConstraint, SummedConstraint]:
    """loss is a number of so many bits, and it and its slack are a (2^bits − 1)."""
    of, slack = (Linear(_name(f"{each} bits"), powers(bits)) for each in (LOSS, SLACK))
    most = Linear(_name(SITES), -((1 << bits) - 1))
    return (
        SummedConstraint(linear=(Linear(_name(LOSS), -1), of)),
        SummedConstraint(linear=(of, slack, most)),
    )
