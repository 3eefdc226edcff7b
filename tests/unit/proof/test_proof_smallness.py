"""Smallness: every way around the projections, in dealings that the committee judges."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from proof_world import CONTEXT, SECRET
from relation_world import Reference, shaped
from smallness_world import BITS, COUNT, QUIET, left, small, versions

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
from protocols.proof.projections import Projections, draw


def verdicts(of: DealingShape, made: Dealing) -> list[Verdict]:
    return [
        check(of, seat, CONTEXT, made.root, made.proof, package)
        for seat, package in enumerate(made.packages)
    ]


def assert_caught(of: DealingShape, made: Dealing) -> None:
    found = verdicts(of, made)
    assert set(found) <= {Verdict.VALID, Verdict.INVALID}
    assert found.count(Verdict.VALID) <= 2 * of.sharing.degree


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
