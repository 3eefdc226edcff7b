"""Dealing: from encoded values to one root, one proof and a package for every seat.

docs/protocol.md §3. For each challenge q < c the dealer draws masks before it commits, and then
publishes

    D_q(x) = sum_l r_l f_l(x) + u_q(x)                                     degree <= delta
    Z_q(x) = sum_l s_l C(f_l(x)) + s_L P(x) f_(L-1)(x) + z_q(x)            degree <= 2 delta

with u_q uniform of degree <= delta, and z_q uniform of degree <= 2 delta and zero on every slot.
Z_q vanishes on every slot iff (but for the stated error) every slot satisfies C and the padding
slots hold 0. So Z_q is published as its quotient by V(x), the product of (x - e_s) over the slots:
the slot condition then holds by construction, and the header is c k elements smaller.

**Randomness.** XOF("peerd/deal/randomness"; secret, shape, context, H(values)) gives, in this
order: t seeds of 32 bytes (seats 0..t-1), m salts of 32 bytes, then one sample of field elements:
c k for u (its slot values, challenge by challenge), c (t + k - 1) for z (its values at seats
t..2t+k-2, challenge by challenge). The same inputs give the same bytes; other values, another
committee or attempt (in ``context``) never meet the same masks.

**Seeds.** Seat j < t gets no vector but a seed: one sample of L + 2c elements from
XOF("peerd/deal/seed"; seed) is its vector. **Vectors** are f_0..f_(L-1), u_0..u_(c-1),
z_0..z_(c-1), all at the seat's point.

**Summed constraints** (the Y polynomial, a mask y after z in every vector, its coefficients after
those of Z) join here; nothing below depends on there being only two kinds of polynomial.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from protocols.field import Elements, Residues
from protocols.hashing import Xof, digest
from protocols.proof.challenge import draw, forms
from protocols.proof.merkle import MerkleTree
from protocols.proof.shape import SALT_BYTES, SEED_BYTES, DealingShape

MIN_SECRET_BYTES = 32


@dataclass(frozen=True)
class Dealing:
    """What a dealer publishes (root, proof) and sends (packages[j] to seat j, privately).

    ``proof``: canonical field bytes, first the coefficients of D_0..D_(c-1), then those of
    Z_0/V..Z_(c-1)/V, lowest degree first.
    """

    root: bytes
    proof: bytes = field(repr=False)
    packages: tuple[bytes, ...] = field(repr=False)


@dataclass(frozen=True)
class Split:
    """Values split into shares, before commitment: secret, all of it.

    ``vectors`` (m, L + 2c): row j is seat j's vector. Rows 0..t-1 are the seeds' expansions.
    """

    seeds: tuple[bytes, ...] = field(repr=False)
    salts: tuple[bytes, ...] = field(repr=False)
    vectors: Elements = field(repr=False)


def deal(shape: DealingShape, values: Elements, secret: bytes, context: bytes) -> Dealing:
    """The dealing of ``values`` (|v|,), a pure function of its arguments.

    ``secret``: at least 32 uniform bytes, one round's. ``context``: 32 bytes or more that bind the
    round (module docstring of protocols.proof). Raises ValueError when a value is outside V: the
    committee would prove this dealer guilty.
    """
    outside = np.flatnonzero(shape.constraint.evaluate(shape.field, values))
    if len(outside):
        raise ValueError(f"value {int(outside[0])} breaks the aggregator's constraint")
    return seal(shape, context, split(shape, values, secret, context))


def split(shape: DealingShape, values: Elements, secret: bytes, context: bytes) -> Split:
    """Shares and masks for every seat. Doesn't check the values (an adversary's test doesn't)."""
    if len(secret) < MIN_SECRET_BYTES:
        raise ValueError(f"the dealing secret has {len(secret)} bytes; it takes {MIN_SECRET_BYTES}")
    sharing, count = shape.sharing, shape.challenges
    threshold, packing = sharing.threshold, sharing.packing
    fingerprint = digest("peerd/deal/values", shape.field.encode(values))
    xof = Xof("peerd/deal/randomness", secret, shape.identifier, context, fingerprint)
    seeds = tuple(xof.read(SEED_BYTES) for _ in range(threshold))
    salts = tuple(xof.read(SALT_BYTES) for _ in range(sharing.committee))
    z_free = threshold + packing - 1
    drawn = shape.field.sample(xof, count * (packing + z_free))
    u_slots = drawn[: count * packing].reshape(count, packing)
    z_values = drawn[count * packing :].reshape(count, z_free)
    return Split(
        seeds,
        salts,
        combine_shares(shape, shape.slot_values(values), u_slots, expand(shape, seeds), z_values),
    )


