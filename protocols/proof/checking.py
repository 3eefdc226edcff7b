"""Checking a dealing: by the member that it was sent to, and by whoever judges a complaint.

docs/protocol.md §3. Both get the same verdict, because there is one function, pure in its bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from protocols.errors import WireError
from protocols.field import Elements, Residues
from protocols.hashing import DIGEST_BYTES
from protocols.proof.challenge import Challenges, draw, forms
from protocols.proof.dealing import expand, joint_root, leaf
from protocols.proof.merkle import climb
from protocols.proof.projections import draw as draw_projections
from protocols.proof.shape import SALT_BYTES, DealingShape
from protocols.proof.sums import constants, public_inputs, random_sum

Item: TypeAlias = tuple[bytes, bytes, bytes, bytes]
"""(context, root, proof, package)."""

BATCH = 128
BATCH_ELEMENTS = 1 << 22
"""Dealings checked at once, and elements of theirs, but one dealing at least: bounds the memory,
and keeps the pass near the caches.
"""

Flags: TypeAlias = npt.NDArray[np.bool_]


class Verdict(Enum):
    """What a package shows about its dealer."""

    VALID = "valid"
    """It opens the root and agrees with the proof."""
    INVALID = "invalid"
    """It opens the root and breaks a rule: the dealer is guilty, and this package proves it."""
    UNBOUND = "unbound"
    """It doesn't open the root (length, salt, path): it proves nothing about anybody."""


def check(
    shape: DealingShape,
    seat: int,
    context: bytes,
    root: bytes,
    proof: bytes,
    package: bytes,
    public: Sequence[int] = (),
) -> Verdict:
    """The verdict on one package: a pure function of its arguments (it judges complaints too).

    A malformed ``proof`` (check_proof is false) is INVALID when the package opens the root.
    ``public``: the dealer's public inputs. Raises ValueError on a seat that the plan doesn't have.
    """
    return check_many(shape, seat, [(context, root, proof, package)], [public])[0][0]


def check_proof(shape: DealingShape, proof: bytes) -> bool:
    """What a header alone shows: length and canonical elements.

    The degrees and the slot conditions hold by construction: D has delta + 1 coefficients, Z is
    published as its quotient by the polynomial that vanishes on the slots, and Y without the
    constant coefficient, which its sum over the slots fixes.
    """
    try:
        shape.field.decode(proof, shape.proof_elements)
    except WireError:
        return False
    return True


