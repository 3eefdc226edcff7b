"""Every way to deal badly is caught, and by enough seats (docs/protocol.md §3; paper §B.4.1).

A bad polynomial agrees with an honest-looking one of degree <= 2 delta in at most 2 delta seats.
By rule (A) there are 2 delta + 1 honest members online, so at least one of them says INVALID. The
tests count: never more than 2 delta seats accept.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from proof_world import (
    CONTEXT,
    SECRET,
    SMALL,
    WIDE,
    bits,
    commit,
    contents_of,
    reference,
    shape,
)

from protocols.field import FAMILY, P16, PrimeField
from protocols.field.polynomial import powers, vanishing
from protocols.plan import CommitteePlan
from protocols.proof import Dealing, DealingShape, Split, Verdict, check, check_proof, seal, split
from protocols.proof.dealing import Masks, share_masks, share_slots

PLANS = [SMALL, WIDE]


def verdicts(of: DealingShape, dealing: Dealing) -> list[Verdict]:
    result = []
    for seat, package in enumerate(dealing.packages):
        item = (CONTEXT, dealing.root, dealing.proof, package)
        result.append(check(of, seat, *item))
        assert result[-1].value == reference(of, seat, *item)
    return result


def assert_caught(of: DealingShape, parts: Split) -> None:
    """Sealed with the proof that most seats would accept, it is still rejected by enough."""
    found = verdicts(of, seal(of, CONTEXT, parts))
    assert set(found) <= {Verdict.VALID, Verdict.INVALID}
    assert found.count(Verdict.VALID) <= 2 * of.sharing.degree


def added(of: DealingShape, parts: Split, column: int, values: np.ndarray) -> Split:
    """One polynomial of the vectors, changed by these values at the seats (0 at seed seats)."""
    assert not values[: of.plan.threshold].any()
    vectors = parts.vectors.astype(np.uint64)
    vectors[:, column] = of.field.add(vectors[:, column], values)
    return replace(parts, vectors=vectors.astype(of.field.dtype))


def zero_at_seed_seats(of: DealingShape) -> np.ndarray:
    """Degree t: keeps the seeds' vectors what the seeds say."""
    return vanishing(of.field, of.sharing.seats[: of.plan.threshold], of.sharing.seats)


def honest(of: DealingShape) -> Split:
    return split(of, bits(of.length), SECRET, CONTEXT)


@pytest.mark.parametrize("field", FAMILY, ids=lambda f: str(f.p))
@pytest.mark.parametrize("plan", PLANS, ids=lambda p: str(p.committee))
class TestDealer:
    @pytest.mark.parametrize("place", [0, 9, 22])
    @pytest.mark.parametrize("value", [2, -1, 32768])
    def test_a_value_that_is_no_bit(
        self, plan: CommitteePlan, field: PrimeField, place: int, value: int
    ) -> None:
        of = shape(plan, 23, field)
        values = bits(23).astype(np.uint64)
        values[place] = value % field.p
        assert_caught(of, split(of, values, SECRET, CONTEXT))

    @pytest.mark.parametrize("value", [1, 2, -1])
    def test_padding_that_is_not_zero(
        self, plan: CommitteePlan, field: PrimeField, value: int
    ) -> None:
        """A 1 in the padding is a bit: only the padding's own term can tell."""
        of = shape(plan, 23, field)
        secrets = of.slot_values(bits(23))
        assert of.layout.blocks["v"].padding > 0
        secrets[-1, -1] = value % field.p
        assert_caught(of, dealt(of, secrets))

    @pytest.mark.parametrize("column", [0, 2, -1], ids=["first", "middle", "last"])
    def test_a_polynomial_of_too_high_degree(
        self, plan: CommitteePlan, field: PrimeField, column: int
    ) -> None:
        """delta + 1, and right on every slot and at every seed seat."""
        of = shape(plan, 23, field)
        extra = of.field.mul(zero_at_seed_seats(of), of.sharing.vanishing_at_seats)
        assert_caught(of, added(of, honest(of), range(of.polynomials)[column], extra))

    @pytest.mark.parametrize("repetition", [0, 2])
    def test_a_mask_u_of_too_high_degree(
        self, plan: CommitteePlan, field: PrimeField, repetition: int
    ) -> None:
        of = shape(plan, 23, field)
        extra = of.field.mul(zero_at_seed_seats(of), of.sharing.vanishing_at_seats)
        assert_caught(of, added(of, honest(of), of.polynomials + repetition, extra))

    @pytest.mark.parametrize("repetition", [0, 2])
    def test_a_mask_z_that_is_not_zero_on_a_slot(
        self, plan: CommitteePlan, field: PrimeField, repetition: int
    ) -> None:
        of = shape(plan, 23, field)
        column = of.polynomials + of.challenges + repetition
        assert_caught(of, added(of, honest(of), column, zero_at_seed_seats(of)))

    def test_a_mask_z_of_too_high_degree(self, plan: CommitteePlan, field: PrimeField) -> None:
        of = shape(plan, 23, field)
        high = powers(field, of.sharing.seats, 2 * of.sharing.degree + 2 - of.plan.threshold)[-1]
        extra = of.field.mul(zero_at_seed_seats(of), high)  # degree 2 delta + 1
        assert_caught(of, added(of, honest(of), of.polynomials + of.challenges, extra))


