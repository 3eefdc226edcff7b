"""Relations with every kind of constraint, and a reference verifier of them in Python integers.

The verifier follows docs/protocol.md §3 and shares nothing with the code but hashes, the XOF and
the shape's identifier.
"""

from __future__ import annotations

from math import isqrt
from typing import TypeAlias

import numpy as np
from proof_world import SMALL, _horner, _repetitions, _sample

from protocols.errors import WireError
from protocols.field import P61, PrimeField
from protocols.hashing import Xof, digest
from protocols.plan import CommitteePlan
from protocols.proof import (
    BIT,
    FREE,
    DealingShape,
    Linear,
    Link,
    Relation,
    Segment,
    Smallness,
    Square,
    SummedConstraint,
)
from protocols.version import LATEST

Pairs: TypeAlias = list[tuple[list[int], list[int]]]
"""Of each projection, a and b."""
TWOS = np.array([1 << bit for bit in range(8)], np.int64)

BALL = Relation(
    (Segment("slack", 8, BIT, opened=False), Segment("w", 7, FREE)),
    summed=(SummedConstraint((Square("w", 1),), (Linear("slack", TWOS),), 255),),
)
"""||w||^2 + slack = 255: w in a ball. The hidden segment comes first in v."""

BALL_VALUES = np.array([1, 0, 0, 1, 0, 0, 1, 1, 3, -2, 0, 1, 4, 0, 0], np.int64)
"""9 + 4 + 1 + 16 = 30; 255 - 30 = 225 = 1 + 32 + 64 + 128."""
BALL_VALUES[:8] = [225 >> bit & 1 for bit in range(8)]

SMALL_BALL = Relation(BALL.segments, BALL.summed, smallness=(Smallness(("w",), 12),))

LINKED = Relation(
    (
        Segment("value", 6, FREE),
        Segment("low", 6, BIT, opened=False),
        Segment("high", 6, BIT, opened=False),
    ),
    links=(Link("value", (("low", 1), ("high", -2))),),
)
LINKED_VALUES = np.array([1, -1, -2, 0, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1, 1, 0, 0, 0], np.int64)

MIXED = Relation(
    (
        Segment("w", 5, FREE),
        Segment("x", 1, FREE),
        Segment("bits", 8, BIT, opened=False),
    ),
    summed=(
        SummedConstraint((), (Linear("x", 1), Linear("bits", -TWOS)), 0),
        SummedConstraint(
            (Square("x", 1), Square("w", -1)), (Linear("w", np.array([3, -1, 0, 2, 5])),), 20
        ),
        SummedConstraint((), (Linear("w", 2),), 4),
    ),
    links=(Link("w", (("w", 1),)),),
    smallness=(Smallness(("w",), 12), Smallness(("x",), 14)),
)
"""x in bits; x^2 - ||w||^2 + <w, g> = 20; 2 sum w = 4; a link that always holds."""
MIXED_W = [1, 2, -1, 0, 0]
MIXED_X = 5
MIXED_VALUES = np.array([*MIXED_W, MIXED_X, *(MIXED_X >> b & 1 for b in range(8))], np.int64)
"""25 - 6 + (3 - 2) = 20."""

PARTS = Relation(
    (
        Segment("one", 5, FREE),
        Segment("two", 6, FREE),
        Segment("sum of one", 8, BIT, opened=False),
        Segment("sum of two", 8, BIT, opened=False),
        Segment("slack", 8, BIT, opened=False),
    ),
    summed=(
        SummedConstraint((Square("one", -1),), (Linear("sum of one", TWOS),)),
        SummedConstraint((Square("two", -1),), (Linear("sum of two", TWOS),)),
        SummedConstraint(
            (), (Linear("sum of one", TWOS), Linear("sum of two", TWOS), Linear("slack", TWOS)), 200
        ),
    ),
    smallness=(Smallness(("one", "two"), 12),),
)
"""A ball of radius sqrt(200) in two parts, small together."""
PARTS_VALUES = np.array(
    [
        *(1, -2, 0, 3, 1),
        *(4, 0, 0, -1, 2, 0),
        *(part >> bit & 1 for part in (15, 21, 200 - 36) for bit in range(8)),
    ],
    np.int64,
)

