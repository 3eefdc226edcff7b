"""Liars choose who is absent once they know the challenges: what that gains, over tiny fields.

docs/protocol.md §3. Every challenge is enumerated; masks are drawn at random, and a dealing is
accepted if all honest seats but e accept some proof of the right form. Published polynomials are a
linear code on the honest seats, so that a choice of who is absent accepts what that code's parity
checks there accept.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, product
from math import comb

import numpy as np
import pytest

from protocols.field import P16, P31, P61, PrimeField
from protocols.field.polynomial import powers
from protocols.plan import CommitteePlan
from protocols.proof import (
    BIT,
    FREE,
    DealingShape,
    Linear,
    Relation,
    Segment,
    SummedConstraint,
    challenge_count,
    one_segment,
)
from protocols.proof.challenge import Challenges, forms
from protocols.proof.sums import random_sum

TIGHT = CommitteePlan(committee=7, threshold=1, packing=2, absent=1)
"""m - t - e = 2 delta + 1, and rules (B) and (C) hold."""
TIGHT_UNPACKED = CommitteePlan(committee=5, threshold=1, packing=1, absent=1)
MASKS = 400
ROUNDING = 1e-12

NO_INPUTS = np.zeros((1, 0), np.uint64)
"""What a relation without public inputs takes of a dealer."""


@dataclass(frozen=True)
class Case:
    """One check: ``bare`` (coins, honest seats) is what members compute without the mask.

    ``code`` (dimension, honest seats) spans what may be published, ``error`` is how often a
    violation passes when the absent were chosen before.
    """

    of: DealingShape
    bare: np.ndarray
    code: np.ndarray
    error: float

    @property
    def absent(self) -> int:
        return self.of.plan.absent

    def accepted(self, mask: np.ndarray) -> np.ndarray:
        """Which coins (coins,) are accepted by whom: (choices of the absent, coins)."""
        p, seats = self.of.field.p, range(self.bare.shape[1])
        found = []
        for gone in combinations(seats, self.absent):
            here = [seat for seat in seats if seat not in gone]
            checks = parity(p, self.code[:, here])
            found.append(~((self.bare + mask)[:, here] @ checks % p).any(axis=1))
        return np.stack(found)


def parity(p: int, code: np.ndarray) -> np.ndarray:
    """A basis (n, n - dimension) of what is orthogonal to all rows of ``code``, modulo p."""
    matrix, pivots = code.astype(np.int64) % p, []
    for column in range(matrix.shape[1]):
        used = len(pivots)
        rows = np.flatnonzero(matrix[used:, column]) + used
        if not len(rows):
            continue
        matrix[[used, rows[0]]] = matrix[[rows[0], used]]
        matrix[used] = matrix[used] * pow(int(matrix[used, column]), -1, p) % p
        factors = matrix[:, column].copy()
        factors[used] = 0
        matrix = (matrix - factors[:, None] * matrix[used]) % p
        pivots.append(column)
    free = [column for column in range(matrix.shape[1]) if column not in pivots]
    basis = np.zeros((matrix.shape[1], len(free)), np.int64)
    for index, column in enumerate(free):
        basis[column, index] = 1
        basis[pivots, index] = -matrix[: len(pivots), column]
    return basis % p


def honest(of: DealingShape) -> np.ndarray:
    return np.arange(of.plan.threshold, of.plan.committee)


def polynomials(of: DealingShape, degree: int) -> np.ndarray:
    """1, x, … at the honest seats."""
    at = powers(of.field, of.sharing.seats[honest(of)], degree + 1)
    return np.array(at, np.int64)


def tensors(of: DealingShape, word: np.ndarray, which: int) -> np.ndarray:
    """D (0) or Z (1) of a word (honest seats,), without its mask, for each of its challenges."""
    widths = [of.linear_tensor.columns, of.slot_tensor.columns]
    weight = of.padding_weight[honest(of)]
    found = []
    for a, *b in product(range(of.field.p), repeat=1 + widths[which]):
        rows = [np.ones((1, 1, width), np.uint64) for width in (1, widths[0], 1, widths[1])]
        rows[2 * which][:], rows[2 * which + 1][:] = a, b
        found.append(forms(of, word[:, None].astype(np.uint64), weight, Challenges(*rows))[which])
    return np.array(found, np.int64)[:, :, 0]


def linear() -> Case:
    """A word that is no codeword, and D."""
    of = DealingShape(TIGHT_UNPACKED, PrimeField(7), one_segment(1, FREE))
    word = np.array([1, 0, 0, 3])
    return Case(of, tensors(of, word, 0), polynomials(of, of.sharing.degree), 2 / 7 - 1 / 49)


def slots() -> Case:
    """A value that is no bit, and Z."""
    of = DealingShape(TIGHT_UNPACKED, PrimeField(7), one_segment(1, BIT))
    f = of.sharing.share(np.array([[3]], np.uint64), np.array([[2]], np.uint64))[:, 0]
    v = of.sharing.vanishing_at_seats[honest(of)].astype(np.int64)
    code = polynomials(of, of.sharing.quotient_terms - 1) * v % 7
    return Case(of, tensors(of, f, 1), code, 2 / 7 - 1 / 49)


def sums() -> Case:
    """Two values with a sum that is not 0, and Y."""
    total = SummedConstraint((), (Linear("w", np.array([1, 1])),), 0)
    of = DealingShape(TIGHT, PrimeField(17), Relation((Segment("w", 2, FREE),), summed=(total,)))
    field, seats, degree = of.field, honest(of), of.sharing.degree
    f = of.sharing.share(of.slot_values(np.array([3, 4])), np.array([[2]], np.uint64))
    coins = [np.full((1, 1, 1), coin, np.uint64) for coin in range(field.p)]
    bare = [random_sum(of, seats, f, [[]], coin, NO_INPUTS)[:, 0] for coin in coins]
    at_slots = np.array(powers(field, of.sharing.slots, 2 * degree + 1), np.int64)
    zero = parity(field.p, at_slots.sum(axis=1)[None]).T  # coefficients with slot sum 0
    code = zero @ polynomials(of, 2 * degree) % field.p
    return Case(of, np.array(bare, np.int64), code, 1 / 17)


CASES = [linear, slots, sums]


def masks(case: Case) -> np.ndarray:
    drawn = np.random.default_rng(0)
    return drawn.integers(0, case.of.field.p, (MASKS, 1, case.bare.shape[1]))


@pytest.mark.parametrize("make", CASES)
def test_who_chooses_later_gains_the_number_of_choices_at_most(make) -> None:
    case = make()
    found = [case.accepted(mask) for mask in masks(case)]
    before = max(choice.mean() for each in found for choice in each)
    after = max(each.any(axis=0).mean() for each in found)
    choices = comb(case.bare.shape[1], case.absent)
    assert 0 < before <= case.error + ROUNDING
    assert before < after <= choices * case.error + ROUNDING


@pytest.mark.parametrize("make", CASES)
def test_the_same_members_are_absent_from_all_repetitions(make) -> None:
    """c = 2: the choices count once, not once a repetition."""
    case, best = make(), 0.0
    drawn = masks(case)
    for one, two in zip(drawn[::2], drawn[1::2], strict=True):
        both = case.accepted(one)[:, :, None] & case.accepted(two)[:, None, :]
        best = max(best, both.any(axis=0).mean())
    assert 0 < best <= comb(case.bare.shape[1], case.absent) * case.error**2


def test_the_number_of_choices_is_attained() -> None:
    """Y where (A) is tight: whoever is absent, another coin passes. e + 1 would be too few."""
    case = sums()
    choices = comb(case.bare.shape[1], case.absent)
    best = max(case.accepted(mask).any(axis=0).sum() for mask in masks(case))
    assert best == choices > case.absent + 1


def test_so_it_is_for_degrees_beyond_unique_decoding() -> None:
    """All pairs (word, mask) of syndromes over p = 7, and one coefficient for each r in the field.

    m - t = 4 seats, lines, one absent: three points of w + r u on a line, for 4 of 7 values of r.
    """
    of, p = linear().of, 7
    code, seats = polynomials(of, 1), range(4)
    checks = parity(p, code)
    drawn = np.array(list(product(range(p), repeat=2)))
    words = np.zeros((len(drawn), 4), np.int64)
    words[:, :2] = drawn  # any two seats carry any syndrome
    assert np.linalg.matrix_rank(checks[:2]) == 2
    passing = np.zeros((len(words), len(words)), np.int64)
    for r in range(p):
        accepted = np.zeros_like(passing, np.bool_)
        for gone in seats:
            here = [seat for seat in seats if seat != gone]
            syndromes = words[:, here] @ parity(p, code[:, here])[:, 0] % p
            word, mask = syndromes[:, None], syndromes[None]
            accepted |= (word != 0) & ((r * word + mask) % p == 0)
        passing += accepted
    assert passing.max() == comb(4, 1)


@pytest.mark.parametrize("field", [P16, P31, P61], ids=lambda f: str(f.p))
@pytest.mark.parametrize("plan", [(10, 1, 2, 0), (9, 1, 2, 1), (30, 2, 8, 4), (150, 30, 40, 15)])
def test_repetitions_pay_for_the_choices(plan: tuple[int, ...], field: PrimeField) -> None:
    of = DealingShape(CommitteePlan(*plan), field, one_segment(9, BIT))
    c, choices = of.challenges, comb(of.plan.committee, of.plan.absent)
    assert c == challenge_count(field.p, choices)
    assert choices << (128 + c) <= field.p**c
    assert choices << (128 + c - 1) > field.p ** (c - 1)