def dealt(of: DealingShape, secrets: np.ndarray) -> Split:
    """Any slot values whatever, with honest masks."""
    parts = honest(of)
    count, packing = of.challenges, of.plan.packing
    masks = Masks(
        np.arange(count * packing, dtype=np.uint64).reshape(count, packing),
        np.ones((count, of.plan.threshold + packing - 1), np.uint64),
        np.zeros((0, packing), np.uint64),
        np.zeros((0, of.plan.threshold + packing - 1), np.uint64),
    )
    vectors = parts.vectors.copy()
    share_slots(of, secrets, vectors[:, : len(secrets)])
    share_masks(of, masks, vectors[:, len(secrets) :])
    return replace(parts, vectors=vectors)


def test_the_same_construction_with_good_slots_is_accepted() -> None:
    """So that the padding test fails for the padding and for nothing else."""
    of = shape()
    found = verdicts(of, seal(of, CONTEXT, dealt(of, of.slot_values(bits(23)))))
    assert set(found) == {Verdict.VALID}


class TestPackage:
    """Complaints: a package that does not open the root proves nothing about anybody."""

    of = shape(WIDE, 61)
    dealing = seal(of, CONTEXT, split(of, bits(61), SECRET, CONTEXT))
    seats = (0, 2, 3, 23)

    def verdict(self, seat: int, package: bytes, **changed: bytes) -> Verdict:
        said = {"context": CONTEXT, "root": self.dealing.root, "proof": self.dealing.proof}
        said |= changed
        item = (said["context"], said["root"], said["proof"], package)
        found = check(self.of, seat, *item)
        assert found.value == reference(self.of, seat, *item)
        return found

    @pytest.mark.parametrize("seat", seats)
    def test_a_package_for_another_seat(self, seat: int) -> None:
        for other, package in enumerate(self.dealing.packages):
            expected = Verdict.VALID if other == seat else Verdict.UNBOUND
            assert self.verdict(seat, package) is expected

    @pytest.mark.parametrize("seat", seats)
    def test_a_truncated_or_extended_package(self, seat: int) -> None:
        package = self.dealing.packages[seat]
        for changed in (package[:-1], package[1:], package + b"\0", package[:-32], b""):
            assert self.verdict(seat, changed) is Verdict.UNBOUND

    @pytest.mark.parametrize("seat", seats)
    def test_a_changed_byte(self, seat: int) -> None:
        package = self.dealing.packages[seat]
        for position in range(0, len(package), 5):
            changed = bytearray(package)
            changed[position] ^= 1
            assert self.verdict(seat, bytes(changed)) is Verdict.UNBOUND

    @pytest.mark.parametrize("seat", seats)
    def test_another_root(self, seat: int) -> None:
        package = self.dealing.packages[seat]
        for root in (bytes(32), b"", self.dealing.root + b"\0", self.dealing.root[:31]):
            assert self.verdict(seat, package, root=root) is Verdict.UNBOUND

    @pytest.mark.parametrize("seat", seats)
    def test_a_copied_dealing(self, seat: int) -> None:
        """Under another dealer's, round's or model's context the challenges are others."""
        package = self.dealing.packages[seat]
        assert self.verdict(seat, package, context=b"d" * 32) is Verdict.INVALID

    @pytest.mark.parametrize("seat", seats)
    def test_another_shape(self, seat: int) -> None:
        """A plan with another e has the same lengths and other challenges."""
        other = shape(replace(WIDE, absent=3), 61)
        item = (CONTEXT, self.dealing.root, self.dealing.proof, self.dealing.packages[seat])
        assert check(other, seat, *item) is Verdict.INVALID

    @pytest.mark.parametrize("seat", seats)
    def test_each_coefficient_of_the_proof_matters(self, seat: int) -> None:
        proof = self.dealing.proof
        for position in range(0, len(proof), 2 * 7):
            value = (int.from_bytes(proof[position : position + 2], "little") + 1) % P16.p
            changed = proof[:position] + value.to_bytes(2, "little") + proof[position + 2 :]
            assert check_proof(self.of, changed)
            package = self.dealing.packages[seat]
            assert self.verdict(seat, package, proof=changed) is Verdict.INVALID

    @pytest.mark.parametrize("seat", seats)
    def test_a_malformed_proof_is_the_dealers_fault(self, seat: int) -> None:
        proof, package = self.dealing.proof, self.dealing.packages[seat]
        too_large = P16.p.to_bytes(2, "little")
        for bad in (
            proof[:-2],
            proof + b"\0\0",
            b"",
            too_large + proof[2:],
            proof[:-2] + too_large,
        ):
            assert not check_proof(self.of, bad)
            assert self.verdict(seat, package, proof=bad) is Verdict.INVALID
            assert self.verdict(seat, package[:-1], proof=bad) is Verdict.UNBOUND