CASES = {
    "ball": (BALL, BALL_VALUES),
    "small ball": (SMALL_BALL, BALL_VALUES),
    "linked": (LINKED, LINKED_VALUES),
    "mixed": (MIXED, MIXED_VALUES),
    "parts": (PARTS, PARTS_VALUES),
}


def shaped(
    relation: Relation,
    plan: CommitteePlan = SMALL,
    field: PrimeField = P61,
    version: int = LATEST,
) -> DealingShape:
    return DealingShape(plan, field, relation, version)


def counts(version: int, k: int) -> tuple[int, int]:
    """Vectors a, and vectors b for each of them."""
    if version == 2:
        return 309, 1
    return (128, 1) if k == 1 else (189, 2)


class Reference:
    """Everything a verifier of this shape knows, one number at a time."""

    def __init__(self, of: DealingShape) -> None:
        self.of, self.p, self.plan = of, of.field.p, of.plan
        self.k, self.t = of.plan.packing, of.plan.threshold
        self.reps = _repetitions(of)
        self.first: dict[str, int] = {}
        end = 0
        segments = of.relation.segments
        for segment in [s for s in segments if s.opened] + [s for s in segments if not s.opened]:
            self.first[segment.name] = end
            end += -(-segment.length // self.k)
        self.encoded = end
        rows, vectors = counts(of.version, self.k)
        self.all = rows * vectors
        self.groups = -(-self.all // self.k)
        self.bits = []
        for small in of.relation.smallness:
            self.bits.append(end)
            end += (small.bits - 1) * self.groups
        self.polynomials = end
        self.sums = len(of.relation.summed) + self.all * len(of.relation.smallness)
        self.elements = end + self.reps * (3 if self.sums else 2)
        points = [(i + 1) // 2 * (1 if i % 2 else -1) for i in range(self.k + of.plan.committee)]
        self.slots, self.seats = points[: self.k], points[self.k :]

    def count(self, name: str) -> int:
        length = next(s.length for s in self.of.relation.segments if s.name == name)
        return -(-length // self.k)

    def verdict(self, seat: int, context: bytes, root: bytes, proof: bytes, package: bytes) -> str:
        two = bool(self.of.relation.smallness)
        levels = (self.plan.committee - 1).bit_length()
        width = self.of.field.element_bytes
        size = 32 if seat < self.t else self.elements * width
        if len(package) != size + 32 + 32 * levels * (2 if two else 1):
            return "unbound"
        content, salt, path = package[:size], package[size : size + 32], package[size + 32 :]
        if not two:
            first_root = self._climb("peerd/deal/leaf", seat, content, salt, path)
            reached = first_root
        else:
            half = 32 * levels
            cut = self.encoded * width
            parts = (content, content) if seat < self.t else (content[:cut], content[cut:])
            first_root = self._climb("peerd/deal/leaf/first", seat, parts[0], salt, path[:half])
            second = self._climb("peerd/deal/leaf/second", seat, parts[1], salt, path[half:])
            reached = digest("peerd/deal/roots", first_root, second)
        if reached != root:
            return "unbound"
        field = self.of.field
        sums_terms = 2 * (self.t + self.k - 1) if self.sums else 0
        d_terms, w_terms = self.t + self.k, 2 * self.t + self.k - 1
        try:
            published = field.decode(proof, self.reps * (d_terms + w_terms + sums_terms)).tolist()
            if seat < self.t:
                vector = _sample(field, Xof("peerd/deal/seed", content), self.elements)
            else:
                vector = field.decode(content, self.elements).tolist()
        except WireError:
            return "invalid"
        good = self._holds(seat, context, root, first_root, published, vector)
        return "valid" if good else "invalid"

    def _climb(self, domain: str, seat: int, content: bytes, salt: bytes, path: bytes) -> bytes:
        node = digest(domain, seat.to_bytes(4, "little"), salt, content)
        for level in range(len(path) // 32):
            sibling = path[32 * level : 32 * level + 32]
            pair = (sibling, node) if seat >> level & 1 else (node, sibling)
            node = digest("peerd/merkle/node", *pair)
        return node

    def _holds(
        self,
        seat: int,
        context: bytes,
        root: bytes,
        first_root: bytes,
        published: list[int],
        vector: list[int],
    ) -> bool:
        p, of, reps, x = self.p, self.of, self.reps, self.seats[seat]
        f, rest = vector[: self.polynomials], vector[self.polynomials :]
        u, z, y = rest[:reps], rest[reps : 2 * reps], rest[2 * reps :]
        slot_terms = self._slot_terms(f, x)
        widths = [*_tensor(self.polynomials + 1), *_tensor(len(slot_terms)), self.sums]
        stream = Xof("peerd/proof/challenge", of.identifier, context, root)
        drawn = iter(_sample(of.field, stream, reps * sum(widths)))
        coins = [[[next(drawn) for _ in range(width)] for _ in range(reps)] for width in widths]
        sums = self._sum_terms(f, x, context, first_root) if self.sums else []
        d_terms, w_terms = self.t + self.k, 2 * self.t + self.k - 1
        v = 1
        for slot in self.slots:
            v = v * (x - slot) % p
        for q in range(reps):
            r = [coins[0][q][i // widths[1]] * coins[1][q][i % widths[1]] for i in range(len(f))]
            s = [
                coins[2][q][i // widths[3]] * coins[3][q][i % widths[3]]
                for i in range(len(slot_terms))
            ]
            d = _horner(published[q * d_terms : (q + 1) * d_terms], x, p)
            if (sum(map(int.__mul__, r, f)) + u[q] - d) % p:
                return False
            start = reps * d_terms + q * w_terms
            quotient = _horner(published[start : start + w_terms], x, p)
            if (sum(map(int.__mul__, s, slot_terms)) + z[q] - v * quotient) % p:
                return False
            if self.sums and not self._sum_holds(q, x, published, coins[4][q], sums, y[q]):
                return False
        return True

    def _slot_terms(self, f: list[int], x: int) -> list[int]:
        p, relation, terms = self.p, self.of.relation, []
        segments = relation.segments
        ordered = [s for s in segments if s.opened] + [s for s in segments if not s.opened]
        for segment in ordered:
            c = segment.constraint
            if (c.c1, c.c2) != (0, 0):
                for row in range(self.count(segment.name)):
                    value = f[self.first[segment.name] + row]
                    terms.append((c.c1 * value + c.c2 * value * value) % p)
        terms += [(value - value * value) % p for value in f[self.encoded :]]
        for segment in ordered:
            last = self.first[segment.name] + self.count(segment.name) - 1
            used = segment.length - (self.count(segment.name) - 1) * self.k
            weight = 1
            for slot in self.slots[:used]:
                weight = weight * (x - slot) % p
            terms.append(weight * f[last] % p)
        for link in relation.links:
            for row in range(self.count(link.segment)):
                total = sum(factor * f[self.first[name] + row] for name, factor in link.parts)
                terms.append((total - f[self.first[link.segment] + row]) % p)
        return terms

    def _lagrange(self, x: int) -> list[int]:
        found = []
        for e in self.slots:
            top = bottom = 1
            for other in self.slots:
                if other != e:
                    top, bottom = top * (x - other) % self.p, bottom * (e - other) % self.p
            found.append(top * pow(bottom, -1, self.p) % self.p)
        return found

    def _sum_terms(self, f: list[int], x: int, context: bytes, root: bytes) -> list[int]:
        """Each constraint's polynomial at x."""
        p, relation, lag, k = self.p, self.of.relation, self._lagrange(x), self.k
        found = []
        for constraint in relation.summed:
            total = 0
            for square in constraint.squares:
                start = self.first[square.segment]
                block = f[start : start + self.count(square.segment)]
                total += square.factor * sum(value * value for value in block)
            for term in constraint.linear:
                start, given = self.first[term.segment], term.coefficients
                for row in range(self.count(term.segment)):
                    for s in range(k):
                        if isinstance(given, int):
                            total += given * lag[s] * f[start + row]
                        elif row * k + s < len(given):
                            total += int(given[row * k + s]) * lag[s] * f[start + row]
            found.append(total % p)
        drawn = self._drawn_in_2 if self.of.version == 2 else self._drawn_in_3
        for index, pairs in enumerate(drawn(context, root)):
            small = relation.smallness[index]
            start = self.first[small.segments[0]]
            for i, (a, b) in enumerate(pairs):
                value = sum(each * f[start + row] for row, each in enumerate(a))
                value *= sum(b[s] * lag[s] for s in range(k))
                for bit in range(small.bits - 1):
                    column = self.bits[index] + bit * self.groups + i // k
                    value -= (1 << bit) * lag[i % k] * f[column]
                found.append(value % p)
        return found

    def _widths(self) -> list[int]:
        """Polynomials of each smallness."""
        smallness = self.of.relation.smallness
        return [sum(self.count(name) for name in small.segments) for small in smallness]

    def _drawn_in_2(self, context: bytes, root: bytes) -> list[Pairs]:
        stream = Xof("peerd/proof/projections", self.of.identifier, context, root)
        found = []
        for width in self._widths():
            a = _signs(stream, self.all, width)
            found.append(list(zip(a, _signs(stream, self.all, self.k), strict=True)))
        return found

    def _drawn_in_3(self, context: bytes, root: bytes) -> list[Pairs]:
        rows, vectors = counts(3, self.k)
        found = []
        for index, width in enumerate(self._widths()):
            place = (self.of.identifier, context, root, index.to_bytes(4, "little"))
            bits: list[list[int]] = [[] for _ in range(rows + 1)]
            for chunk in range(-(-width // 2048)):
                size = min(2048, width - 2048 * chunk)
                stream = Xof("peerd/proof/projections/bits", *place, chunk.to_bytes(4, "little"))
                for row in bits:
                    data = stream.read(-(-size // 8))
                    row += [data[place // 8] >> place % 8 & 1 for place in range(size)]
            slots = [[1]] * self.all
            if self.k > 1:
                stream = Xof("peerd/proof/projections/slots", *place)
                slots = _signs(stream, self.all, self.k)
            left = [[one - zero for one, zero in zip(row, bits[0], strict=True)] for row in bits]
            found.append([(left[1 + i // vectors], b) for i, b in enumerate(slots)])
        return found

    def _sum_holds(
        self, q: int, x: int, published: list[int], s: list[int], sums: list[int], mask: int
    ) -> bool:
        p, relation, terms = self.p, self.of.relation, 2 * (self.t + self.k - 1)
        gammas = [constraint.constant for constraint in relation.summed]
        for small in relation.smallness:
            gammas += [-(1 << (small.bits - 2))] * self.all
        start = self.reps * (3 * self.t + 2 * self.k - 1) + q * terms
        y = [0, *published[start : start + terms]]
        wanted = sum(map(int.__mul__, s, gammas))
        missing = wanted - sum(_horner(y, slot, p) for slot in self.slots)
        y[0] = missing * pow(self.k, -1, p) % p
        return (sum(map(int.__mul__, s, sums)) + mask - _horner(y, x, p)) % p == 0


def _tensor(count: int) -> tuple[int, int]:
    columns = isqrt(count - 1) + 1
    return -(-count // columns), columns


def _signs(stream: Xof, rows: int, width: int) -> list[list[int]]:
    size = -(-rows * width // 8)
    one, two = stream.read(size), stream.read(size)
    signs = [(one[i // 8] >> i % 8 & 1) - (two[i // 8] >> i % 8 & 1) for i in range(rows * width)]
    return [signs[i * width : (i + 1) * width] for i in range(rows)]
