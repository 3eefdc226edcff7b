"""Smallness: the chance that a projection passes, and every way around the projections."""

from __future__ import annotations

import math
import re
import tracemalloc
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from proof_world import CONTEXT, SECRET
from relation_world import Reference, shaped

from protocols.field import P31, P61, PrimeField
from protocols.hashing import digest
from protocols.plan import CommitteePlan
from protocols.proof import (
    FREE,
    Dealing,
    DealingShape,
    ProjectionOverflow,
    Relation,
    Segment,
    Smallness,
    Verdict,
    check,
    deal,
    dealing,
    seal,
    smallness,
    split,
)
from protocols.proof.constraints import HONEST_SPREAD, SMALLNESS_ROWS
from protocols.proof.smallness import Rows, draw_rows, project
from protocols.proof.sums import random_sum

COUNT = 312  # more values than projections: some W has all of them zero
BITS = Smallness.bits_for(100)
OF = shaped(Relation((Segment("w", COUNT, FREE),), smallness=(Smallness(("w",), BITS),)))
QUIET = np.arange(COUNT) % 3 - 1
"""Of norm sqrt(208): small."""


def verdicts(of: DealingShape, made: Dealing) -> list[Verdict]:
    return [
        check(of, seat, CONTEXT, made.root, made.proof, package)
        for seat, package in enumerate(made.packages)
    ]


def assert_caught(made: Dealing) -> None:
    found = verdicts(OF, made)
    assert set(found) <= {Verdict.VALID, Verdict.INVALID}
    assert found.count(Verdict.VALID) <= 2 * OF.sharing.degree


# -- one projection ----------------------------------------------------------------------------


def passing(p: int, bound: int, w: np.ndarray, signs: dict[int, int]) -> np.ndarray:
    """Of weight 4^(entries), how much passes, for each W (number, l, k)."""
    number, left, right = w.shape
    total = np.zeros(number, np.int64)
    for entries in product(signs, repeat=left + right):
        a, b = np.array(entries[:left]), np.array(entries[left:])
        y = np.einsum("l,nlk,k->n", a, w, b) % p
        weight = int(np.prod([signs[entry] for entry in entries]))
        total += weight * ((y + bound) % p < 2 * bound)
    return total


@pytest.mark.parametrize(("left", "right"), [(1, 1), (1, 2), (2, 1), (2, 2), (1, 3), (3, 1)])
def test_a_coordinate_that_is_too_large_passes_with_three_quarters_at_most(
    left: int, right: int
) -> None:
    """All W over p = 17 with B = 2: what a projection lets pass, of 4^(l + k) rows."""
    p, bound = 17, 2
    entries = left * right
    w = np.array(np.meshgrid(*[np.arange(p)] * entries, indexing="ij")).reshape(entries, -1).T
    w = w.reshape(-1, left, right)
    centred = np.minimum(w, p - w).max(axis=(1, 2))
    total = passing(p, bound, w, {0: 2, 1: 1, -1: 1})
    everything = 4 ** (left + right)
    assert total[centred >= 4 * bound].max() * 4 <= 3 * everything
    assert total[centred == 0].min() == everything


def test_signs_without_zero_let_a_half_pass() -> None:
    """The control: twice (p + 1) / 2 is 1, so that entries +-1 alone see nothing."""
    w = np.array([[[9, 9]]])
    assert passing(17, 2, w, {1: 1, -1: 1})[0] == 2**3


