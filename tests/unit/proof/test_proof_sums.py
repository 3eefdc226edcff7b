"""Links, sums over slots and smallness: what holds is accepted, what is just outside is caught."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from proof_world import CONTEXT, SECRET, SMALL, WIDE
from relation_world import BALL, BALL_VALUES, CASES, LINKED, MIXED, SMALL_BALL, Reference, shaped

from protocols.field import P16, P31, P61, PrimeField
from protocols.plan import CommitteePlan
from protocols.proof import (
    BIT,
    FREE,
    Dealing,
    DealingShape,
    Linear,
    Link,
    Relation,
    Segment,
    Smallness,
    Square,
    SummedConstraint,
    Verdict,
    check,
    deal,
    seal,
    split,
)
from protocols.version import EARLIEST, LATEST

VECTORS = Path(__file__).parents[2] / "vectors" / "relation_dealings.json"
PLANS = [SMALL, WIDE]
FIELDS = [P16, P31, P61]


def verdicts(of: DealingShape, dealing: Dealing) -> list[Verdict]:
    """All seats'; the reference says the same."""
    reference, found = Reference(of), []
    for seat, package in enumerate(dealing.packages):
        item = (CONTEXT, dealing.root, dealing.proof, package)
        found.append(check(of, seat, *item))
        assert found[-1].value == reference.verdict(seat, *item)
    return found


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("field", FIELDS, ids=lambda f: str(f.p))
@pytest.mark.parametrize("plan", PLANS, ids=lambda p: str(p.committee))
@pytest.mark.parametrize("name", CASES)
def test_every_seat_accepts_what_holds(
    name: str, plan: CommitteePlan, field: PrimeField, version: int
) -> None:
    relation, values = CASES[name]
    of = shaped(relation, plan, field, version)
    dealing = deal(of, values, SECRET, CONTEXT)
    assert set(verdicts(of, dealing)) == {Verdict.VALID}
    assert len(dealing.proof) == of.proof_bytes
    sizes = [of.package_bytes(seat) for seat in range(plan.committee)]
    assert [len(package) for package in dealing.packages] == sizes


def test_bytes_are_pinned() -> None:
    """Another release must deal these bytes, or it has another protocol version. Those of version
    2 are what release 0.2.0 deals.
    """
    vectors = json.loads(VECTORS.read_text())
    assert {vector["version"] for vector in vectors} == set(range(EARLIEST, LATEST + 1))
    for vector in vectors:
        relation, values = CASES[vector["relation"]]
        plan, field = CommitteePlan(*vector["plan"]), PrimeField(vector["p"])
        of = shaped(relation, plan, field, vector["version"])
        dealing = deal(of, values, bytes(range(32)), bytes(range(32, 64)))
        assert of.identifier.hex() == vector["shape"]
        assert dealing.root.hex() == vector["root"]
        assert sha256(dealing.proof).hexdigest() == vector["proof_sha256"]
        assert sha256(b"".join(dealing.packages)).hexdigest() == vector["packages_sha256"]


def changed(values: np.ndarray, place: int, by: int) -> np.ndarray:
    values = values.copy()
    values[place] += by
    return values


OUTSIDE = [
    ("ball", 8, 1),  # 3 becomes 4: the norm is 7 too large
    ("ball", 14, 1),  # the last value
    ("ball", 0, -1),  # the slack is one too small; still a bit
    ("ball", 1, 1),  # and this one is one too large
    ("small ball", 8, 1),
    ("linked", 0, 1),
    ("linked", 5, -1),
    ("mixed", 0, 1),
    ("mixed", 5, 1),
    ("mixed", 6, -1),
    ("parts", 0, 1),  # 3 more in the first part
    ("parts", 10, 1),  # 1 more in the second, and its bits say nothing of it
    ("parts", 11, -1),  # a part's bits say less
    ("parts", 27, 1),
]


