"""Noise that lies beside an update in its dealing, and can't be used to poison.

docs/protocol.md §4 and docs/privacy.md. A dealer's part of a round's noise is as long as what it
hides, and far longer than an update: a bound that lets it through would let a poisoned one through.
So it is proven to be no longer than honest noise is, block by block, and gets its order and its
signs by a coin that is opened once the cohort stands.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cache, cached_property
from itertools import pairwise
from math import ceil, isqrt

import numpy as np

from protocols.aggregation import bits as binary
from protocols.aggregation import constants as read
from protocols.aggregation import square_sum
from protocols.aggregation.contract import (
    AggregationError,
    Aggregator,
    Constants,
    Encoded,
    private,
)
from protocols.field import PrimeField
from protocols.hashing import Xof, digest
from protocols.privacy import NOISE_GRID, Mechanism, skellam
from protocols.proof import FREE, Late, Relation, Segment, Smallness, Square, SummedConstraint

SLACK = Fraction(1, 1 << 58)
"""How far a round may be from the mechanism that is accounted, in total variation: 2^-60 each for
blocks of noise that are too long, for samples with too many rows, and for sums that are drawn in.
"""
ROOM = 2
"""What projections of an update have room for, over its longest: so that a dealing that is not
dealt, because one of them does not fit, tells nothing (2^-96, where 2^-41 would do elsewhere).
"""
MAX_NOISE = 1000
LEAST_VARIANCE = 1 << 12
"""Below it the bound on a block's length does not hold."""
MOST_VARIANCE = 1 << 24
"""Of noise that is drawn at once; more is a sum of several."""
LARGEST_VARIANCE = 1 << 30
LEAST_BLOCK, USUAL_BLOCK = 64, 256
MOST_BLOCKS = 64
"""More, and smaller ones, only where longer ones would wrap around."""
RUNS = (1, 4, 16, 64, 256)
PROJECTED = 10_000
"""About how many bits show that a run of blocks is small."""
RARELY = 58
"""A block of honest noise is longer than its bound with chance 2^-83: 2^-60 for 2^23 blocks."""
COIN_BITS = 128


def read_multiplier(constants: Constants) -> Fraction:
    """The constant ``noise``: z in thousandths, 0 for no noise. AggregationError."""
    return check_multiplier(read.rational(constants, "noise", Fraction(MAX_NOISE)))


def multiplier_constant(noise: Fraction) -> dict[str, int | str]:
    """The genesis form: without noise none, as before there was any."""
    return {"noise": str(noise)} if noise else {}


def member_mechanism(limit: int, noise: Fraction) -> Mechanism:
    """Of a sum that a member moves by ``limit`` at most; everybody sees who deals."""
    plain = Mechanism(Fraction(1), limit**2, Fraction(1), SLACK)
    return plain.with_noise(noise)


def check_multiplier(noise: Fraction) -> Fraction:
    """AggregationError unless it is a whole number of thousandths."""
    if (noise * NOISE_GRID).denominator != 1:
        raise AggregationError(f"constant noise = {noise} must be a number of thousandths")
    return noise


@cache
def squared_length(variance: Fraction, count: int) -> int:
    """R²: what Σ η² of ``count`` values is at most, but for a chance of 2^-83 (docs/privacy.md)."""
    values = max(count, LEAST_BLOCK)
    root = isqrt(4 * RARELY * values) + 1
    return ceil(Fraction(65, 64) * variance * (values + root + 2 * RARELY))


