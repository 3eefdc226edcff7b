"""Two worlds with the same sum: what t members and everybody see tells them not apart.

The view of a round: of every dealing the shares and masks of t seats, D and Z / V and the root,
which its header shows to all, and after it the sums S_j of all seats, which give the opened
polynomials. Over p = 5, with t = 1, all randomness of two dealers is counted (a root is a hash over
salts, and left to test_guesses.py); over the field of the daemon, samples of real dealings are
compared, with t = 1 and t = 2.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from protocols.field import P16, PrimeField
from protocols.hashing import digest
from protocols.opening import sum_shares
from protocols.plan import CommitteePlan
from protocols.proof import BIT, DealingShape, one_segment, seal
from protocols.proof.challenge import Challenges, forms
from protocols.proof.dealing import prove_forms, split

TINY = DealingShape(CommitteePlan(3, 1, 1, 0), PrimeField(5), one_segment(1, BIT))
Parts = list[np.ndarray]
COINS = [(1, 1, 1, 1), (3, 2, 1, 4)]


def dealings(secret: int, seat: int, coins: tuple[int, int, int, int], masked: bool) -> np.ndarray:
    """One row for each randomness: (f, D, Z/V as one code; f at all seats as another)."""
    p, sharing = TINY.field.p, TINY.sharing
    sides = [np.arange(p)] * 3 + [np.arange(p)] * 2
    if not masked:
        sides[2] = np.zeros(1, int)
    grid = [g.ravel().astype(np.uint64) for g in np.meshgrid(*sides, indexing="ij")]
    count = len(grid[0])
    free, u_free, u_slot = grid[0:1], grid[1:2], grid[2:3]
    slots = np.tile(TINY.slot_values(np.array([secret], np.uint64)), (count, 1))
    f = np.concatenate([np.stack(free), sharing.share(slots, np.stack(free))])
    u = np.concatenate(
        [np.stack(u_free), sharing.share(np.stack(u_slot, axis=1), np.stack(u_free))]
    )
    z = sharing.slot_zero_masks(np.stack(grid[3:5]))
    a, b, c, d = coins
    row = np.array([[[a]]], np.uint64)
    drawn = Challenges(row, np.array([[[b, 0]]], np.uint64), row, np.array([[[c, d]]], np.uint64))
    linear, slot = [], []
    for index in range(3):
        weight = np.broadcast_to(TINY.padding_weight[index], (count,))
        one, two = forms(TINY, f[index][:, None], weight, drawn)
        linear.append(one[:, 0])
        slot.append(two[:, 0])
    proof = prove_forms(TINY, np.stack(linear), np.stack(slot), np.concatenate([u, z], axis=1))
    seen = np.column_stack([f[seat], u[seat], z[seat], *proof]).astype(np.int64)
    codes = seen @ (p ** np.arange(seen.shape[1]))
    return np.column_stack([codes, f.T.astype(np.int64) @ (p ** np.arange(3)), f.T])


def views(
    bits: tuple[int, int], seat: int, coins: tuple[int, int, int, int], masked: bool = True
) -> np.ndarray:
    """(View of one dealing, view of the other, all S_j), once for each randomness; sorted."""
    one, two = (dealings(bit, seat, coins, masked) for bit in bits)
    p = TINY.field.p
    codes = one[:, None, 0] * p**7 + two[None, :, 0]
    for index in range(3):
        codes = codes * p + (one[:, None, 2 + index] + two[None, :, 2 + index]) % p
    return np.sort(codes.ravel())


@pytest.mark.parametrize("seat", range(3))
@pytest.mark.parametrize("coins", COINS, ids=str)
def test_a_round_of_two_dealers_tells_only_its_sum(
    seat: int, coins: tuple[int, int, int, int]
) -> None:
    assert np.array_equal(views((0, 1), seat, coins), views((1, 0), seat, coins))


def test_without_one_mask_it_tells_more() -> None:
    """The control: u's slot value held at 0, and the two worlds differ."""
    one, two = (views(bits, 0, COINS[1], masked=False) for bits in ((0, 1), (1, 0)))
    assert not np.array_equal(one, two)


# -- the daemon's field, by samples ------------------------------------------------------------