def expand(shape: DealingShape, seeds: tuple[bytes, ...] | list[bytes]) -> Elements:
    """The vectors of seed members, shape (len(seeds), L + 2c)."""
    return shape.field.sample_rows([Xof("peerd/deal/seed", seed) for seed in seeds], shape.elements)


def combine_shares(
    shape: DealingShape, secrets: Elements, u_slots: Elements, free: Elements, z_values: Elements
) -> Elements:
    """All vectors from all randomness, a bijection of it: shape (m, L + 2c).

    ``secrets`` (L, k), ``u_slots`` (c, k), ``free`` (t, L + 2c) the vectors of seats 0..t-1,
    ``z_values`` (c, t + k - 1) the masks z at seats t..2t+k-2.
    """
    sharing = shape.sharing
    first = secrets.shape[0] + u_slots.shape[0]
    shares = sharing.share(np.concatenate([secrets, u_slots]), free[:, :first])
    masks = sharing.slot_zero_masks(np.concatenate([free[:, first:], z_values.T]))
    vectors = np.empty((sharing.committee, free.shape[1]), shape.field.dtype)
    vectors[: sharing.threshold] = free
    vectors[sharing.threshold :, :first] = shares
    vectors[:, first:] = masks
    return vectors


def seal(shape: DealingShape, context: bytes, parts: Split) -> Dealing:
    """Commit to the vectors, draw the challenges from the root, and prove."""
    threshold = shape.plan.threshold
    encoded = [shape.field.encode(vector) for vector in parts.vectors[threshold:]]
    contents = [*parts.seeds, *encoded]
    tree = MerkleTree(
        [leaf(seat, contents[seat], parts.salts[seat]) for seat in range(len(contents))]
    )
    packages = tuple(
        contents[seat] + parts.salts[seat] + tree.path(seat) for seat in range(len(contents))
    )
    return Dealing(tree.root, prove(shape, context, tree.root, parts.vectors), packages)


def leaf(seat: int, content: bytes, salt: bytes) -> bytes:
    """The commitment to one seat's vector or seed.

    Without the salt, t shares and a guess of v would rebuild every leaf, and the root would
    confirm the guess.
    """
    return digest("peerd/deal/leaf", seat.to_bytes(4, "little"), salt, content)


def prove(shape: DealingShape, context: bytes, root: bytes, vectors: Elements) -> bytes:
    """The polynomials D and Z / V for the challenges that context and root give."""
    sharing = shape.sharing
    seats = max(sharing.degree + 1, sharing.quotient_terms)
    challenges = draw(shape, [(context, root)])
    first = vectors[:seats]
    linear, slot = forms(
        shape, first[:, : shape.polynomials], shape.padding_weight[:seats], challenges
    )
    d, quotient = prove_forms(shape, linear, slot, first[:, shape.polynomials :])
    return shape.field.encode(d) + shape.field.encode(quotient)


def prove_forms(
    shape: DealingShape, linear: Elements, slot: Elements, masks: Elements
) -> tuple[Residues, Residues]:
    """Coefficients of D (c, delta + 1) and Z / V (c, 2t + k - 1).

    ``linear``, ``slot`` (seats, c) are the masked forms' bare values at the first seats, ``masks``
    (seats, 2c) the values of u and z there.
    """
    sharing, count = shape.sharing, linear.shape[1]
    d = shape.field.add(linear, masks[:, :count])
    z = shape.field.add(slot, masks[:, count:])
    return (
        sharing.coefficients(np.ascontiguousarray(d[: sharing.degree + 1].T)),
        sharing.quotient_coefficients(np.ascontiguousarray(z[: sharing.quotient_terms].T)),
    )