def check_many(
    shape: DealingShape,
    seat: int,
    items: Sequence[Item],
    public: Sequence[Sequence[int]] | None = None,
) -> tuple[list[Verdict], list[Elements | None]]:
    """Verdicts on n packages for one seat, and each valid one's shares of what a member keeps.

    ``public``: each dealer's public inputs; None where the relation takes none. Shares (kept,)
    may be a view of the package. Raises ValueError on an unknown seat, and on other inputs than
    the relation takes.
    """
    inputs = public_inputs(shape, [()] * len(items) if public is None else public)
    if not 0 <= seat < shape.plan.committee:
        raise ValueError(f"seat {seat} of {shape.plan.committee}")
    verdicts: list[Verdict] = []
    shares: list[Elements | None] = []
    batch = max(1, min(BATCH, BATCH_ELEMENTS // shape.elements))
    for start in range(0, len(items), batch):
        window = slice(start, start + batch)
        found, rows = _check_batch(shape, seat, items[window], inputs[window])
        verdicts += found
        shares += rows
    return verdicts, shares


def _check_batch(
    shape: DealingShape, seat: int, items: Sequence[Item], public: Residues
) -> tuple[list[Verdict], list[Elements | None]]:
    verdicts = [Verdict.UNBOUND] * len(items)
    shares: list[Elements | None] = [None] * len(items)
    bound = [index for index, item in enumerate(items) if opens(shape, seat, item[1], item[3])]
    if not bound:
        return verdicts, shares
    opened = [items[index] for index in bound]
    vectors, canonical = _vectors(shape, seat, [item[3] for item in opened])
    proofs, well_formed = _proofs(shape, [item[2] for item in opened])
    agree = _agree(shape, seat, opened, public[bound], vectors, proofs)
    for row, index in enumerate(bound):
        if canonical[row] and well_formed[row] and agree[row]:
            verdicts[index] = Verdict.VALID
            shares[index] = vectors[row, : shape.kept_polynomials]
        else:
            verdicts[index] = Verdict.INVALID
    return verdicts, shares


def opens(shape: DealingShape, seat: int, root: bytes, package: bytes) -> bool:
    """Whether the package has its one possible length and its path or paths lead to the root."""
    if len(package) != shape.package_bytes(seat) or len(root) != DIGEST_BYTES:
        return False
    return joint_root(climbed(shape, seat, package)) == root


def climbed(shape: DealingShape, seat: int, package: bytes) -> list[bytes]:
    """The root, or the two, that a package of the right length leads to."""
    end = shape.content_bytes(seat)
    content, salt = memoryview(package)[:end], package[end : end + SALT_BYTES]
    path = package[end + SALT_BYTES :]
    if not shape.first_part:
        return [climb(leaf(seat, content, salt), seat, path)]
    edge = shape.first_part * shape.field.element_bytes
    first, second = content[:edge], content[edge:]
    if seat < shape.plan.threshold:
        first = second = content
    half = len(path) // 2
    return [
        climb(leaf(seat, first, salt, "first"), seat, path[:half]),
        climb(leaf(seat, second, salt, "second"), seat, path[half:]),
    ]


def _vectors(shape: DealingShape, seat: int, packages: list[bytes]) -> tuple[Elements, Flags]:
    """Vectors (n, elements) of packages that open their root, and which are canonical."""
    end = shape.content_bytes(seat)
    if seat < shape.plan.threshold:
        seeds = [package[:end] for package in packages]
        return expand(shape, seeds), np.ones(len(packages), np.bool_)
    contents = [memoryview(package)[:end] for package in packages]
    joined = contents[0] if len(contents) == 1 else b"".join(contents)
    return _rows(shape, joined, shape.elements)


def _proofs(shape: DealingShape, proofs: list[bytes]) -> tuple[Elements, Flags]:
    """Proof elements (n, all coefficients), and which proofs are well formed."""
    blank = bytes(shape.proof_bytes)
    right = np.array([len(proof) == shape.proof_bytes for proof in proofs], np.bool_)
    joined = b"".join([proof if fits else blank for proof, fits in zip(proofs, right, strict=True)])
    rows, canonical = _rows(shape, joined, shape.proof_elements)
    return rows, canonical & right


def _rows(shape: DealingShape, joined: bytes | memoryview, width: int) -> tuple[Elements, Flags]:
    """Rows of field elements, with those that hold a non-canonical one zeroed and flagged."""
    rows = np.frombuffer(joined, shape.field.dtype).reshape(-1, width)
    canonical: Flags = np.all(rows < shape.field.dtype.type(shape.field.p), axis=1)
    if not canonical.all():
        rows = np.where(canonical[:, None], rows, shape.field.dtype.type(0))
    return rows, canonical


def _agree(
    shape: DealingShape,
    seat: int,
    items: list[Item],
    public: Residues,
    vectors: Elements,
    proofs: Elements,
) -> Flags:
    """Whether each vector gives the values of its D, Z and Y at the seat's point."""
    field, count = shape.field, shape.challenges
    challenges = draw(shape, [(context, root) for context, root, _, _ in items])
    blocks = shape.padding_weight.shape[1]
    weight = np.broadcast_to(shape.padding_weight[seat], (len(items), blocks))
    shares, masks = vectors[:, : shape.polynomials], vectors[:, shape.polynomials :]
    linear, slot = forms(shape, shares, weight, challenges)
    u, z = masks[:, :count], masks[:, count : 2 * count]
    d, quotient = published(shape, seat, proofs)
    v = shape.sharing.vanishing_at_seats[seat : seat + 1]
    same_d: Flags = (field.add(linear, u) == d).all(axis=1)
    same_z: Flags = (field.add(slot, z) == field.mul(quotient, v)).all(axis=1)
    if not shape.sums:
        return same_d & same_z
    bare = _summed(shape, seat, items, public, shares, challenges)
    summed = field.add(bare, masks[:, 2 * count :])
    same_y: Flags = (summed == published_sum(shape, seat, proofs, challenges)).all(axis=1)
    return same_d & same_z & same_y


def _summed(
    shape: DealingShape,
    seat: int,
    items: list[Item],
    public: Residues,
    shares: Elements,
    challenges: Challenges,
) -> Residues:
    """Y without its mask, from each vector: (n, c)."""
    drawn = (
        draw_projections(shape, context, climbed(shape, seat, package)[0])
        for context, _, _, package in (items if shape.first_part else ())
    )
    seats = np.full(len(items), seat, np.int64)
    return random_sum(shape, seats, shares, drawn, challenges.sums, public)


def published(shape: DealingShape, seat: int, proofs: Elements) -> tuple[Residues, Residues]:
    """D and Z / V at the seat's point, from proof elements (n, all): two arrays (n, c)."""
    sharing, count = shape.sharing, shape.challenges
    at_seat = sharing.seat_powers[:, seat : seat + 1]
    first = count * (sharing.degree + 1)
    second = first + count * sharing.quotient_terms
    d = proofs[:, :first].reshape(-1, sharing.degree + 1)
    quotient = proofs[:, first:second].reshape(-1, sharing.quotient_terms)
    return (
        shape.field.matmul(d, at_seat[: sharing.degree + 1]).reshape(-1, count),
        shape.field.matmul(quotient, at_seat[: sharing.quotient_terms]).reshape(-1, count),
    )


def published_sum(
    shape: DealingShape, seat: int, proofs: Elements, challenges: Challenges
) -> Residues:
    """Y at the seat's point, with the sum over the slots that the constraints call for: (n, c)."""
    field, sharing = shape.field, shape.sharing
    first = shape.challenges * (sharing.degree + 1 + sharing.quotient_terms)
    coefficients = proofs[:, first:].reshape(len(proofs) * shape.challenges, -1)
    at_seat = sharing.sum_powers[:, seat : seat + 1]
    values = field.matmul(coefficients, at_seat).reshape(-1, shape.challenges)
    total = field.matmul(challenges.sums, constants(shape)[:, None])[:, :, 0]
    return field.add(values, sharing.mean_over_slots(total))
