"""What shares say: nothing with t of them, and the attack finds it with one more."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest

from peerd.laboratory.experiments.privacy.inference import interpolated, posterior, prior, residues
from peerd.laboratory.experiments.privacy.view import Leak, View, dealing_of, see, shape_of, watch
from protocols.field.polynomial import lagrange
from protocols.plan import CommitteePlan
from protocols.proof import (
    BIT,
    FREE,
    DealingShape,
    Linear,
    Relation,
    Segment,
    SummedConstraint,
    Verdict,
    check,
)

PLAN = CommitteePlan(committee=16, threshold=3, packing=4, absent=0)
LENGTH = 41


def bits_shape(plan: CommitteePlan = PLAN, length: int = LENGTH) -> DealingShape:
    return shape_of(plan, Relation((Segment("v", length, BIT),)), 16)


def free_shape() -> DealingShape:
    return shape_of(PLAN, Relation((Segment("v", LENGTH, FREE),)), 16 << 16)


def some_bits(count: int, seed: int, length: int = LENGTH) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 2, length).astype(np.uint64) for _ in range(count)]


@pytest.mark.parametrize("leak", list(Leak))
def test_a_committee_accepts_what_is_attacked(leak: Leak) -> None:
    """Else the attacks would be on something that is never sent. Masks of zero don't fit the seeds,
    whose members notice; nobody can notice a missing salt.
    """
    shape = bits_shape()
    context, dealing = dealing_of(shape, some_bits(1, 0)[0], 1, 0, leak)
    words = [
        check(shape, seat, context, dealing.root, dealing.proof, dealing.packages[seat])
        for seat in range(PLAN.committee)
    ]
    noticed = PLAN.threshold if leak is Leak.NO_MASKS else 0
    expected = [Verdict.INVALID] * noticed + [Verdict.VALID] * (PLAN.committee - noticed)
    assert words == expected


def test_t_seats_leave_the_odds_as_they_were() -> None:
    values = some_bits(3, 1)
    for seats in list(combinations(range(16), 3))[::23]:
        closed = watch(bits_shape(), values, seats, seed=1, opened=False)
        assert np.array_equal(posterior(closed), np.full(LENGTH, 0.5))
        opened = watch(bits_shape(), values, seats, seed=1, opened=True)
        assert np.allclose(posterior(opened), prior(opened), rtol=0, atol=1e-12)


def test_one_seat_more_tells_the_bits() -> None:
    """The control. Some seats leave bits in doubt: most are told, and none is told wrongly."""
    values = some_bits(1, 2)
    right = []
    for seats in list(combinations(range(16), 4))[::91]:
        told = posterior(watch(bits_shape(), values, seats, seed=2, opened=False))
        assert not np.any(np.abs(told - values[0]) == 1)
        right.append(np.mean(told == values[0]))
    assert np.mean(right) > 0.9


def test_the_sum_is_told_without_what_the_colluding_put_in() -> None:
    honest, liars = some_bits(4, 3), some_bits(3, 4)
    view = watch(bits_shape(), honest, [0], seed=3, opened=True, colluding=liars)
    assert view.opened is not None
    assert np.array_equal(view.opened, np.sum(honest, axis=0).astype(np.int64))
    assert np.array_equal(prior(view), np.mean(honest, axis=0))


def test_the_posterior_is_what_counting_all_polynomials_gives() -> None:
    """Shares of two seats under t = 1, k = 2: all p polynomials a pattern, counted one by one."""
    shape = bits_shape(CommitteePlan(committee=7, threshold=1, packing=2, absent=0), 2)
    view = watch(shape, some_bits(1, 5, 2), [2, 5], seed=5, opened=False)
    field, sharing = shape.field, shape.sharing
    nodes = np.concatenate([sharing.slots, sharing.seats[[2]]])
    matrix = np.ascontiguousarray(lagrange(field, nodes, sharing.seats[[5]]).T)
    everything = np.arange(field.p, dtype=np.uint64)
    weights = {}
    for pattern in product((0, 1), repeat=2):
        known = np.stack([np.full(field.p, bit, np.uint64) for bit in pattern] + [everything])
        last = field.matmul(matrix, known)[0]
        fits = (everything == view.seen[0].shares[0, 0]) & (last == view.seen[0].shares[1, 0])
        weights[pattern] = int(fits.sum())
    total = sum(weights.values())
    assert total > 0
    counted = [sum(w for bits, w in weights.items() if bits[i]) / total for i in range(2)]
    assert posterior(view).tolist() == counted


def test_t_plus_k_shares_are_the_values_and_one_fewer_is_nothing() -> None:
    shape = free_shape()
    values = np.random.default_rng(6).integers(0, 1 << 16, LENGTH).astype(np.uint64)
    enough = watch(shape, [values], range(2, 9), seed=6, opened=False)
    solved = interpolated(enough)
    assert solved is not None
    assert np.array_equal(solved, values)
    assert interpolated(watch(shape, [values], range(2, 8), seed=6, opened=False)) is None


def test_shares_as_noise_are_not_like_the_values() -> None:
    """Correlation over 200 dealings of 41 values: within 4 standard errors of 0."""
    shape, found = free_shape(), []
    for seed in range(200):
        values = np.random.default_rng([7, seed]).integers(0, 1 << 16, LENGTH).astype(np.uint64)
        view = watch(shape, [values], (1, 4, 9), seed=seed, opened=False)
        found.append(np.corrcoef(residues(view), values)[0, 1])
    assert abs(np.mean(found)) < 4 * np.std(found) / np.sqrt(len(found))


def test_shares_of_nothing_possible_change_nothing() -> None:
    """Shares that contradict every pattern (a lying dealer's) leave the odds alone."""
    shape = bits_shape()
    context, dealing = dealing_of(shape, some_bits(1, 8)[0], 1, 0)
    seen = see(shape, (0, 1, 2, 3), context, dealing)
    seen.shares[3] = shape.field.add(seen.shares[3], np.full(shape.polynomials, 4242, np.uint64))
    told = posterior(View(shape, (0, 1, 2, 3), (seen,)))
    assert np.isin(told, (0.5,)).mean() > 0.9


def test_segments_lie_in_polynomials_of_their_own() -> None:
    """Two segments of bits with padding, and a hidden one between: only what is opened is told."""
    total = SummedConstraint(linear=(Linear("hidden", 1),), constant=1)
    segments = (
        Segment("one", 9, BIT),
        Segment("hidden", 2, BIT, opened=False),
        Segment("two", 6, BIT),
    )
    shape = shape_of(PLAN, Relation(segments, summed=(total,)), 16)
    bits = np.random.default_rng(9).integers(0, 2, (2, 15))
    values = [np.concatenate([row[:9], [0, 1], row[9:]]) for row in bits]
    closed = watch(shape, values, (0, 5, 9), seed=1, opened=False)
    assert np.array_equal(posterior(closed), np.full(15, 0.5))
    opened = watch(shape, values, (0, 5, 9), seed=1, opened=True)
    assert np.array_equal(prior(opened), bits.mean(axis=0))
    everything = watch(shape, values, range(7), seed=1, opened=False)
    assert np.array_equal(interpolated(everything), bits[0])
    assert np.array_equal(posterior(everything), bits[0])
    assert np.array_equal(interpolated(everything, 1), bits[1])
