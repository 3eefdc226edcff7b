"""Smallness: the chance that a projection passes, and every way around the projections."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from proof_world import CONTEXT, SECRET
from relation_world import Reference, counts, shaped

from protocols.field import P61, PrimeField
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
from protocols.proof.constraints import HONEST_SPREAD
from protocols.proof.projections import Projections, draw
from protocols.proof.smallness import project

COUNT = 384  # more values than projections: some W has all of them zero
BITS = Smallness.bits_for(100)
SMALL = Relation((Segment("w", COUNT, FREE),), smallness=(Smallness(("w",), BITS),))
QUIET = np.arange(COUNT) % 3 - 1
"""Of norm 16: small."""
versions = pytest.mark.parametrize("version", [2, 3])
DOCUMENT = (Path(__file__).parents[3] / "docs" / "protocol.md").read_text()


def small(version: int) -> DealingShape:
    return shaped(SMALL, version=version)


def left(of: DealingShape, drawn: Projections) -> np.ndarray:
    """a of each projection, (all, polynomials), as integers: what folding unit vectors gives."""
    unit = np.eye(of.layout.projected[0].values.polynomials, dtype=np.uint64)
    folded = of.field.centred(drawn.fold(of.field, unit))
    return np.repeat(folded, of.projections.vectors, axis=0)


def verdicts(of: DealingShape, made: Dealing) -> list[Verdict]:
    return [
        check(of, seat, CONTEXT, made.root, made.proof, package)
        for seat, package in enumerate(made.packages)
    ]


def assert_caught(of: DealingShape, made: Dealing) -> None:
    found = verdicts(of, made)
    assert set(found) <= {Verdict.VALID, Verdict.INVALID}
    assert found.count(Verdict.VALID) <= 2 * of.sharing.degree


# -- one projection ----------------------------------------------------------------------------

SIGNS = {0: 2, 1: 1, -1: 1}
"""An entry of version 2's factors, and of b since: of weight 4."""


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


def all_matrices(p: int, left: int, right: int) -> np.ndarray:
    entries = left * right
    w = np.array(np.meshgrid(*[np.arange(p)] * entries, indexing="ij")).reshape(entries, -1).T
    return w.reshape(-1, left, right)


def size(p: int, w: np.ndarray) -> np.ndarray:
    """Of the largest coordinate of each W, as a centred residue."""
    largest: np.ndarray = np.minimum(w, p - w).max(axis=(1, 2))
    return largest


@pytest.mark.parametrize(("left", "right"), [(1, 1), (1, 2), (2, 1), (2, 2), (1, 3), (3, 1)])
def test_a_coordinate_that_is_too_large_passes_with_three_quarters_at_most(
    left: int, right: int
) -> None:
    """Version 2. All W over p = 17 with B = 2: what a projection lets pass, of 4^(l + k) rows."""
    p, bound = 17, 2
    w = all_matrices(p, left, right)
    total = passing(p, bound, w, SIGNS)
    everything = 4 ** (left + right)
    assert total[size(p, w) >= 4 * bound].max() * 4 <= 3 * everything
    assert total[size(p, w) == 0].min() == everything


def rows_that_pass(
    p: int, bound: int, w: np.ndarray, first: tuple[int, ...], vectors: int
) -> np.ndarray:
    """Of 2^l bits of one a_i and, for each of ``vectors`` b, weight 4^k: how much passes with all
    of them, given a_0 = ``first``. Without b where ``vectors`` is 0.
    """
    number, left, right = w.shape
    total = np.zeros(number, np.int64)
    for bits in product((0, 1), repeat=left):
        u = np.einsum("l,nlk->nk", np.array(bits) - np.array(first), w)
        if not vectors:
            total += ((u[:, 0] + bound) % p) < 2 * bound
            continue
        one = np.zeros(number, np.int64)
        for b in product(SIGNS, repeat=right):
            weight = math.prod(SIGNS[entry] for entry in b)
            one += weight * ((u @ np.array(b) + bound) % p < 2 * bound)
        total += one**vectors
    return total


