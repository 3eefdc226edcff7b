"""Y enumerated over p = 7 and 5: it hides what it should, and errs as often as is stated."""

from __future__ import annotations

import numpy as np
import pytest

from protocols.field import PrimeField
from protocols.plan import CommitteePlan
from protocols.proof import (
    FREE,
    DealingShape,
    Linear,
    Relation,
    Segment,
    Square,
    SummedConstraint,
)
from protocols.proof.challenge import Challenges, forms
from protocols.proof.checking import published_sum
from protocols.proof.dealing import prove_forms, prove_sum
from protocols.proof.sums import random_sum

P = 7
NO_INPUTS = np.zeros((1, 0), np.uint64)
UNPACKED = DealingShape(
    CommitteePlan(4, 1, 1, 0),
    PrimeField(5),
    Relation((Segment("w", 1, FREE),), summed=(SummedConstraint((Square("w", 1),), (), 1),)),
)
"""w^2 = 1: w is 1 or -1."""
PACKED = DealingShape(
    CommitteePlan(5, 1, 2, 0),
    PrimeField(P),
    Relation(
        (Segment("w", 2, FREE),),
        summed=(
            SummedConstraint((Square("w", 1),), (), 5),
            SummedConstraint((), (Linear("w", np.array([1, 1])),), 3),
        ),
    ),
)
"""w0^2 + w1^2 = 5 and w0 + w1 = 3: (1, 2) or (2, 1)."""


def grid(p: int, digits: int, frozen: tuple[int, ...] = ()) -> list[np.ndarray]:
    sides = [np.zeros(1, int) if i in frozen else np.arange(p) for i in range(digits)]
    return [side.ravel().astype(np.uint64) for side in np.meshgrid(*sides, indexing="ij")]


def shares(of: DealingShape, slots: np.ndarray, free: np.ndarray) -> np.ndarray:
    return np.concatenate([free, of.sharing.share(slots, free)])


def summed_part(
    of: DealingShape, f: np.ndarray, y: np.ndarray, coefficients: list[int]
) -> np.ndarray:
    """Coefficients of Y (runs, 2 delta) from one polynomial f (m, runs) and the mask (m, runs)."""
    count = np.array(coefficients, np.uint64).reshape(1, 1, -1)
    seats = np.arange(of.sharing.sum_nodes)
    bare = []
    for seat in seats:
        places = np.full(f.shape[1], seat)
        bare.append(random_sum(of, places, f[seat][:, None], [[]], count, NO_INPUTS)[:, 0])
    return prove_sum(of, np.stack(bare), y[seats])


def codes(p: int, *columns: np.ndarray) -> np.ndarray:
    seen = np.column_stack(columns).astype(np.int64)
    return np.sort(seen @ (p ** np.arange(seen.shape[1])))


