"""Honest dealings: every seat accepts, the bytes are pinned, the sizes are those of the docs."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from proof_world import CONTEXT, SECRET, SMALL, WIDE, bits, reference, shape

from protocols.field import FAMILY, P16, P31, P61, PrimeField
from protocols.plan import CommitteePlan
from protocols.proof import (
    BIT,
    DealingShape,
    SlotConstraint,
    Verdict,
    challenge_count,
    check,
    check_many,
    check_proof,
    deal,
    one_segment,
    split,
)

VECTORS = Path(__file__).parents[2] / "vectors" / "dealings.json"
SHAPES = [
    shape(plan, length, field)
    for field in FAMILY
    for plan, length in ((SMALL, 23), (SMALL, 24), (SMALL, 1), (WIDE, 61))
] + [shape(CommitteePlan(4, 1, 1, 0), 3)]


@pytest.mark.parametrize("of", SHAPES, ids=lambda s: f"{s.field.p}-{s.plan.committee}-{s.length}")
class TestHonest:
    def test_every_seat_accepts_as_the_reference_does(self, of: DealingShape) -> None:
        dealing = deal(of, bits(of.length), SECRET, CONTEXT)
        assert check_proof(of, dealing.proof)
        for seat, package in enumerate(dealing.packages):
            item = (CONTEXT, dealing.root, dealing.proof, package)
            assert check(of, seat, *item) is Verdict.VALID
            assert reference(of, seat, *item) == "valid"

    def test_sizes(self, of: DealingShape) -> None:
        dealing = deal(of, bits(of.length), SECRET, CONTEXT)
        m, t, k, c = of.plan.committee, of.plan.threshold, of.plan.packing, of.challenges
        size, levels = of.field.element_bytes, (of.plan.committee - 1).bit_length()
        polynomials = -(-of.length // k)
        vector = (polynomials + 2 * c) * size
        sizes = [(32 if seat < t else vector) + 32 + 32 * levels for seat in range(m)]
        assert [len(package) for package in dealing.packages] == sizes
        assert [of.package_bytes(seat) for seat in range(m)] == sizes
        assert len(dealing.proof) == of.proof_bytes == c * (3 * t + 2 * k - 1) * size
        assert of.header_bytes == 32 + of.proof_bytes

    def test_the_shares_hold_the_values(self, of: DealingShape) -> None:
        values = bits(of.length)
        vectors = split(of, values, SECRET, CONTEXT).vectors
        shares = vectors[: of.sharing.degree + 1, : of.polynomials].T
        slots = of.field.matmul(of.sharing.coefficients(shares), of.sharing.slot_powers)
        assert slots.ravel()[: of.length].tolist() == values.tolist()
        assert not slots.ravel()[of.length :].any()


def test_a_batch_gives_single_verdicts_and_the_shares() -> None:
    of = shape(WIDE, 61)
    dealings = [deal(of, bits(61, n), bytes([n]) * 32, CONTEXT) for n in range(140)]
    for seat in (0, of.plan.threshold, of.plan.committee - 1):
        items = [(CONTEXT, d.root, d.proof, d.packages[seat]) for d in dealings]
        items[3] = (CONTEXT, dealings[3].root, dealings[4].proof, dealings[3].packages[seat])
        items[65] = (CONTEXT, dealings[3].root, dealings[3].proof, dealings[4].packages[seat])
        items[133] = (CONTEXT, dealings[133].root, b"", dealings[133].packages[seat])
        verdicts, shares = check_many(of, seat, items)
        assert verdicts == [check(of, seat, *item) for item in items]
        assert [v.value for v in verdicts] == [reference(of, seat, *item) for item in items]
        wrong = {3: Verdict.INVALID, 65: Verdict.UNBOUND, 133: Verdict.INVALID}
        for index, verdict in enumerate(verdicts):
            vectors = split(of, bits(61, index), bytes([index]) * 32, CONTEXT).vectors
            expected = vectors[seat, : of.polynomials]
            assert verdict is wrong.get(index, Verdict.VALID)
            found = shares[index]
            assert (found is None) if index in wrong else np.array_equal(found, expected)


def test_nothing_to_check() -> None:
    assert check_many(shape(), 0, []) == ([], [])


@pytest.mark.parametrize("seat", [-1, 10])
def test_a_seat_that_the_plan_lacks(seat: int) -> None:
    with pytest.raises(ValueError, match="of 10"):
        check(shape(), seat, CONTEXT, b"", b"", b"")


def test_the_same_inputs_give_the_same_bytes_and_others_never() -> None:
    """A restart deals what it dealt; other values or another context meet fresh masks (§3)."""
    of = shape()
    first = deal(of, bits(23), SECRET, CONTEXT)
    assert first == deal(of, bits(23), SECRET, CONTEXT)
    others = [
        deal(of, bits(23, 1), SECRET, CONTEXT),
        deal(of, bits(23), b"t" * 32, CONTEXT),
        deal(of, bits(23), SECRET, b"d" * 32),
        deal(shape(CommitteePlan(10, 1, 4, 1)), bits(23), SECRET, CONTEXT),
    ]
    for other in others:
        assert other.packages[0][:32] != first.packages[0][:32]  # another seed
        assert not set(first.packages) & set(other.packages)


def test_bytes_are_pinned() -> None:
    """Another release must deal these bytes, or it has another protocol version."""
    for vector in json.loads(VECTORS.read_text()):
        plan = CommitteePlan(*vector["plan"])
        of = DealingShape(plan, PrimeField(vector["p"]), one_segment(vector["length"], BIT))
        values = np.arange(of.length, dtype=np.uint32) % 3 % 2
        dealing = deal(of, values, bytes(range(32)), bytes(range(32, 64)))
        assert of.identifier.hex() == vector["shape"]
        assert dealing.root.hex() == vector["root"]
        assert sha256(dealing.proof).hexdigest() == vector["proof_sha256"]
        assert [sha256(p).hexdigest() for p in dealing.packages] == vector["packages_sha256"]


def test_secrets_do_not_print() -> None:
    of = shape()
    parts, dealing = split(of, bits(23), SECRET, CONTEXT), deal(of, bits(23), SECRET, CONTEXT)
    assert repr(parts) == "Split()"
    assert repr(dealing) == f"Dealing(root={dealing.root!r})"


def test_an_update_outside_v_is_not_dealt() -> None:
    values = bits(23)
    values[17] = 2
    with pytest.raises(ValueError, match="value 17 of segment v breaks"):
        deal(shape(), values, SECRET, CONTEXT)


def test_what_is_not_dealt() -> None:
    with pytest.raises(ValueError, match="31 bytes"):
        deal(shape(), bits(23), SECRET[:31], CONTEXT)
    with pytest.raises(ValueError, match="the relation says"):
        deal(shape(), bits(22), SECRET, CONTEXT)
    with pytest.raises(ValueError, match="c0 must be 0"):
        SlotConstraint(2, -3, 1)
    with pytest.raises(ValueError, match="1 to"):
        shape(length=0)


def test_repetitions_make_two_to_the_minus_128() -> None:
    assert [challenge_count(field.p, 1) for field in (P16, P31, P61)] == [9, 5, 3]


@pytest.mark.parametrize("constraint", [SlotConstraint(0, 2, -1), SlotConstraint(0, -1, 1)])
def test_other_constraints(constraint: SlotConstraint) -> None:
    """{0, 2} and, written the other way round, bits."""
    of = DealingShape(SMALL, P16, one_segment(9, constraint))
    top = 2 if constraint.c1 == 2 else 1
    values = np.array([0, top, 0, 0, top, top, 0, top, 0], np.uint32)
    dealing = deal(of, values, SECRET, CONTEXT)
    for seat, package in enumerate(dealing.packages):
        assert check(of, seat, CONTEXT, dealing.root, dealing.proof, package) is Verdict.VALID
    with pytest.raises(ValueError, match="value 1 of segment v breaks"):
        deal(of, values * 2, SECRET, CONTEXT)