@pytest.mark.parametrize("field", FIELDS, ids=lambda f: str(f.p))
@pytest.mark.parametrize(("name", "place", "by"), OUTSIDE)
def test_just_outside_v_is_caught(name: str, place: int, by: int, field: PrimeField) -> None:
    relation, values = CASES[name]
    of = shaped(relation, SMALL, field)
    outside = changed(values, place, by)
    with pytest.raises(ValueError, match=r"does not hold|breaks"):
        deal(of, outside, SECRET, CONTEXT)
    found = verdicts(of, seal(of, CONTEXT, split(of, outside, SECRET, CONTEXT)))
    assert found.count(Verdict.VALID) <= 2 * of.sharing.degree


@pytest.mark.parametrize("name", ["ball", "linked", "mixed"])
def test_padding_of_each_segment_is_zero(name: str) -> None:
    """A value in the padding escapes what is opened, and could balance a sum."""
    relation, values = CASES[name]
    of = shaped(relation)
    for block in of.layout.blocks.values():
        if not block.padding:
            continue
        parts = split(of, values, SECRET, CONTEXT)
        secrets = np.zeros((1, of.plan.packing), np.uint64)
        secrets[0, -1] = 1
        more = of.sharing.share(secrets, np.zeros((of.plan.threshold, 1), np.uint64))[:, 0]
        column = parts.vectors[of.plan.threshold :, block.columns.stop - 1]
        column[:] = of.field.add(column, more)
        found = verdicts(of, seal(of, CONTEXT, parts))
        assert found.count(Verdict.VALID) <= 2 * of.sharing.degree


def test_hidden_segments_are_not_opened() -> None:
    of = shaped(BALL)
    assert of.opened_polynomials == 2
    assert of.polynomials == 4
    vectors = split(of, BALL_VALUES, SECRET, CONTEXT).vectors
    shares = vectors[: of.sharing.degree + 1, : of.opened_polynomials].T
    slots = of.field.matmul(of.sharing.coefficients(shares), of.sharing.slot_powers)
    opened = of.field.centred(of.layout.opened_values(slots))
    assert opened.tolist() == BALL_VALUES[BALL.segment("w")].tolist()


# -- the header, bit by bit --------------------------------------------------------------------


def test_each_coefficient_of_y_matters() -> None:
    of = shaped(BALL)
    dealing = deal(of, BALL_VALUES, SECRET, CONTEXT)
    start = of.proof_bytes - of.challenges * 2 * of.sharing.degree * 8
    for position in range(start, of.proof_bytes, 8):
        value = (int.from_bytes(dealing.proof[position : position + 8], "little") + 1) % P61.p
        proof = (
            dealing.proof[:position] + value.to_bytes(8, "little") + dealing.proof[position + 8 :]
        )
        found = verdicts(of, replace(dealing, proof=proof))
        assert found.count(Verdict.VALID) <= 2 * of.sharing.degree


def test_a_mask_whose_slots_do_not_sum_to_zero() -> None:
    """The attack on a fixed coefficient: the mask's slot sum is minus the violation.

    It would pass always if the constraint's coefficient were 1; the coefficient is drawn after y
    is committed to.
    """
    of = shaped(BALL)
    outside = changed(BALL_VALUES, 8, 1)  # 7 too many
    parts = split(of, outside, SECRET, CONTEXT)
    first = of.polynomials + 2 * of.challenges
    for repetition in range(of.challenges):
        slots = np.zeros((of.plan.packing, 1), np.uint64)
        slots[0] = P61.p - 7
        zero = np.zeros((of.sharing.quotient_terms, 1), np.uint64)
        more = of.sharing.sum_masks(slots, zero)[:, 0]
        assert not more[: of.plan.threshold].any()
        column = parts.vectors[:, first + repetition]
        column[:] = of.field.add(column, more)
    found = verdicts(of, seal(of, CONTEXT, parts))
    assert found.count(Verdict.VALID) <= 2 * of.sharing.degree