def test_rows_are_as_often_0_as_not() -> None:
    (rows,) = draw_rows(OF, CONTEXT, b"root")
    assert rows.left.shape == (SMALLNESS_ROWS, COUNT // 4)
    assert rows.right.shape == (SMALLNESS_ROWS, 4)
    for entry, share in ((0, 1 / 2), (1, 1 / 4), (-1, 1 / 4)):
        assert abs(float((rows.left == entry).mean()) - share) < 0.02
        assert abs(float((rows.right == entry).mean()) - share) < 0.07


def test_enough_rows() -> None:
    assert 3**SMALLNESS_ROWS << 128 <= 4**SMALLNESS_ROWS
    assert 3 ** (SMALLNESS_ROWS - 1) << 128 > 4 ** (SMALLNESS_ROWS - 1)


def tail(spread: float) -> float:
    """Pr[|y| >= spread N] is at most this: Chernoff from E exp(x y) <= (1 - x^2 / 4)^(-1/2), N = 1.

    x is where the derivative of the bound is 0.
    """
    x = (math.sqrt(1 + 16 * spread**2) - 1) / (2 * spread)
    return 2 * math.exp(-x * spread) / math.sqrt(1 - x**2 / 4)


@pytest.mark.parametrize("x", [0.3, 1.0, 1.6, 1.97])
def test_the_moment_bound_holds(x: float) -> None:
    """All W of 2 x 2 entries from -3 to 3, exactly."""
    chances = {0: 1 / 2, 1: 1 / 4, -1: 1 / 4}
    drawn = np.array([entries for entries in product(range(-3, 4), repeat=4) if any(entries)])
    w = (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).reshape(-1, 2, 2)
    mean = np.zeros(len(w))
    for entries in product(chances, repeat=4):
        y = np.einsum("l,nlk,k->n", entries[:2], w, entries[2:])
        mean += math.prod(chances[entry] for entry in entries) * np.exp(x * y)
    assert mean.max() <= 1 / math.sqrt(1 - x**2 / 4)


def test_the_stated_chances_of_an_honest_dealing() -> None:
    document = (Path(__file__).parents[3] / "docs" / "protocol.md").read_text()
    one, every = re.findall(
        r"≥ 19N\] < 2\^-([\d.]+)[\s\S]*?all 309 does with < 2\^-([\d.]+)", document
    )[0]
    assert tail(HONEST_SPREAD) < 2 ** -float(one) < 2**0.1 * tail(HONEST_SPREAD)
    assert SMALLNESS_ROWS * 2 ** -float(one) < 2 ** -float(every)
    assert SMALLNESS_ROWS * tail(HONEST_SPREAD - 1) > 2 ** -float(every)
    assert f"| < 2^-{every} a dealing; nobody is blamed |" in document


@pytest.mark.parametrize("shape", ["one coordinate", "rank one", "flat", "random"])
def test_a_small_w_passes(shape: str) -> None:
    """At the largest norm that ``bits_for`` allows; rank one has the heaviest tail."""
    w = np.zeros(COUNT, np.int64)
    if shape == "one coordinate":
        w[7] = 100
    elif shape == "rank one":
        w[40:48] = [35, -35] * 4
    elif shape == "flat":
        w[:] = 5
    else:
        w[:] = np.random.default_rng(1).integers(-9, 10, COUNT)
    assert int(w @ w) <= 100**2
    for number in range(20):
        (rows,) = draw_rows(OF, CONTEXT, bytes([number]))
        y = OF.field.centred(project(OF, OF.layout.projected[0], rows, OF.slot_values(w)))
        assert np.abs(y).max() < OF.relation.smallness[0].bound


# -- dealings ----------------------------------------------------------------------------------


def test_the_bits_are_those_of_the_projections() -> None:
    parts = split(OF, QUIET, SECRET, CONTEXT)
    first = dealing.commit(OF, parts)[0].root
    (rows,) = draw_rows(OF, CONTEXT, first)
    shares = parts.vectors[: OF.sharing.degree + 1].T[: OF.polynomials]
    slots = OF.field.matmul(OF.sharing.coefficients(shares), OF.sharing.slot_powers)
    each = OF.layout.projected[0]
    groups = OF.layout.groups
    planes = slots[each.bits.columns].reshape(each.planes, groups * 4)[:, :SMALLNESS_ROWS]
    y = sum(planes[b].astype(np.int64) << b for b in range(each.planes)) - each.small.bound
    w = QUIET.reshape(-1, 4)
    expected = np.einsum("il,lk,ik->i", rows.left.astype(int), w, rows.right.astype(int))
    assert y.tolist() == expected.tolist()


@pytest.mark.parametrize("value", [1 << BITS, -(1 << BITS), 1 << 40, (P61.p + 1) // 2])
def test_an_honest_dealer_does_not_deal_what_is_too_large(value: int) -> None:
    w = QUIET.copy()
    w[5] = value
    with pytest.raises(ProjectionOverflow, match="nothing was dealt"):
        split(OF, w, SECRET, CONTEXT)


def truncated(each: object, y: np.ndarray) -> np.ndarray:
    """The bits that there is room for."""
    bound = np.uint64(OF.relation.smallness[0].bound)
    shifted = OF.field.add(y, np.full(len(y), bound, np.uint64)) % (np.uint64(2) * bound)
    return OF.field.sub(shifted, np.full(len(y), bound, np.uint64))


def lying(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = smallness._bit_slots
    monkeypatch.setattr(
        smallness, "_bit_slots", lambda of, each, y: honest(of, each, truncated(each, y))
    )


@pytest.mark.parametrize("value", [1 << BITS, -(1 << BITS), 1 << 40, (P61.p + 1) // 2])
@pytest.mark.parametrize("place", [0, 5, COUNT - 1])
def test_one_huge_coordinate_is_caught(
    monkeypatch: pytest.MonkeyPatch, value: int, place: int
) -> None:
    lying(monkeypatch)
    w = QUIET.copy()
    w[place] = value
    assert_caught(seal(OF, CONTEXT, split(OF, w, SECRET, CONTEXT)))


def test_halves_that_wrap_around_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """(p + 1) / 2 everywhere: every sum of an even number of them is small."""
    lying(monkeypatch)
    w = np.full(COUNT, (P61.p + 1) // 2, np.int64)
    assert_caught(seal(OF, CONTEXT, split(OF, w, SECRET, CONTEXT)))


def kernel(rows: Rows, field: PrimeField) -> np.ndarray:
    """A huge W with a_i^T W b_i = 0 for all i: Gaussian elimination of 309 forms."""
    forms = np.einsum("il,ik->ilk", rows.left.astype(int), rows.right.astype(int))
    matrix = field.array(forms.reshape(SMALLNESS_ROWS, COUNT))
    pivots = []
    for column in range(COUNT):
        used = len(pivots)
        candidates = np.flatnonzero(matrix[used:, column]) + used
        if not len(candidates):
            continue
        matrix[[used, candidates[0]]] = matrix[[candidates[0], used]]
        inverse = field.inverse(matrix[used : used + 1, column])
        matrix[used] = field.mul(matrix[used], inverse)
        factors = matrix[:, column].copy()
        factors[used] = 0
        matrix = field.sub(matrix, field.mul(factors[:, None], matrix[used][None]))
        pivots.append(column)
    free = next(column for column in range(COUNT) if column not in pivots)
    w = np.zeros(COUNT, np.uint64)
    w[free] = 1
    w[pivots] = field.neg(matrix[: len(pivots), free])
    assert np.minimum(w, field.neg(w)).max() > np.uint64(1 << 50)
    return w


def test_projections_known_before_the_commitment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Grinding in the wrong order: W in the kernel of rows that its own root does not give.

    The control: where those rows count, W passes. So it is the order alone that protects.
    """
    known = draw_rows(OF, CONTEXT, b"a root chosen first")
    w = kernel(known[0], OF.field)
    with monkeypatch.context() as patch:
        patch.setattr(dealing, "draw_rows", lambda of, context, root: known)
        made = seal(OF, CONTEXT, split(OF, w, SECRET, CONTEXT))
        patch.setattr("protocols.proof.checking.draw_rows", lambda of, context, root: known)
        assert set(verdicts(OF, made)) == {Verdict.VALID}
    assert_caught(made)


def test_projections_of_another_dealing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the same W in another context, and those of another W in this one."""
    for context, root in ((digest("elsewhere"), None), (CONTEXT, digest("elsewhere"))):
        with monkeypatch.context() as patch:
            patch.setattr(
                dealing,
                "draw_rows",
                lambda of, given, first, context=context, root=root: draw_rows(
                    of, context, root or first
                ),
            )
            made = seal(OF, CONTEXT, split(OF, QUIET, SECRET, CONTEXT))
        assert_caught(made)


def test_another_second_root_keeps_the_projections() -> None:
    """The bits and masks may be dealt again; that gives a dealer no new projections."""
    parts = split(OF, QUIET, SECRET, CONTEXT)
    first, second = dealing.commit(OF, parts)
    parts.vectors[OF.plan.threshold :, -1] ^= np.uint64(1)
    again, other = dealing.commit(OF, parts)
    assert (first.root == again.root, second.root == other.root) == (True, False)


@pytest.mark.parametrize("seat", [0, 1, 9])
def test_a_path_or_part_exchanged_between_the_roots_opens_nothing(seat: int) -> None:
    made = deal(OF, QUIET, SECRET, CONTEXT)
    package = made.packages[seat]
    paths = OF.path_bytes
    half = paths // 2
    crossed = package[:-paths] + package[-half:] + package[-paths:-half]
    item = (CONTEXT, made.root, made.proof)
    assert check(OF, seat, *item, crossed) is Verdict.UNBOUND
    assert check(OF, seat, *item, package) is Verdict.VALID
    for position in range(0, len(package), len(package) // 50 + 1):
        wrong = bytearray(package)
        wrong[position] ^= 1
        assert check(OF, seat, *item, bytes(wrong)) is Verdict.UNBOUND


def test_the_reference_agrees() -> None:
    made = deal(OF, QUIET, SECRET, CONTEXT)
    reference = Reference(OF)
    for seat in (0, 1, 9):
        assert reference.verdict(seat, CONTEXT, made.root, made.proof, made.packages[seat]) == (
            "valid"
        )


def test_the_same_inputs_give_the_same_bytes() -> None:
    assert deal(OF, QUIET, SECRET, CONTEXT) == deal(OF, QUIET, SECRET, CONTEXT)


@pytest.mark.parametrize("packing", [1, 4, 127])
def test_any_packing(packing: int) -> None:
    plan = CommitteePlan(2 * packing + 8, 1, packing, 0)
    of = DealingShape(
        plan, P61, Relation((Segment("w", 9, FREE),), smallness=(Smallness(("w",), 10),))
    )
    made = deal(of, QUIET[:9], SECRET, CONTEXT)
    assert set(verdicts(of, made)) == {Verdict.VALID}


# -- in blocks ---------------------------------------------------------------------------------


@pytest.mark.parametrize("field", [P31, P61], ids=lambda f: str(f.p))
@pytest.mark.parametrize("columns", [1, 3, 40])
@pytest.mark.parametrize("width", [1, 5, 37, 800])
@pytest.mark.parametrize("block", [1, 1000, 8 * 37, 1 << 18])
def test_a_product_in_blocks_is_the_product(
    block: int, width: int, columns: int, field: PrimeField, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole bytes of bits: a block begins at a multiple of 8 rows, whatever the width."""
    monkeypatch.setattr(smallness, "FOLD_BLOCK", block)
    given = np.random.default_rng([block, width, columns])
    planes = given.integers(0, 256, (2, -(-309 * width // 8)), np.uint8)
    rows = Rows(planes, width, np.zeros((309, 1), np.int8))
    values = given.integers(0, field.p, (width, columns), np.uint64)
    bits = np.unpackbits(planes, axis=1, count=309 * width, bitorder="little").astype(np.int8)
    signs = (bits[0] - bits[1]).reshape(309, width)
    assert (rows.left == signs).all()
    assert (rows.fold(field, values) == field.signed_matmul(signs, values)).all()


def test_a_check_holds_a_bounded_part_of_the_projections() -> None:
    """A row for each projection takes 309 * 8 bytes a polynomial as floats, and more on the way,
    of each dealing of a batch.
    """
    length = 20_000
    of = shaped(
        Relation((Segment("w", length, FREE),), (), (), (Smallness(("w",), 40),)),
        CommitteePlan(4, 1, 1, 0),
        P61,
    )
    seat, shares = np.zeros(3, np.int64) + 2, np.ones((3, of.polynomials), np.uint64)
    challenges = np.ones((3, of.challenges, 309), np.uint64)
    drawn = (draw_rows(of, CONTEXT, bytes([number])) for number in range(3))
    tracemalloc.start()
    try:
        random_sum(of, seat, shares, drawn, challenges, np.zeros((1, 0), np.uint64))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    bits = 2 * -(-309 * length // 8)
    assert bits < peak < 200 * length + 16 * smallness.FOLD_BLOCK
