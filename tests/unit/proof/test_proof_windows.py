"""Work in windows: another window gives the same bytes, and memory doesn't grow but with shares."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import TypeVar

import numpy as np
import pytest
from proof_world import CONTEXT, SECRET, SMALL, WIDE
from relation_world import CASES, shaped

from protocols.aggregation import aggregator
from protocols.field import FAMILY, P31, P61, PrimeField, prime
from protocols.hashing import Xof
from protocols.opening import Opened, open_sum, opening, sum_shares
from protocols.plan import CommitteePlan
from protocols.proof import (
    FREE,
    Dealing,
    DealingShape,
    Relation,
    Segment,
    Smallness,
    Verdict,
    challenge,
    check_many,
    deal,
    layout,
    projections,
    relation,
    seal,
    split,
)

T = TypeVar("T")
versions = pytest.mark.parametrize("version", [2, 3])
WINDOWS = (
    (challenge, "BLOCK"),
    (opening, "BLOCK"),
    (relation, "PIECE"),
    (layout, "PIECE"),
    (prime, "LONG_SAMPLE"),
    (projections, "FOLD_BLOCK"),
)
"""What no byte may depend on: projections.CHUNK is none of them."""
Resize = Callable[[int], None]


@pytest.fixture
def resize(monkeypatch: pytest.MonkeyPatch) -> Resize:
    def all_to(size: int) -> None:
        for module, name in WINDOWS:
            monkeypatch.setattr(module, name, size)

    return all_to


def judged(of: DealingShape, made: Dealing) -> list[list[Verdict]]:
    """Of each seat: the dealing as it is, twice, and once with a wrong proof."""
    wrong = bytes([made.proof[0] ^ 1]) + made.proof[1:]
    found = []
    for seat, package in enumerate(made.packages):
        items = [(CONTEXT, made.root, proof, package) for proof in (made.proof, made.proof, wrong)]
        found.append(check_many(of, seat, items)[0])
    return found


@versions
@pytest.mark.parametrize(
    ("size", "plan", "field"), [(7, SMALL, P61), (100, WIDE, P31)], ids=["7", "100"]
)
@pytest.mark.parametrize("name", CASES)
def test_any_window_deals_the_same_bytes(
    name: str, size: int, plan: CommitteePlan, field: PrimeField, version: int, resize: Resize
) -> None:
    of, values = shaped(CASES[name][0], plan, field, version), CASES[name][1]
    made = deal(of, values, SECRET, CONTEXT)
    verdicts = judged(of, made)
    assert {tuple(each) for each in verdicts} == {(Verdict.VALID,) * 2 + (Verdict.INVALID,)}
    resize(size)
    again = DealingShape(plan, field, of.relation, version)
    assert deal(again, values, SECRET, CONTEXT) == made
    assert judged(again, made) == verdicts


@pytest.mark.parametrize("place", [0, 13, 14])
def test_any_window_refuses_the_same(place: int, resize: Resize) -> None:
    of, values = shaped(CASES["small ball"][0]), CASES["small ball"][1].copy()
    values[place] += 1 << 20
    made = seal(of, CONTEXT, _outside(of, values))
    before = of.relation.violations(of.field.p, values), judged(of, made)
    assert before[0]
    resize(3)
    assert (of.relation.violations(of.field.p, values), judged(of, made)) == before


def _outside(of: DealingShape, values: np.ndarray) -> object:
    """With the projections of other values, so that none overflows."""
    parts = split(of, CASES["small ball"][1], SECRET, CONTEXT)
    slots = of.slot_values(values)
    block = parts.vectors[:, : len(slots)]
    block[of.plan.threshold :] = of.sharing.share(slots, block[: of.plan.threshold])
    return parts


@versions
def test_any_window_finds_the_first_that_is_too_large(version: int, resize: Resize) -> None:
    of = Relation((Segment("v", 40, FREE),), smallness=(Smallness(("v",), 5),))
    values = np.zeros(40, np.int64)
    values[[23, 31]] = 1 << 20
    for size in (1, 8, 40, 100):
        resize(size)
        assert of.violations(P61.p, values) == ["value 23 of segment v is too large"]


@pytest.mark.parametrize("size", [1, 5, 100])
def test_any_window_opens_the_same(size: int, resize: Resize) -> None:
    of = shaped(CASES["parts"][0], WIDE)
    made = [split(of, CASES["parts"][1], SECRET, bytes([i]) * 32) for i in range(3)]

    def opened() -> Opened:
        words = {}
        for seat in range(WIDE.committee):
            shares = [each.vectors[seat, : of.opened_polynomials] for each in made]
            words[seat] = sum_shares(of, shares, [1, 2, 3])
        words[7][2] ^= np.uint64(1)
        return open_sum(of, words, b"e" * 16)

    whole = opened()
    resize(size)
    again = opened()
    assert whole.liars == again.liars == ((7, 2),)
    assert (whole.polynomials == again.polynomials).all()
    assert whole.values.tolist() == again.values.tolist()
    assert whole.values.tolist() == (6 * CASES["parts"][1][:11]).tolist()


@pytest.mark.parametrize("field", [PrimeField(131), *FAMILY], ids=lambda f: str(f.p))
@pytest.mark.parametrize("count", [0, 1, 100, 5000])
def test_a_long_sample_is_a_sample(
    count: int, field: PrimeField, monkeypatch: pytest.MonkeyPatch
) -> None:
    """p = 131 takes every second word: some streams are read a second time."""
    xofs = [lambda i=i: Xof("test", bytes([i])) for i in range(3)]
    whole = [field.sample(each(), count).tolist() for each in xofs]
    for size in (1, 16, 1000):
        monkeypatch.setattr(prime, "LONG_SAMPLE", size)
        assert field.sample_rows([each() for each in xofs], count).tolist() == whole


# -- version 2's rows, in blocks -----------------------------------------------------------------


@pytest.mark.parametrize("field", [P31, P61], ids=lambda f: str(f.p))
@pytest.mark.parametrize("columns", [1, 3, 40])
@pytest.mark.parametrize("width", [1, 5, 37, 800])
@pytest.mark.parametrize("block", [1, 1000, 8 * 37, 1 << 18])
def test_a_product_in_blocks_is_the_product(
    block: int, width: int, columns: int, field: PrimeField, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole bytes of bits: a block begins at a multiple of 8 rows, whatever the width."""
    monkeypatch.setattr(projections, "FOLD_BLOCK", block)
    given = np.random.default_rng([block, width, columns])
    planes = given.integers(0, 256, (2, -(-309 * width // 8)), np.uint8)
    rows = projections._Separate(planes, width, 309, np.zeros((309, 1), np.int8))
    values = given.integers(0, field.p, (width, columns), np.uint64)
    bits = np.unpackbits(planes, axis=1, count=309 * width, bitorder="little").astype(np.int8)
    signs = (bits[0] - bits[1]).reshape(309, width)
    assert (rows.fold(field, values) == field.signed_matmul(signs, values)).all()


# -- memory --------------------------------------------------------------------------------------


def peak(work: Callable[[], T]) -> tuple[T, int]:
    """The result, and bytes that were allocated at once on the way to it."""
    tracemalloc.start()
    try:
        return work(), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


LONG = 400_000
BESIDE = 3 << 20
"""Bytes beside the shares: windows, a chunk of projections, and a proof."""


@pytest.mark.parametrize("plan", [CommitteePlan(4, 1, 1, 0), SMALL], ids=lambda p: str(p.packing))
def test_what_a_long_vector_takes_in_memory(plan: CommitteePlan, resize: Resize) -> None:
    """Windows are small here, as 400,000 values are little. Dealing holds the vectors, and packages
    in their place, beside them what a seed gives and was read of it; whoever checks, the vector
    that a seed gives, or what the package holds beside the one that lies in it; and an opening the
    polynomials, their values, and what these pass through.
    """
    resize(1 << 12)
    of = DealingShape(plan, P61, aggregator("weighted-mean", {}).relation(LONG))
    assert len(of.relation.smallness[0].segments) > 1
    values = np.zeros(of.length, np.int64)
    ball = aggregator("weighted-mean", {}).ball  # type: ignore[attr-defined]
    values[:] = ball.lay_out(np.arange(LONG) % 3 - 1)
    vector = of.elements * 8
    made, most = peak(lambda: deal(of, values, SECRET, CONTEXT))
    assert most < (plan.committee + 2) * vector + of.length * 8 + BESIDE
    words = {}
    for seat, package in enumerate(made.packages):
        item = [(CONTEXT, made.root, made.proof, package)]
        (verdicts, shares), most = peak(lambda seat=seat, item=item: check_many(of, seat, item))  # type: ignore[misc]
        assert verdicts == [Verdict.VALID] and shares[0] is not None
        assert most < (2 if seat < plan.threshold else 1) * vector + BESIDE
        words[seat] = shares[0]
    summed, most = peak(lambda: sum_shares(of, [words[1]] * 9, range(9)))
    assert most < summed.nbytes + BESIDE
    opened, most = peak(lambda: open_sum(of, words, b"e" * 16))
    assert most < 3 * opened.polynomials.nbytes + 3 * opened.values.nbytes + BESIDE


@versions
def test_a_check_holds_a_bounded_part_of_the_projections(version: int) -> None:
    """A row for each projection takes 309 * 8 bytes a polynomial as floats, and more on the way,
    of each dealing of a batch. Version 2 holds all bits of one dealing, packed, and no more.
    """
    length = 20_000
    small = (Smallness(("w",), 40),)
    of = DealingShape(
        CommitteePlan(4, 1, 1, 0),
        P61,
        Relation((Segment("w", length, FREE),), (), (), small),
        version,
    )
    values = np.ones((length, 3), np.uint64)

    def fold() -> None:
        for number in range(3):
            (drawn,) = projections.draw(of, CONTEXT, bytes([number]))
            drawn.fold(P61, values)

    _, most = peak(fold)
    packed = 2 * -(-309 * length // 8)
    if version == 2:
        assert packed < most < 4 * packed + 16 * projections.FOLD_BLOCK
    else:
        assert most < 30 * 129 * projections.CHUNK
