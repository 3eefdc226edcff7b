"""Dealing: from encoded values to one root, one proof and a package for every seat.

docs/protocol.md §3. For each challenge q < c the dealer draws masks before it commits, and then
publishes

    D_q(x) = sum_l r_l f_l(x) + u_q(x)                                     degree <= delta
    Z_q(x) = sum of s_l (what vanishes on every slot)(x) + z_q(x)          degree <= 2 delta
    Y_q(x) = sum_a s_a (what sums to gamma_a over the slots)(x) + y_q(x)   degree <= 2 delta

with u_q uniform of degree <= delta, z_q uniform of degree <= 2 delta and zero on every slot, y_q
uniform of degree <= 2 delta with values that sum to 0 over the slots (challenge.py, sums.py). Y is
there only if the relation sums something.

Z_q vanishes on every slot iff (but for the stated error) every slot satisfies its constraint, the
padding slots hold 0 and the links hold. So Z_q is published as its quotient by V(x), the product of
(x - e_s) over the slots: the slot condition then holds by construction, and the header is c k
elements smaller. In the same way Y_q is published without its constant coefficient, which follows
from what its values on the slots must sum to.

**Randomness.** XOF("peerd/deal/randomness"; secret, shape, context, H(values)) gives, in this
order: t seeds of 32 bytes (seats 0..t-1), m salts of 32 bytes, then one sample of field elements:
c k for u (its slot values, challenge by challenge), c (t + k - 1) for z (its values at seats
t..2t+k-2, challenge by challenge), c (k - 1) for y (its first slot values), c (t + k - 1) for y
(seats as z). The same inputs give the same bytes; other values, another committee or attempt (in
``context``) never meet the same masks.

**Seeds.** Seat j < t gets no vector but a seed: one sample of all its elements from
XOF("peerd/deal/seed"; seed) is its vector. **Vectors** are f_0..f_(L-1), u_0..u_(c-1),
z_0..z_(c-1), y_0..y_(c-1), all at the seat's point.

**Two roots.** When the relation bounds a segment by projections, v's own polynomials lie under a
first root, and the projections are drawn from it (smallness.py). The polynomials of their bits and
the masks lie under a second one (a seed lies under both). What is published is the hash of both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from protocols.field import Elements, Residues
from protocols.hashing import Xof, digest
from protocols.proof.challenge import draw, forms, windows
from protocols.proof.merkle import MerkleTree
from protocols.proof.projections import draw as draw_projections
from protocols.proof.shape import SALT_BYTES, SEED_BYTES, DealingShape
from protocols.proof.smallness import projection_slots
from protocols.proof.sums import public_inputs, random_sum

MIN_SECRET_BYTES = 32


@dataclass(frozen=True)
class Dealing:
    """What a dealer publishes (root, proof) and sends (packages[j] to seat j, privately).

    ``proof``: canonical field bytes, first the coefficients of D_0..D_(c-1), then those of
    Z_0/V..Z_(c-1)/V, then coefficients 1..2 delta of Y_0..Y_(c-1), lowest degree first.
    """

    root: bytes
    proof: bytes = field(repr=False)
    packages: tuple[bytes, ...] = field(repr=False)


@dataclass(frozen=True)
class Split:
    """Values split into shares, before commitment: secret, all of it.

    ``vectors`` (m, elements): row j is seat j's vector. Rows 0..t-1 are the seeds' expansions.
    """

    seeds: tuple[bytes, ...] = field(repr=False)
    salts: tuple[bytes, ...] = field(repr=False)
    vectors: Elements = field(repr=False)


@dataclass(frozen=True, slots=True)
class Masks:
    """What u, z and y are made of, beside the seeds: each in rows, one a challenge.

    ``u_slots`` (c, k) and ``y_slots`` (c, k) values on the slots, the latter summing to 0;
    ``z_values`` and ``y_values`` (c, t + k - 1) values at seats t..2t+k-2. y's may be empty.
    """

    u_slots: Elements = field(repr=False)
    z_values: Elements = field(repr=False)
    y_slots: Elements = field(repr=False)
    y_values: Elements = field(repr=False)


def deal(
    shape: DealingShape,
    values: Elements | npt.NDArray[np.int64],
    secret: bytes,
    context: bytes,
    public: Sequence[int] = (),
) -> Dealing:
    """The dealing of ``values`` (|v|,), a pure function of its arguments.

    ``secret``: at least 32 uniform bytes, one round's. ``context``: 32 bytes or more that bind the
    round (module docstring of protocols.proof), and with it the dealer's ``public`` inputs. Raises
    ValueError when v is outside V, as the committee would prove this dealer guilty;
    ProjectionOverflow, by chance 2^-41 for a small W.
    """
    broken = shape.relation.violations(shape.field.p, values, public)
    if broken:
        raise ValueError("; ".join(broken))
    parts = split(shape, values, secret, context)
    trees, root = _committed(shape, parts)
    proof = prove(shape, context, root, parts.vectors, trees[0].root, public)
    return Dealing(root, proof, _handed_over(shape, parts, trees))


def split(
    shape: DealingShape,
    values: Elements | npt.NDArray[np.int64],
    secret: bytes,
    context: bytes,
) -> Split:
    """Shares and masks for every seat. Doesn't check the values (an adversary's test doesn't).

    Raises ProjectionOverflow when a projection does not fit its bits.
    """
    if len(secret) < MIN_SECRET_BYTES:
        raise ValueError(f"the dealing secret has {len(secret)} bytes; it takes {MIN_SECRET_BYTES}")
    xof = Xof(
        "peerd/deal/randomness", secret, shape.identifier, context, _fingerprint(shape, values)
    )
    seeds = tuple(xof.read(SEED_BYTES) for _ in range(shape.plan.threshold))
    salts = tuple(xof.read(SALT_BYTES) for _ in range(shape.plan.committee))
    masks = _sample_masks(shape, xof)
    vectors: Elements = np.empty((shape.plan.committee, shape.elements), shape.field.dtype)
    vectors[: shape.plan.threshold] = expand(shape, seeds)
    slots = shape.slot_values(values)
    encoded = shape.layout.encoded_polynomials
    share_slots(shape, slots, vectors[:, :encoded])
    if shape.first_part:
        root = _tree(shape, seeds, salts, vectors[:, :encoded], "first").root
        bits = projection_slots(shape, draw_projections(shape, context, root), slots)
        share_slots(shape, bits, vectors[:, encoded : shape.polynomials])
    share_masks(shape, masks, vectors[:, shape.polynomials :])
    return Split(seeds, salts, vectors)


def _fingerprint(shape: DealingShape, values: Elements | npt.NDArray[np.int64]) -> bytes:
    """H(values): other values never meet the same masks."""
    encoded: Elements = np.empty(len(values), shape.field.dtype)
    for columns in windows(1, slice(0, len(values))):
        encoded[columns] = shape.field.array(values[columns])
    return digest("peerd/deal/values", encoded.view(np.uint8).data)


def _sample_masks(shape: DealingShape, xof: Xof) -> Masks:
    count, packing = shape.challenges, shape.plan.packing
    at_seats = shape.plan.threshold + packing - 1
    summed = count if shape.sums else 0
    sizes = [count * packing, count * at_seats, summed * (packing - 1), summed * at_seats]
    drawn = shape.field.sample(xof, sum(sizes))
    u, z, y, y_seats = np.split(drawn, np.cumsum(sizes)[:-1])
    y_slots = y.reshape(summed, packing - 1).astype(np.uint64)
    last = shape.field.neg(shape.field.sum(y_slots, axis=1))
    return Masks(
        u.reshape(count, packing),
        z.reshape(count, at_seats),
        np.concatenate([y_slots, last[:, None]], axis=1),
        y_seats.reshape(summed, at_seats),
    )


def expand(shape: DealingShape, seeds: tuple[bytes, ...] | list[bytes]) -> Elements:
    """The vectors of seed members, shape (len(seeds), elements)."""
    return shape.field.sample_rows([Xof("peerd/deal/seed", seed) for seed in seeds], shape.elements)


def share_slots(shape: DealingShape, secrets: Elements, vectors: Elements) -> None:
    """Fill in the shares (m, polynomials) of ``secrets`` (polynomials, k): those of seats 0..t-1
    are there, and free.
    """
    threshold = shape.plan.threshold
    for columns in windows(shape.plan.committee, slice(0, len(secrets))):
        free = vectors[:threshold, columns]
        vectors[threshold:, columns] = shape.sharing.share(secrets[columns], free)


def share_masks(shape: DealingShape, masks: Masks, vectors: Elements) -> None:
    """Fill in the masks (m, u and z and y), where those of seats 0..t-1 are there, and free."""
    sharing, count, threshold = shape.sharing, shape.challenges, shape.plan.threshold
    share_slots(shape, masks.u_slots, vectors[:, :count])
    z = vectors[:, count : 2 * count]
    z[:] = sharing.slot_zero_masks(np.concatenate([z[:threshold], masks.z_values.T]))
    if shape.sums:
        y = vectors[:, 2 * count :]
        known = np.concatenate([y[:threshold], masks.y_values.T])
        y[:] = sharing.sum_masks(masks.y_slots.T, known)


def seal(shape: DealingShape, context: bytes, parts: Split, public: Sequence[int] = ()) -> Dealing:
    """Commit to the vectors, draw the challenges from the root, and prove."""
    trees, root = _committed(shape, parts)
    packages = tuple(_package(shape, parts, trees, seat) for seat in range(shape.plan.committee))
    proof = prove(shape, context, root, parts.vectors, trees[0].root, public)
    return Dealing(root, proof, packages)


def _committed(shape: DealingShape, parts: Split) -> tuple[list[MerkleTree], bytes]:
    trees = commit(shape, parts)
    return trees, joint_root([tree.root for tree in trees])


def _package(shape: DealingShape, parts: Split, trees: list[MerkleTree], seat: int) -> bytes:
    content = _content(shape, parts.seeds, parts.vectors, seat)
    return b"".join([content, parts.salts[seat], *(tree.path(seat) for tree in trees)])


def _handed_over(shape: DealingShape, parts: Split, trees: list[MerkleTree]) -> tuple[bytes, ...]:
    """The packages, of vectors that nobody needs any more: the last seat's first, and its vector is
    cut off, so that vectors and packages are not in memory twice (a vector of a large model is most
    of what a dealer holds).
    """
    packages = []
    for seat in reversed(range(shape.plan.committee)):
        packages.append(_package(shape, parts, trees, seat))
        parts.vectors.resize((seat, shape.elements), refcheck=False)  # nobody else has a view
    return tuple(reversed(packages))


def commit(shape: DealingShape, parts: Split) -> list[MerkleTree]:
    """The tree over all vectors, or the two over their parts."""
    seeds, salts, vectors = parts.seeds, parts.salts, parts.vectors
    if not shape.first_part:
        return [_tree(shape, seeds, salts, vectors, "")]
    return [
        _tree(shape, seeds, salts, vectors[:, : shape.first_part], "first"),
        _tree(shape, seeds, salts, vectors[:, shape.first_part :], "second"),
    ]


def _tree(
    shape: DealingShape,
    seeds: tuple[bytes, ...],
    salts: tuple[bytes, ...],
    vectors: Elements,
    part: str,
) -> MerkleTree:
    seats = range(shape.plan.committee)
    contents = (_content(shape, seeds, vectors, seat) for seat in seats)
    return MerkleTree(
        [leaf(seat, content, salts[seat], part) for seat, content in enumerate(contents)]
    )


def _content(
    shape: DealingShape, seeds: tuple[bytes, ...], vectors: Elements, seat: int
) -> bytes | memoryview:
    """What a seat gets: a seed, or the bytes of its vector of (m, any), where they lie."""
    if seat < shape.plan.threshold:
        return seeds[seat]
    return np.ascontiguousarray(vectors[seat]).view(np.uint8).data


def leaf(seat: int, content: bytes | memoryview, salt: bytes, part: str = "") -> bytes:
    """The commitment to one seat's vector or seed, or to the "first" or "second" part of it.

    Without the salt, t shares and a guess of v would rebuild every leaf, and the root would
    confirm the guess.
    """
    domain = f"peerd/deal/leaf/{part}" if part else "peerd/deal/leaf"
    return digest(domain, seat.to_bytes(4, "little"), salt, content)


def joint_root(roots: list[bytes]) -> bytes:
    """What the header publishes: the root, or the hash of two."""
    return roots[0] if len(roots) == 1 else digest("peerd/deal/roots", *roots)


def prove(
    shape: DealingShape,
    context: bytes,
    root: bytes,
    vectors: Elements,
    first_root: bytes,
    public: Sequence[int] = (),
) -> bytes:
    """The polynomials D, Z / V and Y for the challenges that context and root give."""
    sharing, count = shape.sharing, shape.challenges
    seats = sharing.sum_nodes if shape.sums else max(sharing.degree + 1, sharing.quotient_terms)
    challenges = draw(shape, [(context, root)])
    shares, masks = vectors[:seats, : shape.polynomials], vectors[:seats, shape.polynomials :]
    linear, slot = forms(shape, shares, shape.padding_weight[:seats], challenges)
    d, quotient = prove_forms(shape, linear, slot, masks)
    proof = shape.field.encode(d) + shape.field.encode(quotient)
    if shape.sums:
        drawn = [draw_projections(shape, context, first_root)]
        inputs = public_inputs(shape, [public])
        summed = random_sum(shape, np.arange(seats), shares, drawn, challenges.sums, inputs)
        proof += shape.field.encode(prove_sum(shape, summed, masks[:, 2 * count :]))
    return proof


def prove_forms(
    shape: DealingShape, linear: Elements, slot: Elements, masks: Elements
) -> tuple[Residues, Residues]:
    """Coefficients of D (c, delta + 1) and Z / V (c, 2t + k - 1).

    ``linear``, ``slot`` (seats, c) are the masked forms' bare values at the first seats, ``masks``
    (seats, 2c or more) the values of u and z there.
    """
    sharing, count = shape.sharing, linear.shape[1]
    d = shape.field.add(linear, masks[:, :count])
    z = shape.field.add(slot, masks[:, count : 2 * count])
    return (
        sharing.coefficients(np.ascontiguousarray(d[: sharing.degree + 1].T)),
        sharing.quotient_coefficients(np.ascontiguousarray(z[: sharing.quotient_terms].T)),
    )


def prove_sum(shape: DealingShape, summed: Elements, masks: Elements) -> Residues:
    """Coefficients 1..2 delta of Y (c, 2 delta), from bare values and masks (2 delta + 1, c)."""
    y = shape.field.add(summed, masks)
    return shape.sharing.sum_coefficients(np.ascontiguousarray(y.T))