@pytest.mark.parametrize("vectors", [1, 2, 3])
@pytest.mark.parametrize(("left", "right"), [(1, 1), (1, 2), (2, 1), (2, 2), (1, 3), (3, 1)])
def test_given_a_0_a_row_passes_with_a_half_and_little_more(
    left: int, right: int, vectors: int
) -> None:
    """Version 3. All W over p = 17 with B = 2, and all a_0: a_0 is common to all rows, so that they
    are independent only given it, and none of its values may be a weak one.
    """
    p, bound = 17, 2
    w = all_matrices(p, left, right)
    large = size(p, w) >= 4 * bound
    everything = 2**left * 4 ** (right * vectors)
    for first in product((0, 1), repeat=left):
        total = rows_that_pass(p, bound, w, first, vectors)
        assert total[large].max() * 2 ** (vectors + 1) <= (2**vectors + 1) * everything
        assert total[size(p, w) == 0].min() == everything


@pytest.mark.parametrize("left", [1, 2, 3])
def test_with_one_slot_given_a_0_a_row_passes_with_a_half(left: int) -> None:
    p, bound = 17, 2
    w = all_matrices(p, left, 1)
    for first in product((0, 1), repeat=left):
        total = rows_that_pass(p, bound, w, first, 0)
        assert total[size(p, w) >= 4 * bound].max() * 2 <= 2**left


def test_bits_of_which_none_is_subtracted_pass_as_often_but_lean() -> None:
    """The control: without a_0 the same half passes, and an honest y has a mean. W of equal
    entries of norm 1 has a^T W = sqrt(l) / 2 in the mean, which no bound of 19 norms holds.
    """
    length = 10_000
    w = np.full(length, 1 / math.sqrt(length))
    bits = np.random.default_rng(1).integers(0, 2, (100, length))
    assert (bits @ w).min() > HONEST_SPREAD
    assert np.abs((bits[1:] - bits[0]) @ w).max() < HONEST_SPREAD


def test_signs_without_zero_let_a_half_pass() -> None:
    """The control: twice (p + 1) / 2 is 1, so that entries +-1 alone see nothing."""
    w = np.array([[[9, 9]]])
    assert passing(17, 2, w, {1: 1, -1: 1})[0] == 2**3


