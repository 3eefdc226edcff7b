"""Noise beside an update: what honest noise passes, and what no noise may."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from math import isqrt, sqrt

import numpy as np
import pytest

from protocols.aggregation import AggregationError, aggregator
from protocols.aggregation.noise import LEAST_VARIANCE, Noise, drawn_noise, squared_length
from protocols.field import FAMILY
from protocols.privacy import noise_table
from protocols.proof import Late

FIELD = FAMILY[-1]
SIZES = [(1, 1), (7, 3), (60, 1), (1000, 1), (4000, 3), (3000, 35)]


def noise_of(polynomials: int, packing: int, variance: int = 1 << 19) -> Noise:
    return Noise(polynomials, packing, Fraction(variance))


@pytest.mark.parametrize(("polynomials", "packing"), SIZES)
def test_honest_noise_is_in_the_relation(polynomials: int, packing: int) -> None:
    noise = noise_of(polynomials, packing)
    rule = aggregator("dp-sgd", {})
    count = noise.count
    relation = noise.relation_in(rule.relation(count))
    update = rule.encode(np.zeros(count, np.float32), np.zeros(count, np.int64))
    values = np.concatenate([update, noise.encode(b"e" * 32, FIELD)])
    assert relation.fits(FIELD.p)
    assert relation.violations(FIELD.p, values) == []
    coin = relation.segment("coin")
    assert FIELD.p ** (coin.stop - coin.start) >= 1 << 127
    first = values[relation.segment("noise 0")]
    values[relation.segment("noise 0")] = first * 4
    assert relation.violations(FIELD.p, values)


@pytest.mark.parametrize(("polynomials", "packing"), SIZES)
def test_blocks_cover_whole_polynomials(polynomials: int, packing: int) -> None:
    blocks = noise_of(polynomials, packing).blocks
    assert blocks[0].start == 0 and blocks[-1].stop == polynomials * packing
    assert all(one.stop == other.start for one, other in pairwise(blocks))
    assert all(block.start % packing == 0 for block in blocks)
    assert len(blocks) == 1 or all(block.stop - block.start >= 64 for block in blocks)


def test_noise_is_fresh_for_other_entropy_and_alike_for_the_same() -> None:
    noise = noise_of(500, 3)
    one, again, other = (noise.encode(bytes([seed]) * 32, FIELD) for seed in (1, 1, 2))
    assert np.array_equal(one, again)
    assert np.mean(one[:1500] == other[:1500]) < 0.01
    correlation = np.corrcoef(one[:1500], other[:1500])[0, 1]
    assert abs(correlation) < 0.15


@pytest.mark.parametrize("variance", [1 << 12, 1 << 24, 1 << 26])
def test_the_variance_of_what_is_drawn(variance: int) -> None:
    drawn = drawn_noise(Fraction(variance), 20_000, b"v" * 32)
    found = float(np.mean(drawn.astype(np.float64) ** 2))
    assert abs(found / variance - 1) < 6 * sqrt(2 / 20_000)


@pytest.mark.parametrize("variance", [LEAST_VARIANCE, 1 << 20])
def test_a_block_of_honest_noise_is_longer_than_its_bound_with_the_stated_chance(
    variance: int,
) -> None:
    """Chernoff, with the moments of the very table that noise is drawn from: docs/privacy.md proves
    the same for all.
    """
    table = noise_table(Fraction(variance))
    magnitudes = np.arange(len(table.thresholds) + 1, dtype=np.float64)
    steps = np.diff([0, *table.thresholds, 1 << 127]).astype(object)  # exact, then rounded
    chances = np.array([float(Fraction(int(each), 1 << 127)) for each in steps])
    for count in (1, 64, 256, 4096):
        bound = squared_length(Fraction(variance), count)
        tilts = np.linspace(0.02, 0.48, 47) / variance
        tails = [
            count * np.log(np.sum(chances * np.exp(tilt * magnitudes**2))) - tilt * bound
            for tilt in tilts
        ]
        assert min(tails) < -83 * np.log(2)


@pytest.mark.parametrize("variance", [LEAST_VARIANCE - 1, (1 << 30) + 1])
def test_noise_that_can_not_be_bounded(variance: int) -> None:
    with pytest.raises(AggregationError, match="steps"):
        noise_of(10, 1, variance)


def test_noise_that_is_too_long_to_be_proven() -> None:
    with pytest.raises(AggregationError, match="fewer steps"):
        noise_of(1 << 24, 1, 1 << 30)


def test_what_a_liar_may_deal_is_bounded_block_by_block() -> None:
    noise = noise_of(4000, 3)
    assert noise.largest == max(isqrt(noise.limit(block)) for block in noise.blocks)
    honest = sum(noise.limit(block) for block in noise.blocks) / float(noise.variance)
    assert honest < 2.5 * noise.count, "a liar has not 2.5 times the variance of honest noise"
    late = {s.late for s in noise.relation_in(aggregator("dp-sgd", {}).relation(9)).segments}
    assert late == {None, Late.NOISE, Late.COIN}