FIELD = P16
SHAPES = {
    1: DealingShape(CommitteePlan(4, 1, 1, 0), FIELD, one_segment(2, BIT)),
    2: DealingShape(CommitteePlan(8, 2, 1, 0), FIELD, one_segment(2, BIT)),
}
HELD = {1: (1,), 2: (1, 6)}
"""The seats of the t members: one whose vector comes from a seed, and one whose does not."""
SAMPLES, BINS = 400, 16
CRITICAL = 75.0
"""χ² with 15 degrees of freedom exceeds this with probability below 10^-9: over some 7,000
statistics a sound code fails with less than 10^-5. A coordinate that is constant in one world and
uniform in the other gives about 700, one that keeps to half of the field in one world about 270:
of both this misses fewer than one in 10^9.
"""


def chi_square(one: np.ndarray, two: np.ndarray) -> float:
    """Two samples of field elements, in equal bins of the field."""
    edges = np.linspace(0, FIELD.p, BINS + 1)
    a, b = (np.histogram(sample, edges)[0].astype(float) for sample in (one, two))
    total = a + b
    kept = total > 0
    return float((((a - b) ** 2)[kept] / total[kept]).sum())


def view(of: DealingShape, values: list[int], secret: bytes, context: bytes) -> tuple[Parts, Parts]:
    """What t members and everybody see of one dealing, and all shares."""
    parts = split(of, np.array(values, np.uint32), secret, context)
    dealing = seal(of, context, parts)
    held = HELD[of.plan.threshold]
    seen = [parts.vectors[seat, : of.polynomials + 2] for seat in held]
    proof = of.field.decode(dealing.proof, of.proof_elements)
    seen += [proof[:6], proof[-4:], np.frombuffer(dealing.root, "<u2") % FIELD.p]
    return seen, list(parts.vectors[:, : of.polynomials])


def samples(
    of: DealingShape, inputs: tuple[list[int], list[int]], seed: int, broken: bool = False
) -> np.ndarray:
    """Views (rows), over many rounds of two dealers: shares, masks, D, Z / V, roots, and sums."""
    rows = []
    for number in range(SAMPLES):
        shares, seen = [], []
        for dealer, values in enumerate(inputs):
            place = bytes((seed, dealer)) + number.to_bytes(4, "little")
            secret = digest("world", b"" if broken else place)
            known, vectors = view(of, values, secret, digest("context", place[:2]))
            seen += known
            shares.append(vectors)
        for seat in range(of.plan.committee):
            seen.append(sum_shares(of, np.stack([each[seat] for each in shares])))
        rows.append(np.concatenate([part.astype(np.int64) for part in seen]))
    return np.stack(rows)


def largest(one: np.ndarray, two: np.ndarray) -> float:
    """Over single coordinates, and over sums and differences of all pairs of them (p wraps)."""
    found = [chi_square(one[:, i], two[:, i]) for i in range(one.shape[1])]
    for i, j in combinations(range(one.shape[1]), 2):
        for sign in (1, -1):
            pair = [(world[:, i] + sign * world[:, j]) % FIELD.p for world in (one, two)]
            found.append(chi_square(*pair))
    return max(found)


@pytest.mark.parametrize("threshold", SHAPES)
def test_samples_of_the_daemons_field_do_not_differ(threshold: int) -> None:
    of = SHAPES[threshold]
    one, two = samples(of, ([0, 1], [1, 1]), 1), samples(of, ([1, 1], [0, 1]), 2)
    assert largest(one, two) < CRITICAL


@pytest.mark.parametrize("threshold", SHAPES)
def test_samples_of_that_size_show_a_lost_mask(threshold: int) -> None:
    """The control: masks that are the same in every round."""
    of = SHAPES[threshold]
    one = samples(of, ([0, 1], [1, 1]), 1, broken=True)
    two = samples(of, ([1, 1], [0, 1]), 2, broken=True)
    assert largest(one, two) > CRITICAL


def test_samples_of_that_size_show_half_a_mask() -> None:
    """The control of the stated power: one coordinate that keeps to half of the field."""
    one, two = samples(SHAPES[1], ([0, 1], [1, 1]), 1), samples(SHAPES[1], ([0, 1], [1, 1]), 2)
    two[:, 0] //= 2
    assert largest(one, two) > 2 * CRITICAL
