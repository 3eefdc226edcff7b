"""Shapes, dealings, and a reference verifier in Python integers."""

from __future__ import annotations

from math import comb, isqrt

import numpy as np

from protocols.errors import WireError
from protocols.field import P16, PrimeField
from protocols.hashing import Xof, digest
from protocols.plan import CommitteePlan
from protocols.proof import BIT, Dealing, DealingShape, Split, one_segment
from protocols.proof.dealing import leaf, prove
from protocols.proof.merkle import MerkleTree

SECRET, CONTEXT = b"s" * 32, b"c" * 32
SMALL = CommitteePlan(committee=10, threshold=1, packing=4, absent=0)
WIDE = CommitteePlan(committee=24, threshold=3, packing=5, absent=2)


def shape(plan: CommitteePlan = SMALL, length: int = 23, field: PrimeField = P16) -> DealingShape:
    return DealingShape(plan, field, one_segment(length, BIT))


def bits(length: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2, length).astype(np.uint32)


def commit(
    of: DealingShape, parts: Split, contents: list[bytes], context: bytes = CONTEXT
) -> Dealing:
    """Any contents whatever under a root, with the proof that belongs to the vectors."""
    seats = range(len(contents))
    tree = MerkleTree([leaf(seat, contents[seat], parts.salts[seat]) for seat in seats])
    packages = tuple(contents[seat] + parts.salts[seat] + tree.path(seat) for seat in seats)
    return Dealing(tree.root, prove(of, context, tree.root, parts.vectors, tree.root), packages)


def contents_of(of: DealingShape, parts: Split) -> list[bytes]:
    vectors = [of.field.encode(row) for row in parts.vectors[len(parts.seeds) :]]
    return [*parts.seeds, *vectors]


# the reference: docs/protocol.md §3 line by line, one element at a time


def reference(
    of: DealingShape, seat: int, context: bytes, root: bytes, proof: bytes, package: bytes
) -> str:
    """ "unbound", "invalid" or "valid"."""
    content = _opened(of, seat, root, package)
    if content is None:
        return "unbound"
    return "valid" if _holds(of, seat, context, root, proof, content) else "invalid"


def _opened(of: DealingShape, seat: int, root: bytes, package: bytes) -> bytes | None:
    levels = (of.plan.committee - 1).bit_length()
    size = 32 if seat < of.plan.threshold else _count(of) * of.field.element_bytes
    if len(package) != size + 32 + 32 * levels:
        return None
    content, salt, path = package[:size], package[size : size + 32], package[size + 32 :]
    node = digest("peerd/deal/leaf", seat.to_bytes(4, "little"), salt, content)
    for level in range(levels):
        sibling = path[32 * level : 32 * level + 32]
        pair = (sibling, node) if seat >> level & 1 else (node, sibling)
        node = digest("peerd/merkle/node", *pair)
    return content if node == root else None


def _count(of: DealingShape) -> int:
    return -(-of.length // of.plan.packing) + 2 * _repetitions(of)


def _repetitions(of: DealingShape) -> int:
    p, choices = of.field.p, comb(of.plan.committee, of.plan.absent)
    return next(c for c in range(1, 200) if choices * (2 / p) ** c <= 2.0**-128)


def _sample(field: PrimeField, stream: Xof, count: int) -> list[int]:
    accepted: list[int] = []
    while len(accepted) < count:
        word = int.from_bytes(stream.read(field.element_bytes), "little")
        word &= (1 << field.p.bit_length()) - 1
        if word < field.p:
            accepted.append(word)
    return accepted


def _horner(coefficients: list[int], x: int, p: int) -> int:
    value = 0
    for coefficient in reversed(coefficients):
        value = (value * x + coefficient) % p
    return value


def _holds(
    of: DealingShape, seat: int, context: bytes, root: bytes, proof: bytes, content: bytes
) -> bool:
    field, plan, p = of.field, of.plan, of.field.p
    count, reps = -(-of.length // plan.packing), _repetitions(of)
    d_terms, w_terms = plan.threshold + plan.packing, 2 * plan.threshold + plan.packing - 1
    try:
        published = field.decode(proof, reps * (d_terms + w_terms)).tolist()
        if seat < plan.threshold:
            vector = _sample(field, Xof("peerd/deal/seed", content), _count(of))
        else:
            vector = field.decode(content, _count(of)).tolist()
    except WireError:
        return False
    shares, u, z = vector[:count], vector[count : count + reps], vector[count + reps :]
    points = [(i + 1) // 2 * (1 if i % 2 else -1) for i in range(plan.packing + plan.committee)]
    slots, x = points[: plan.packing], points[plan.packing + seat]
    used = plan.packing - (count * plan.packing - of.length)
    v, weight = 1, 1
    for index, slot in enumerate(slots):
        v = v * (x - slot) % p
        weight = weight * (x - slot) % p if index < used else weight
    columns = isqrt(count) + 1
    rows = -(-(count + 1) // columns)
    stream = Xof("peerd/proof/challenge", of.identifier, context, root)
    drawn = iter(_sample(field, stream, 2 * reps * (rows + columns)))
    a_r, b_r, a_s, b_s = (
        [[next(drawn) for _ in range(width)] for _ in range(reps)]
        for width in (rows, columns, rows, columns)
    )
    terms = [(f - f * f) % p for f in shares] + [weight * shares[-1] % p]
    for q in range(reps):
        r = [a_r[q][i // columns] * b_r[q][i % columns] for i in range(count)]
        s = [a_s[q][i // columns] * b_s[q][i % columns] for i in range(count + 1)]
        left = (sum(map(int.__mul__, r, shares)) + u[q]) % p
        if left != _horner(published[q * d_terms : (q + 1) * d_terms], x, p):
            return False
        start = reps * d_terms + q * w_terms
        right = v * _horner(published[start : start + w_terms], x, p) % p
        if (sum(map(int.__mul__, s, terms)) + z[q]) % p != right:
            return False
    return True