def test_a_mask_y_of_too_high_degree() -> None:
    of = shaped(BALL, WIDE)
    parts = split(of, BALL_VALUES, SECRET, CONTEXT)
    first = of.polynomials + 2 * of.challenges
    roots = of.sharing.seats[: of.plan.threshold]
    high = np.ones(of.plan.committee, np.uint64)
    for power in range(2 * of.sharing.degree + 1):
        root = roots[power] if power < len(roots) else np.uint64(0)
        high = of.field.mul(high, of.field.sub(of.sharing.seats, np.array([root])))
    assert not high[: of.plan.threshold].any()
    parts.vectors[:, first] = of.field.add(parts.vectors[:, first], high)
    found = verdicts(of, seal(of, CONTEXT, parts))
    assert found.count(Verdict.VALID) <= 2 * of.sharing.degree + 1
    assert found.count(Verdict.INVALID) >= of.plan.threshold


# -- the identifier binds the relation ---------------------------------------------------------


def test_every_part_of_a_relation_is_bound() -> None:
    w, x, bits = MIXED.segments
    first, second, third = MIXED.summed
    others = [
        replace(MIXED, segments=(w, x, replace(bits, opened=True))),
        replace(MIXED, segments=(w, x, replace(bits, constraint=FREE))),
        replace(MIXED, summed=(first, replace(second, constant=21), third)),
        replace(MIXED, summed=(first, replace(second, squares=second.squares[:1]), third)),
        replace(
            MIXED,
            summed=(first, replace(second, squares=(Square("x", 1), Square("w", 1))), third),
        ),
        replace(MIXED, summed=(first, second, SummedConstraint((), (Linear("w", 3),), 4))),
        replace(MIXED, summed=(second, first, third)),
        replace(MIXED, summed=(first, second)),
        replace(
            MIXED,
            summed=(
                first,
                replace(second, linear=(Linear("w", np.array([3, -1, 0, 2, 6])),)),
                third,
            ),
        ),
        replace(MIXED, links=()),
        replace(MIXED, links=(Link("w", (("w", 2),)),)),
        replace(MIXED, smallness=(Smallness(("w",), 13), MIXED.smallness[1])),
        replace(MIXED, smallness=MIXED.smallness[:1]),
        replace(MIXED, smallness=(Smallness(("w", "x"), 12),)),
        Relation((Segment("v", MIXED.length, BIT),)),
    ]
    identifiers = {shaped(relation).identifier for relation in (MIXED, *others)}
    assert len(identifiers) == 1 + len(others)
    assert shaped(MIXED, version=2).identifier not in identifiers


@pytest.mark.parametrize("field", FIELDS, ids=lambda f: str(f.p))
@pytest.mark.parametrize("constant", [0, 1, 5, -1])
@pytest.mark.parametrize("length", [1, 2, 3, 4, 8])
def test_one_coefficient_for_all_is_not_a_vector_that_begins_with_it(
    length: int, constant: int, field: PrimeField
) -> None:
    """8 / w elements take as many bytes as one coefficient: c v_0 + c v_1 was bound as c v_0."""
    segment = Segment("w", length, FREE)
    first = np.zeros(length, np.int64)
    first[0] = constant
    last = np.roll(first, 1)
    given = [constant, first, last, np.full(length, constant, np.int64)]
    sums = [(SummedConstraint((), (Linear("w", each),), 7),) for each in given]
    identifiers = [shaped(Relation((segment,), each), SMALL, field).identifier for each in sums]
    distinct = {each.tobytes() for each in given[1:] if isinstance(each, np.ndarray)}
    assert len(set(identifiers)) == 1 + len(distinct)


def test_a_committee_that_cannot_determine_a_sum() -> None:
    with pytest.raises(ValueError, match="don't determine a sum"):
        shaped(BALL, CommitteePlan(8, 1, 4, 0))
    shaped(LINKED, CommitteePlan(8, 1, 4, 0))


def test_a_field_in_which_a_relation_wraps_around() -> None:
    with pytest.raises(ValueError, match="wrap around"):
        shaped(replace(BALL, modulus_above=P16.p), SMALL, P16)
    with pytest.raises(ValueError, match="wrap around"):
        shaped(replace(SMALL_BALL, smallness=(Smallness(("w",), 15),)), SMALL, P16)