@dataclass(frozen=True)
class Noise:
    """Of one dealer, for ``polynomials`` opened ones with ``packing`` values each.

    ``variance``: of each value. Raises AggregationError where that is too small to be bounded, or
    the noise too long to be proven.
    """

    polynomials: int
    packing: int
    variance: Fraction

    def __post_init__(self) -> None:
        if not LEAST_VARIANCE <= self.variance <= LARGEST_VARIANCE:
            large = self.variance > LARGEST_VARIANCE
            raise AggregationError(
                f"a dealer's noise has a standard deviation of {isqrt(int(self.variance))} steps:"
                f" {isqrt(LEAST_VARIANCE)} to {isqrt(LARGEST_VARIANCE)} are possible;"
                f" {'fewer steps, or a smaller' if large else 'more steps, or a larger'} theta,"
                " would do"
            )
        _ = self.blocks

    @property
    def count(self) -> int:
        """Values: they fill the polynomials, as any of these may be added to any opened one."""
        return self.polynomials * self.packing

    @cached_property
    def blocks(self) -> tuple[slice, ...]:
        """Which values are bounded together: 64 at least, but for what is shorter as a whole."""
        edges = [self.packing * edge for edge in _divided(self.polynomials, self._division[0])]
        return tuple(slice(*pair) for pair in pairwise(edges))

    @cached_property
    def _division(self) -> tuple[int, int]:
        """How many blocks there are, and in how many runs of them smallness is shown: of what fits
        the cheapest.
        """
        wanted = max(USUAL_BLOCK, 8 * self.packing, self.count // MOST_BLOCKS)
        blocks, fitting = max(1, self.count // wanted), []
        while blocks == 1 or self.count // blocks >= LEAST_BLOCK:
            runs = [each for each in RUNS if each <= blocks and self._fits(blocks, each)]
            fitting += [(self._cost(blocks, each), blocks, each) for each in runs[:1]]
            blocks *= 2
        if not fitting:
            raise AggregationError(
                f"noise on {self.count} values is too long to be proven: fewer steps would do"
            )
        return min(fitting)[1:]

    def _cost(self, blocks: int, runs: int) -> int:
        """About how many values beside the noise show that it is short."""
        return blocks * (self._slack_bits(self.count // blocks) + self.packing) + runs * PROJECTED

    def _fits(self, blocks: int, runs: int) -> bool:
        """Whether no sum of squares wraps around."""
        longest = self.packing * -(-self.polynomials // blocks)
        together = -(-blocks // runs) * squared_length(self.variance, longest)
        squares = longest << 2 * Smallness.bits_for(isqrt(together) + 1)
        return squares + (1 << self._slack_bits(longest)) < binary.LARGEST_PRIME

    def _slack_bits(self, length: int) -> int:
        return squared_length(self.variance, length).bit_length()

    def limit(self, block: slice) -> int:
        """R² of the block."""
        return squared_length(self.variance, block.stop - block.start)

    @property
    def largest(self) -> int:
        """What one value is at most, in a dealing that is accepted."""
        return max(isqrt(self.limit(block)) for block in self.blocks)

    # beside the aggregator's relation

    def relation_in(self, update: Relation) -> Relation:
        """The aggregator's relation, and the noise beside it."""
        sums, bits = [], self._slacks
        for segment, slack, block in zip(self._noise, bits, self.blocks, strict=True):
            spelt = (binary.slack_term(slack.name, slack.length),)
            sums.append(SummedConstraint((Square(segment.name, -1),), spelt, -self.limit(block)))
        return Relation(
            (*update.segments, *self._segments),
            (*update.summed, *sums),
            update.links,
            (*update.smallness, *self._smallness),
            max(update.modulus_above, self._modulus_above),
        )

    @cached_property
    def _segments(self) -> tuple[Segment, ...]:
        elements = -(-COIN_BITS // (self._modulus_above.bit_length() - 1))
        coin = Segment("coin", elements, FREE, opened=False, late=Late.COIN)
        return (*self._noise, *self._slacks, coin)

    @cached_property
    def _noise(self) -> tuple[Segment, ...]:
        return tuple(
            Segment(f"noise {index}", block.stop - block.start, FREE, False, late=Late.NOISE)
            for index, block in enumerate(self.blocks)
        )

    @cached_property
    def _slacks(self) -> tuple[Segment, ...]:
        return tuple(
            binary.slack(f"{segment.name} slack", self._slack_bits(segment.length))
            for segment in self._noise
        )

    @cached_property
    def _smallness(self) -> tuple[Smallness, ...]:
        """What all honest noise passes, run by run: a shorter one shows smaller values."""
        edges = _divided(len(self.blocks), self._division[1])
        return tuple(
            Smallness(
                tuple(segment.name for segment in self._noise[start:end]),
                Smallness.bits_for(isqrt(sum(map(self.limit, self.blocks[start:end]))) + 1),
            )
            for start, end in pairwise(edges)
        )

    @cached_property
    def _modulus_above(self) -> int:
        longest = max(segment.length for segment in self._noise)
        bits = max(small.bits for small in self._smallness)
        return (longest << 2 * bits) + (1 << self._slack_bits(longest))

    def encode(self, entropy: bytes, field: PrimeField) -> Encoded:
        """Noise, slacks and coin, of 32 secret bytes that are fresh each round."""
        blocks = [self._block(index, entropy) for index in range(len(self.blocks))]
        slacks = [
            binary.to_bits(self.limit(window) - square_sum.of(block), slack.length)
            for window, block, slack in zip(self.blocks, blocks, self._slacks, strict=True)
        ]
        coin = field.sample(Xof("peerd/noise/coin", entropy), self._segments[-1].length)
        return np.concatenate([*blocks, *slacks, coin.astype(np.int64)])

    def _block(self, index: int, entropy: bytes) -> Encoded:
        """Drawn again where it is too long, which is paid for in δ."""
        window, tries = self.blocks[index], 0
        while True:
            seed = digest("peerd/noise/block", entropy, *map(_number, (index, tries)))
            drawn = drawn_noise(self.variance, window.stop - window.start, seed)
            if square_sum.of(drawn) <= self.limit(window):
                return drawn
            tries += 1


def noise_of(rule: Aggregator, parameters: int, packing: int, makers: int) -> Noise | None:
    """What a dealer adds where ``makers`` honest ones add all that is accounted; None for a rule
    without noise.
    """
    noisy = private(rule)
    if noisy is None:
        return None
    opened = [part for part in rule.relation(parameters).segments if part.opened]
    polynomials = sum(-(-part.length // packing) for part in opened)
    return Noise(polynomials, packing, noisy.mechanism(parameters).variance / makers)


def drawn_noise(variance: Fraction, count: int, entropy: bytes) -> Encoded:
    """Skellam noise; where its variance is large, as a sum of parts."""
    parts = ceil(variance / MOST_VARIANCE)
    seeds = (digest("peerd/noise/part", entropy, _number(part)) for part in range(parts))
    total: Encoded = np.zeros(count, np.int64)
    for seed in seeds:
        total += skellam(variance / parts, count, seed)
    return total


def _divided(count: int, parts: int) -> list[int]:
    """Edges of ``parts`` runs of 0 … count − 1 whose lengths differ by one at most."""
    return [count * part // parts for part in range(parts + 1)]


def _number(value: int) -> bytes:
    return value.to_bytes(8, "little")