class TestCommittedContent:
    """What the dealer itself committed to, and it breaks a rule: guilty."""

    of = shape(WIDE, 61)
    parts = split(of, bits(61), SECRET, CONTEXT)

    def verdict(self, seat: int, contents: list[bytes]) -> Verdict:
        dealing = commit(self.of, self.parts, contents)
        item = (CONTEXT, dealing.root, dealing.proof, dealing.packages[seat])
        found = check(self.of, seat, *item)
        assert found.value == reference(self.of, seat, *item)
        return found

    @pytest.mark.parametrize("position", [0, 12, 13, 30])
    @pytest.mark.parametrize("value", [P16.p, 0xFFFF])
    def test_an_element_that_is_not_below_p(self, position: int, value: int) -> None:
        contents = contents_of(self.of, self.parts)
        vector = bytearray(contents[7])
        vector[2 * position : 2 * position + 2] = value.to_bytes(2, "little")
        contents[7] = bytes(vector)
        assert self.verdict(7, contents) is Verdict.INVALID

    def test_an_element_that_is_p_too_large(self) -> None:
        """The right residue in the wrong form: two encodings would make two leaves of one share."""
        contents = contents_of(self.of, self.parts)
        vectors = self.parts.vectors.copy()
        vectors[7, 0] = 3
        parts = replace(self.parts, vectors=vectors)
        contents = contents_of(self.of, parts)
        contents[7] = (P16.p + 3).to_bytes(2, "little") + contents[7][2:]
        dealing = commit(self.of, parts, contents)
        assert check(self.of, 7, CONTEXT, dealing.root, dealing.proof, dealing.packages[7]) is (
            Verdict.INVALID
        )

    @pytest.mark.parametrize("position", range(0, 31, 3))
    def test_one_share_or_mask_changed(self, position: int) -> None:
        vectors = self.parts.vectors.copy()
        vectors[9, position] = (int(vectors[9, position]) + 1) % P16.p
        contents = contents_of(self.of, replace(self.parts, vectors=vectors))
        assert self.verdict(9, contents) is Verdict.INVALID
        assert self.verdict(10, contents) is Verdict.VALID

    def test_two_members_vectors_exchanged(self) -> None:
        contents = contents_of(self.of, self.parts)
        contents[5], contents[6] = contents[6], contents[5]
        assert self.verdict(5, contents) is self.verdict(6, contents) is Verdict.INVALID

    def test_another_seed(self) -> None:
        contents = contents_of(self.of, self.parts)
        contents[1] = bytes(32)
        assert self.verdict(1, contents) is Verdict.INVALID
        assert self.verdict(2, contents) is Verdict.VALID

    def test_content_of_another_length_never_reaches_a_verdict(self) -> None:
        contents = contents_of(self.of, self.parts)
        contents[8] = contents[8][:-2]
        assert self.verdict(8, contents) is Verdict.UNBOUND