def masks(of: DealingShape, free: np.ndarray, first: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """y at all seats: ``first`` (k - 1, runs) slot values, the last one makes the sum 0."""
    last = of.field.neg(of.field.sum(first, axis=0)) if len(first) else np.zeros(free.shape[1])
    slots = np.concatenate([first, last[None].astype(np.uint64)])
    return of.sharing.sum_masks(slots, np.concatenate([free, rest]))


# -- what is seen ------------------------------------------------------------------------------


def whole_view(secret: int, seat: int) -> np.ndarray:
    """Share and masks of a seat, D, Z / V and Y; once for each randomness, sorted."""
    of = UNPACKED
    p = of.field.p
    drawn = grid(p, 7)
    slots = np.full((len(drawn[0]), 1), secret % p, np.uint64)
    f = shares(of, slots, drawn[0][None])
    u = shares(of, drawn[2][:, None], drawn[1][None])
    z = of.sharing.slot_zero_masks(np.stack(drawn[3:5]))
    y = masks(of, drawn[5][None], np.zeros((0, len(drawn[0])), np.uint64), drawn[6][None])
    row = np.array([[[3]]], np.uint64)
    coins = Challenges(row, np.array([[[2, 0]]], np.uint64), row, np.array([[[4]]], np.uint64))
    made = [
        forms(of, f[index][:, None], np.tile(of.padding_weight[index], (f.shape[1], 1)), coins)
        for index in range(of.plan.committee)
    ]
    linear, slot = (np.stack([pair[i][:, 0] for pair in made]) for i in (0, 1))
    d, quotient = prove_forms(of, linear, slot, np.concatenate([u, z], axis=1))
    return codes(p, f[seat], u[seat], z[seat], y[seat], d, quotient, summed_part(of, f, y, [4]))


@pytest.mark.parametrize("seat", [0, 1, 3])
def test_d_z_and_y_together_tell_nothing(seat: int) -> None:
    assert (whole_view(1, seat) == whole_view(-1, seat)).all()


def sum_view(
    of: DealingShape, secret: list[int], seat: int, coins: list[int], frozen: tuple[int, ...] = ()
) -> np.ndarray:
    """Share and mask of a seat, and Y. Given f they don't depend on what D and Z are made of."""
    k = of.plan.packing
    drawn = grid(P, 2 + (k - 1) + k, frozen)
    slots = np.tile(of.slot_values(np.array(secret)), (len(drawn[0]), 1))
    f = shares(of, slots, drawn[0][None])
    first = np.stack(drawn[2 : k + 1]) if k > 1 else np.zeros((0, len(drawn[0])), np.uint64)
    y = masks(of, drawn[1][None], first, np.stack(drawn[k + 1 :]))
    return codes(P, f[seat], y[seat], summed_part(of, f, y, coins))


@pytest.mark.parametrize("coins", [[1, 1], [3, 4], [0, 2], [6, 0]], ids=str)
@pytest.mark.parametrize("seat", [0, 1, 4])
def test_packed(seat: int, coins: list[int]) -> None:
    one, two = (sum_view(PACKED, secret, seat, coins) for secret in ([1, 2], [2, 1]))
    assert (one == two).all()


@pytest.mark.parametrize("frozen", range(5), ids=["f", "y at a seat", "y slot", "y'", "y''"])
def test_each_piece_of_y_is_needed(frozen: int) -> None:
    differs = []
    for seat in range(5):
        one, two = (
            sum_view(PACKED, secret, seat, [3, 4], (frozen,)) for secret in ([1, 2], [2, 1])
        )
        differs.append(not (one == two).all())
    assert any(differs)


# -- what passes -------------------------------------------------------------------------------


def accepted(values: list[int], mask_sum: int, coins: list[int]) -> bool:
    """Whether all seats accept Y of these values, under a mask whose slots have this sum."""
    of = PACKED
    of.__dict__["challenges"] = 1
    f = shares(of, of.slot_values(np.array(values)), np.array([[3]], np.uint64))
    y = of.sharing.sum_masks(
        np.array([[mask_sum % P], [0]], np.uint64), np.array([[1], [4], [2]], np.uint64)
    )
    proof = summed_part(of, f, y, coins)
    count = np.array(coins, np.uint64).reshape(1, 1, -1)
    zeros = np.zeros((1, of.sharing.degree + 1 + of.sharing.quotient_terms), np.uint64)
    proofs = np.concatenate([zeros, proof], axis=1)
    unused = np.zeros((1, 1, 1), np.uint64)
    challenges = Challenges(unused, unused, unused, unused, count)
    for seat in range(of.plan.committee):
        bare = random_sum(of, np.array([seat]), f[seat : seat + 1], [[]], count, NO_INPUTS)
        mine = of.field.add(bare, y[seat : seat + 1])
        if (mine != published_sum(of, seat, proofs, challenges)).any():
            return False
    return True


def passing(values: list[int], mask_sum: int) -> int:
    """Of all 49 coefficients, how many let it pass."""
    return sum(accepted(values, mask_sum, [a, b]) for a in range(P) for b in range(P))


@pytest.mark.parametrize("mask_sum", range(P))
@pytest.mark.parametrize("values", [[1, 1], [0, 3], [3, 0], [0, 0]], ids=str)
def test_a_violation_passes_one_time_in_p(values: list[int], mask_sum: int) -> None:
    assert passing(values, mask_sum) == P


def test_what_holds_passes_and_a_wrong_mask_alone_passes_never() -> None:
    assert passing([2, 1], 0) == P * P
    assert all(passing([2, 1], mask_sum) == 0 for mask_sum in range(1, P))
