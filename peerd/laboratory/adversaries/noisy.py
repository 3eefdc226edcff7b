"""Dealers whose noise is none, or aimed, or too long (docs/privacy.md)."""

from __future__ import annotations

from math import isqrt

import numpy as np
import numpy.typing as npt

from peerd.laboratory.adversaries.dealing import LyingDealer
from protocols.aggregation import bits as binary
from protocols.aggregation import square_sum
from protocols.aggregation.noise import Noise
from protocols.proof import Dealing, seal, split
from protocols.record.base import Values

Integers = npt.NDArray[np.int64]


def poison(noise: Noise, update: Integers) -> Integers:
    """What is dealt for noise (noise.count,), block by block as long as can be, against what
    ``update`` (n,) says, n ≤ noise.count; where that is 0 throughout, against all numbers alike.
    """
    against: Integers = np.zeros(noise.count, np.int64)
    against[: len(update)] = -update
    return np.concatenate([_drawn_out(against[each], noise.limit(each)) for each in noise.blocks])


def _drawn_out(direction: Integers, limit: int) -> Integers:
    """Along ``direction`` (n,), whole numbers whose squares sum up to ``limit`` at most."""
    towards = direction.astype(np.float64) if direction.any() else -np.ones(len(direction))
    longest = np.sqrt(float(limit)) * (1 - 1e-9)  # for what floats round
    found: Integers = np.trunc(towards * (longest / np.linalg.norm(towards))).astype(np.int64)
    return found


class NoisyDealer(LyingDealer):
    """Deals other noise than was drawn, where there is any."""

    def split(self, values: Values) -> Dealing:
        if self.at.setting.noise is None:
            return super().split(values)
        shape, context, secret = self.shape, self.context(), self.at.dealing_secret
        return seal(shape, context, split(shape, self.forged(values), secret, context), self.public)

    def forged(self, values: Values) -> Integers:
        """With ``block`` in the place of each block of noise, and slacks that fit what fits."""
        noise, relation = self.at.setting.noise, self.at.setting.relation
        assert noise is not None
        other = np.array(values, np.int64)
        whole = self.drawn(noise, other[: relation.opened_length])
        for index, window in enumerate(noise.blocks):
            drawn = whole[window]
            slack = relation.segment(f"noise {index} slack")
            left = max(0, noise.limit(window) - square_sum.of(drawn))
            other[relation.segment(f"noise {index}")] = drawn
            other[slack] = binary.to_bits(left, slack.stop - slack.start)
        other[relation.segment("coin")] = self.coin()
        return other

    def drawn(self, noise: Noise, update: Integers) -> Integers:
        """In the place of noise (noise.count,), beside what is opened of the ``update``."""
        sizes = ((noise.limit(each), each.stop - each.start) for each in noise.blocks)
        return np.concatenate([self.block(*each) for each in sizes])

    def block(self, limit: int, length: int) -> Integers:
        """``length`` values whose squares sum up to ``limit`` at most, if they are to be taken."""
        return np.zeros(length, np.int64)

    def coin(self) -> int:
        """What each of its elements of the coin is."""
        return 0


class NoNoise(NoisyDealer):
    """123: no noise, and a coin of zeros: others' have to do."""


class AimedNoise(NoisyDealer):
    """123: noise as long as can be, all in one direction: poison, were it not for the signs."""

    def block(self, limit: int, length: int) -> Integers:
        return np.full(length, isqrt(limit // length), np.int64)


class PoisonedNoise(NoisyDealer):
    """123: the same, against what the dealer's own update says, and so the others'."""

    def drawn(self, noise: Noise, update: Integers) -> Integers:
        return poison(noise, update)


class GatheredNoise(NoisyDealer):
    """123: all that a block may hold, in its first value."""

    def block(self, limit: int, length: int) -> Integers:
        found = super().block(limit, length)
        found[0] = isqrt(limit)
        return found


class LongNoise(NoisyDealer):
    """123: one value more than a block may hold."""

    def block(self, limit: int, length: int) -> Integers:
        found = super().block(limit, length)
        found[0] = isqrt(limit) + 1
        return found