@versions
def test_entries_are_as_often_0_as_not(version: int) -> None:
    of = small(version)
    (drawn,) = draw(of, CONTEXT, b"root")
    a = left(of, drawn)
    assert a.shape == (of.projections.all, COUNT // 4)
    assert drawn.right.shape == (of.projections.all, 4)
    for entry, share in ((0, 1 / 2), (1, 1 / 4), (-1, 1 / 4)):
        assert abs(float((a == entry).mean()) - share) < 0.05
        assert abs(float((drawn.right == entry).mean()) - share) < 0.07


def test_the_rows_have_one_in_common_and_nothing_else() -> None:
    """a_i - a_j has lost it: its entries are as often 0 as not as well, and no row or b is twice
    there.
    """
    of = small(3)
    (drawn,) = draw(of, CONTEXT, b"root")
    a = left(of, drawn)[:: of.projections.vectors]
    assert len({row.tobytes() for row in a}) == of.projections.rows
    assert (((a == 1).any(axis=0)) != ((a == -1).any(axis=0))).all(), "where a_0 is 0, all are >= 0"
    assert abs(float((a[1:] == a[:-1]).mean()) - 1 / 2) < 0.02


@pytest.mark.parametrize("packing", [1, 2, 4, 127])
@versions
def test_enough_projections_and_no_more(version: int, packing: int) -> None:
    """The chance that all pass, with one row fewer or with all: 2^-128 lies between them."""
    plan = CommitteePlan(2 * packing + 8, 1, packing, 0)
    of = DealingShape(plan, P61, SMALL, version)
    rows, vectors = of.projections.rows, of.projections.vectors
    assert (rows, vectors) == counts(version, packing)
    if version == 2:
        passed, of_all = 3, 4
    elif packing == 1:
        passed, of_all = 1, 2
    else:
        passed, of_all = 2**vectors + 1, 2 ** (vectors + 1)
    assert passed**rows << 128 <= of_all**rows
    assert passed ** (rows - 1) << 128 > of_all ** (rows - 1)


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
    one, most, every = re.findall(
        r"≥ 19N\] < 2\^-([\d.]+)[\s\S]*?all (\d+) does with < 2\^-([\d.]+)", DOCUMENT
    )[0]
    assert int(most) == max(math.prod(counts(version, k)) for version in (2, 3) for k in (1, 4))
    assert tail(HONEST_SPREAD) < 2 ** -float(one) < 2**0.1 * tail(HONEST_SPREAD)
    assert int(most) * 2 ** -float(one) < 2 ** -float(every)
    assert int(most) * tail(HONEST_SPREAD - 1) > 2 ** -float(every)
    assert f"| < 2^-{every} a dealing; nobody is blamed |" in DOCUMENT


@versions
@pytest.mark.parametrize("shape", ["one coordinate", "rank one", "flat", "random"])
def test_a_small_w_passes(shape: str, version: int) -> None:
    """At the largest norm that ``bits_for`` allows; rank one has the heaviest tail."""
    of = small(version)
    w = np.zeros(COUNT, np.int64)
    if shape == "one coordinate":
        w[7] = 100
    elif shape == "rank one":
        w[40:48] = [35, -35] * 4
    elif shape == "flat":
        w[:] = 5
    else:
        w[:] = np.random.default_rng(1).integers(-8, 9, COUNT)
    assert int(w @ w) <= 100**2
    for number in range(20):
        (drawn,) = draw(of, CONTEXT, bytes([number]))
        y = of.field.centred(project(of, of.layout.projected[0], drawn, of.slot_values(w)))
        assert np.abs(y).max() < of.relation.smallness[0].bound


# -- dealings ----------------------------------------------------------------------------------


@versions
def test_the_bits_are_those_of_the_projections(version: int) -> None:
    of = small(version)
    parts = split(of, QUIET, SECRET, CONTEXT)
    first = dealing.commit(of, parts)[0].root
    (drawn,) = draw(of, CONTEXT, first)
    shares = parts.vectors[: of.sharing.degree + 1].T[: of.polynomials]
    slots = of.field.matmul(of.sharing.coefficients(shares), of.sharing.slot_powers)
    each = of.layout.projected[0]
    groups, number = of.layout.groups, of.projections.all
    planes = slots[each.bits.columns].reshape(each.planes, groups * 4)[:, :number]
    y = sum(planes[b].astype(np.int64) << b for b in range(each.planes)) - each.small.bound
    w = QUIET.reshape(-1, 4)
    expected = np.einsum("il,lk,ik->i", left(of, drawn), w, drawn.right.astype(int))
    assert y.tolist() == expected.tolist()


HUGE = [1 << BITS, -(1 << BITS), 1 << 40, (P61.p + 1) // 2]


@versions
@pytest.mark.parametrize("value", HUGE)
def test_an_honest_dealer_does_not_deal_what_is_too_large(value: int, version: int) -> None:
    w = QUIET.copy()
    w[5] = value
    with pytest.raises(ProjectionOverflow, match="nothing was dealt"):
        split(small(version), w, SECRET, CONTEXT)


@pytest.fixture
def lying(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dealers put as much of a projection into its bits as there is room for."""
    honest = smallness._bit_slots

    def truncated(of: DealingShape, each: object, y: np.ndarray) -> np.ndarray:
        bound = np.uint64(each.small.bound)  # type: ignore[attr-defined]
        shifted = of.field.add(y, np.full(len(y), bound, np.uint64)) % (np.uint64(2) * bound)
        return of.field.sub(shifted, np.full(len(y), bound, np.uint64))

    monkeypatch.setattr(
        smallness, "_bit_slots", lambda of, each, y: honest(of, each, truncated(of, each, y))
    )


@versions
@pytest.mark.parametrize("value", HUGE)
@pytest.mark.parametrize("place", [0, 5, COUNT - 1])
@pytest.mark.usefixtures("lying")
def test_one_huge_coordinate_is_caught(value: int, place: int, version: int) -> None:
    of, w = small(version), QUIET.copy()
    w[place] = value
    assert_caught(of, seal(of, CONTEXT, split(of, w, SECRET, CONTEXT)))


@versions
@pytest.mark.usefixtures("lying")
def test_halves_that_wrap_around_are_caught(version: int) -> None:
    """(p + 1) / 2 everywhere: every sum of an even number of them is small."""
    of, w = small(version), np.full(COUNT, (P61.p + 1) // 2, np.int64)
    assert_caught(of, seal(of, CONTEXT, split(of, w, SECRET, CONTEXT)))


UNPACKED = CommitteePlan(4, 1, 1, 0)
LENGTHS = (3000, 1500, 7)
"""Two chunks of bits for 4507 polynomials, and a third; edges of segments lie within chunks."""


def spanning(version: int) -> DealingShape:
    segments = tuple(Segment(f"w{i}", length, FREE) for i, length in enumerate(LENGTHS))
    together = Smallness(tuple(segment.name for segment in segments), BITS)
    return shaped(Relation(segments, smallness=(together,)), UNPACKED, version=version)


@versions
@pytest.mark.parametrize(
    "place", [None, 0, 2047, 2048, 2999, 3000, 4095, 4096, 4499, 4500, sum(LENGTHS) - 1]
)
@pytest.mark.usefixtures("lying")
def test_one_huge_coordinate_of_several_segments_is_caught(place: int, version: int) -> None:
    """At each edge of a segment, of a chunk, and at the end; nowhere, all accept."""
    of = spanning(version)
    w = np.zeros(sum(LENGTHS), np.int64)
    if place is not None:
        w[place] = 1 << BITS
    made = seal(of, CONTEXT, split(of, w, SECRET, CONTEXT))
    if place is None:
        assert set(verdicts(of, made)) == {Verdict.VALID}
    else:
        assert_caught(of, made)


@versions
def test_the_reference_agrees_about_several_segments(version: int) -> None:
    of = spanning(version)
    made = deal(of, np.arange(sum(LENGTHS)) % 3 - 1, SECRET, CONTEXT)
    for seat in (0, 3):
        item = (CONTEXT, made.root, made.proof, made.packages[seat])
        assert check(of, seat, *item).value == Reference(of).verdict(seat, *item) == "valid"


def test_chunks_have_bits_of_their_own() -> None:
    """One stream for all chunks would project w and -w, 2048 polynomials apart, to nothing."""
    of = spanning(3)
    (drawn,) = draw(of, CONTEXT, bytes(32))
    a = left(of, drawn)
    assert abs(float((a[:, :2048] == a[:, 2048:4096]).mean()) - 3 / 8) < 0.01


@versions
def test_each_smallness_has_projections_of_its_own(version: int) -> None:
    segments = (Segment("w", 8, FREE), Segment("x", 8, FREE))
    both = (Smallness(("w",), 12), Smallness(("x",), 12))
    of = shaped(Relation(segments, smallness=both), version=version)
    one, other = draw(of, CONTEXT, bytes(32))
    unit = np.eye(2, dtype=np.uint64)
    assert (one.fold(of.field, unit) != other.fold(of.field, unit)).any()
    assert (one.right != other.right).any()


def kernel(drawn: Projections, of: DealingShape) -> np.ndarray:
    """A huge W with a_i^T W b_i = 0 for all i: Gaussian elimination of all forms."""
    field: PrimeField = of.field
    forms = np.einsum("il,ik->ilk", left(of, drawn), drawn.right.astype(int))
    matrix = field.array(forms.reshape(of.projections.all, COUNT))
    pivots: list[int] = []
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


@versions
def test_projections_known_before_the_commitment(
    monkeypatch: pytest.MonkeyPatch, version: int
) -> None:
    """Grinding in the wrong order: W in the kernel of rows that its own root does not give.

    The control: where those rows count, W passes. So it is the order alone that protects.
    """
    of = small(version)
    known = draw(of, CONTEXT, b"a root chosen first")
    w = kernel(known[0], of)
    with monkeypatch.context() as patch:
        patch.setattr(dealing, "draw_projections", lambda of, context, root: known)
        made = seal(of, CONTEXT, split(of, w, SECRET, CONTEXT))
        patch.setattr("protocols.proof.checking.draw_projections", lambda of, context, root: known)
        assert set(verdicts(of, made)) == {Verdict.VALID}
    assert_caught(of, made)


@versions
def test_projections_of_another_dealing(monkeypatch: pytest.MonkeyPatch, version: int) -> None:
    """Those of the same W in another context, and those of another W in this one."""
    of = small(version)
    for context, root in ((digest("elsewhere"), None), (CONTEXT, digest("elsewhere"))):
        with monkeypatch.context() as patch:
            patch.setattr(
                dealing,
                "draw_projections",
                lambda of, given, first, context=context, root=root: draw(
                    of, context, root or first
                ),
            )
            made = seal(of, CONTEXT, split(of, QUIET, SECRET, CONTEXT))
        assert_caught(of, made)


def test_another_second_root_keeps_the_projections() -> None:
    """The bits and masks may be dealt again; that gives a dealer no new projections."""
    of = small(3)
    parts = split(of, QUIET, SECRET, CONTEXT)
    first, second = dealing.commit(of, parts)
    parts.vectors[of.plan.threshold :, -1] ^= np.uint64(1)
    again, other = dealing.commit(of, parts)
    assert (first.root == again.root, second.root == other.root) == (True, False)


@pytest.mark.parametrize("seat", [0, 1, 9])
def test_a_path_or_part_exchanged_between_the_roots_opens_nothing(seat: int) -> None:
    of = small(3)
    made = deal(of, QUIET, SECRET, CONTEXT)
    package = made.packages[seat]
    paths = of.path_bytes
    half = paths // 2
    crossed = package[:-paths] + package[-half:] + package[-paths:-half]
    item = (CONTEXT, made.root, made.proof)
    assert check(of, seat, *item, crossed) is Verdict.UNBOUND
    assert check(of, seat, *item, package) is Verdict.VALID
    for position in range(0, len(package), len(package) // 50 + 1):
        wrong = bytearray(package)
        wrong[position] ^= 1
        assert check(of, seat, *item, bytes(wrong)) is Verdict.UNBOUND


def items(of: DealingShape, made: Dealing) -> Iterator[tuple[int, tuple[bytes, ...]]]:
    for seat in (0, 1, 9):
        yield seat, (CONTEXT, made.root, made.proof, made.packages[seat])


@versions
def test_the_reference_agrees(version: int) -> None:
    """And a dealing of one version is none of the other."""
    of, other = small(version), small(5 - version)
    made = deal(of, QUIET, SECRET, CONTEXT)
    for seat, item in items(of, made):
        assert Reference(of).verdict(seat, *item) == "valid"
        assert check(other, seat, *item) is not Verdict.VALID


def test_the_same_inputs_give_the_same_bytes() -> None:
    assert deal(small(3), QUIET, SECRET, CONTEXT) == deal(small(3), QUIET, SECRET, CONTEXT)


@versions
@pytest.mark.parametrize("packing", [1, 2, 4, 127])
def test_any_packing(packing: int, version: int) -> None:
    plan = CommitteePlan(2 * packing + 8, 1, packing, 0)
    relation = Relation((Segment("w", 9, FREE),), smallness=(Smallness(("w",), 10),))
    of = DealingShape(plan, P61, relation, version)
    made = deal(of, QUIET[:9], SECRET, CONTEXT)
    assert set(verdicts(of, made)) == {Verdict.VALID}
