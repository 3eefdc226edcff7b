"""What fixes every length and number of a dealing: plan, field and the relation that defines V."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from math import comb, isqrt
from typing import Protocol

import numpy as np
import numpy.typing as npt

from protocols.field import Elements, PrimeField, Residues
from protocols.field.polynomial import vanishing
from protocols.hashing import DIGEST_BYTES
from protocols.proof.constraints import FREE, Late
from protocols.proof.identifier import identifier
from protocols.proof.layout import Block, Layout
from protocols.proof.merkle import depth
from protocols.proof.relation import Relation
from protocols.sharing import PackedSharing, packed_sharing
from protocols.version import LATEST, V3

SALT_BYTES = 32
SEED_BYTES = 32
SOUNDNESS_BITS = 128
"""Fiat-Shamir challenges are ground offline, hence 128 and not the 40 of interactive coins."""


class Plan(Protocol):
    """The part of protocols.plan.CommitteePlan that dealing and opening need."""

    @property
    def committee(self) -> int: ...
    @property
    def threshold(self) -> int: ...
    @property
    def packing(self) -> int: ...
    @property
    def absent(self) -> int: ...
    @property
    def quorum(self) -> int: ...


def challenge_count(p: int, choices: int) -> int:
    """The smallest c with choices (2/p)^c <= 2^-128; for 1: 9, 5, 3 at 16, 31, 61 bits."""
    count = 1
    while p**count < choices << (SOUNDNESS_BITS + count):
        count += 1
    return count


@dataclass(frozen=True, slots=True)
class Count:
    """``rows`` vectors a, and for each of them ``vectors`` b."""

    rows: int
    vectors: int

    @property
    def all(self) -> int:
        """Projections of one smallness."""
        return self.rows * self.vectors


def projection_count(version: int, packing: int) -> Count:
    """The least that show a smallness to 2^-128 (projections.py), with k = ``packing``."""
    if version < V3:
        return Count(309, 1)
    return Count(128, 1) if packing == 1 else Count(189, 2)


@dataclass(frozen=True)
class Tensor:
    """The form of ``count`` challenge coefficients r_l = a[l div B] b[l mod B], B = columns."""

    count: int

    @cached_property
    def columns(self) -> int:
        """B, about the square root of the count."""
        return isqrt(self.count - 1) + 1

    @cached_property
    def rows(self) -> int:
        return -(-self.count // self.columns)


class Opening(Protocol):
    """So many ``opened_polynomials`` that are summed and opened at once.

    A dealing's shape is one, for its sum; so is its ``coin``.
    """

    @property
    def plan(self) -> Plan: ...
    @property
    def field(self) -> PrimeField: ...
    @property
    def sharing(self) -> PackedSharing: ...
    @property
    def opened_polynomials(self) -> int: ...


@dataclass(frozen=True)
class Coin:
    """The coin of the dealings of a shape."""

    plan: Plan
    field: PrimeField
    sharing: PackedSharing
    opened_polynomials: int


@dataclass(frozen=True)
class DealingShape:
    """The public parameters of one round's dealings, in a ``version`` of the protocol.

    ``relation`` lays v out in segments, and each fills polynomials of its own (layout.py): L in
    all, the bits of projections included.

    A round's soundness rests on rule (A) of docs/protocol.md §1, m - t - e >= 2 delta + 1, which
    the planner establishes and this class takes as given.
    """

    plan: Plan
    field: PrimeField
    relation: Relation
    version: int = LATEST

    def __post_init__(self) -> None:
        if not self.relation.fits(self.field.p):
            raise ValueError(f"the relation's sums wrap around modulo {self.field.p}")
        _ = self.sharing  # raises ValueError for a plan that the field can't hold
        if self.sums and self.sharing.sum_nodes > self.plan.committee:
            raise ValueError(f"{self.plan.committee} seats don't determine a sum")
        self._check_noise()

    def _check_noise(self) -> None:
        """Noise fills its polynomials: each may come to lie on any of those that it hides."""
        noise = [s.name for s in self.relation.segments if s.late is Late.NOISE]
        if self.noise_polynomials > self.opened_polynomials or any(
            self.layout.blocks[name].padding for name in noise
        ):
            raise ValueError("noise that doesn't fill polynomials, or more of it than is opened")
        if bool(noise) != bool(self.coin_polynomials):
            raise ValueError("noise needs a coin, and a coin noise")

    @cached_property
    def sharing(self) -> PackedSharing:
        plan = self.plan
        return packed_sharing(self.field, plan.committee, plan.threshold, plan.packing)

    @cached_property
    def layout(self) -> Layout:
        return Layout(self.relation, self.plan.packing, self.projections.all)

    @cached_property
    def projections(self) -> Count:
        """How many projections show a smallness."""
        return projection_count(self.version, self.plan.packing)

    @cached_property
    def identifier(self) -> bytes:
        """32 bytes that bind everything of the shape into a challenge."""
        plan = self.plan
        numbers = (plan.committee, plan.threshold, plan.packing, plan.absent)
        return identifier(self.version, self.field, numbers, self.length, self.relation)

    # counts

    @property
    def length(self) -> int:
        """|v|."""
        return self.relation.length

    @property
    def polynomials(self) -> int:
        """L."""
        return self.layout.polynomials

    @property
    def opened_polynomials(self) -> int:
        """The first of all: those that are summed and opened."""
        return self.layout.opened_polynomials

    @property
    def noise_polynomials(self) -> int:
        """Behind those: each is added to one of the first of them, as the coin says."""
        return self.layout.noise_polynomials

    @property
    def coin_polynomials(self) -> int:
        """Behind those: summed and opened ahead of the sum."""
        return self.layout.coin_polynomials

    @cached_property
    def coin(self) -> Coin:
        """What is opened ahead of the sum; of no polynomials where there is no noise."""
        return Coin(self.plan, self.field, self.sharing, self.coin_polynomials)

    @property
    def kept_polynomials(self) -> int:
        """What a member keeps of a dealing until it has said its sum: all of the above."""
        return self.opened_polynomials + self.noise_polynomials + self.coin_polynomials

    @property
    def certified_polynomials(self) -> int:
        """What a result names: the opened sums, and behind them the coin."""
        return self.opened_polynomials + self.coin_polynomials

    @cached_property
    def challenges(self) -> int:
        """c, the independent repetitions of the proof.

        Liars may choose who is absent once they know the challenges: each choice is another try.
        """
        return challenge_count(self.field.p, comb(self.plan.committee, self.plan.absent))

    @cached_property
    def sums(self) -> int:
        """Summed constraints, one for each projection included: their random sum is Y's."""
        return len(self.relation.summed) + self.projections.all * len(self.relation.smallness)

    @property
    def masks(self) -> int:
        """Masks a challenge: u, z, and y if something is summed."""
        return 3 if self.sums else 2

    @property
    def elements(self) -> int:
        """Field elements of one member's vector: L shares, then c of u, c of z, c of y."""
        return self.polynomials + self.masks * self.challenges

    @property
    def first_part(self) -> int:
        """Elements of a vector under the first root: 0 when there is one root."""
        return self.layout.encoded_polynomials if self.layout.projected else 0

    # the challenge tensors: D has a coefficient for each polynomial (and one to spare), Z for each
    # slot constraint, each block's padding and each link

    @cached_property
    def linear_tensor(self) -> Tensor:
        return Tensor(self.polynomials + 1)

    @cached_property
    def slot_tensor(self) -> Tensor:
        linked = sum(self.layout.blocks[link.segment].polynomials for link in self.relation.links)
        constrained = sum(block.polynomials for block in self.constrained)
        return Tensor(constrained + len(self.padded) + linked)

    @cached_property
    def constrained(self) -> tuple[Block, ...]:
        """Blocks whose slots have a constraint; those that follow each other under one are one."""
        runs: list[Block] = []
        for block in self.layout.all_blocks():
            if block.constraint == FREE:
                continue
            last = runs[-1] if runs else None
            if last and (last.columns.stop, last.constraint) == (
                block.columns.start,
                block.constraint,
            ):
                columns = slice(last.columns.start, block.columns.stop)
                runs[-1] = replace(last, columns=columns, padding=0)
            else:
                runs.append(block)
        return tuple(runs)

    @cached_property
    def padded(self) -> tuple[Block, ...]:
        """Blocks with a padding term: all that hold values of v."""
        return tuple(self.layout.blocks.values())

    # the padding constraint

    @cached_property
    def padding_weight(self) -> Residues:
        """P(alpha_j) of each padded block, shape (m, blocks).

        P vanishes on the used slots of the block's last polynomial and only there: P f then
        vanishes on every slot iff all padding slots hold 0. The degree is
        deg P + delta <= (k - 1) + delta <= 2 delta when there is padding, so the term joins Z as
        one more constraint under its own challenge coefficient (dealing.py). Without padding
        P = V, and the term says nothing: its quotient by V is f itself, of degree delta, which
        fits as well.
        """
        k = self.plan.packing
        weights = [
            vanishing(self.field, self.sharing.slots[: k - block.padding], self.sharing.seats)
            for block in self.padded
        ]
        return np.stack(weights, axis=1)

    # sizes in bytes

    @property
    def vector_bytes(self) -> int:
        return self.elements * self.field.element_bytes

    @property
    def path_bytes(self) -> int:
        """One Merkle path, or two when the dealing has two roots."""
        return DIGEST_BYTES * depth(self.plan.committee) * (2 if self.first_part else 1)

    def content_bytes(self, seat: int) -> int:
        """A seed for seats 0..t-1, a vector for the others."""
        return SEED_BYTES if seat < self.plan.threshold else self.vector_bytes

    def package_bytes(self, seat: int) -> int:
        """content, salt, Merkle path or paths."""
        return self.content_bytes(seat) + SALT_BYTES + self.path_bytes

    @property
    def proof_elements(self) -> int:
        """c polynomials D of delta + 1 coefficients, c quotients Z / V of 2t + k - 1.

        And c of Y, of 2 delta coefficients, if something is summed.
        """
        sharing = self.sharing
        summed = 2 * sharing.degree if self.sums else 0
        return self.challenges * (sharing.degree + 1 + sharing.quotient_terms + summed)

    @property
    def proof_bytes(self) -> int:
        return self.proof_elements * self.field.element_bytes

    @property
    def header_bytes(self) -> int:
        """Root and proof: what a header carries of the dealing."""
        return DIGEST_BYTES + self.proof_bytes

    # values and slots

    def slot_values(self, values: Elements | npt.NDArray[np.int64]) -> Elements:
        """Values (|v|,) laid out as (encoded polynomials, k), padding 0."""
        return self.layout.slots(self.field, values)
