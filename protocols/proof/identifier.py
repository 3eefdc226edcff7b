"""What binds a shape into each challenge: two shapes that differ in anything have other bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from protocols.field import PrimeField
from protocols.hashing import digest
from protocols.proof.constraints import Linear, Segment
from protocols.proof.relation import Relation
from protocols.version import V3


def identifier(
    version: int, field: PrimeField, plan: Sequence[int], length: int, relation: Relation
) -> bytes:
    """32 bytes of a shape. ``plan``: its numbers; ``length``: of v with all projections."""
    p = field.p
    numbers = [p, *plan, length]
    if len(relation.segments) == 1 and not (
        relation.summed or relation.smallness or relation.links
    ):
        of = relation.segments[0].constraint
        numbers += [of.c0 % p, of.c1 % p, of.c2 % p]
        return digest("peerd/proof/shape", *[n.to_bytes(8, "little") for n in numbers])
    if version >= V3:
        numbers.append(version)
    parts = [n.to_bytes(8, "little") for n in numbers]
    relations = _relation_parts(version, field, relation)
    return digest("peerd/proof/shape/relation", *parts, *relations)


def _relation_parts(version: int, field: PrimeField, relation: Relation) -> Iterator[bytes]:
    """Each part of the relation as bytes, each kind behind its count; names by their index."""
    index = {segment.name: number for number, segment in enumerate(relation.segments)}
    yield _counts(len(relation.segments))
    for segment in relation.segments:
        of = segment.constraint
        yield _counts(segment.length, _use(segment)) + _factors(field, of.c0, of.c1, of.c2)
    yield _counts(len(relation.summed))
    for summed in relation.summed:
        yield _counts(len(summed.squares), len(summed.linear)) + _factors(field, summed.constant)
        for square in summed.squares:
            yield _counts(index[square.segment]) + _factors(field, square.factor)
        for term in summed.linear:
            yield _counts(index[term.segment]) + _coefficients(field, term)
    yield _counts(len(relation.links))
    for link in relation.links:
        yield _counts(index[link.segment], len(link.parts))
        for name, factor in link.parts:
            yield _counts(index[name]) + _factors(field, factor)
    for small in relation.smallness:
        more = [len(small.segments)] if version >= V3 else []
        yield _counts(index[small.segments[0]], small.bits, *more)
    for number, summed in enumerate(relation.summed):
        for scaled in summed.scaled:  # longer than a smallness: nothing is read in two ways
            named = _counts(number, index[scaled.segment], scaled.index)
            yield named + _factors(field, scaled.factor)


def _coefficients(field: PrimeField, term: Linear) -> bytes:
    """8 bytes for one number; a vector's elements, and one byte more where they are 8 as well:
    the segment's length is bound, so that nothing else could be read in two ways.
    """
    given = term.coefficients
    if isinstance(given, int):
        return _factors(field, given)
    elements = field.encode(field.array(given))
    return elements + bytes(1) if len(elements) == 8 else elements


def _factors(field: PrimeField, *numbers: int) -> bytes:
    return b"".join((number % field.p).to_bytes(8, "little") for number in numbers)


def _use(segment: Segment) -> int:
    """How the segment is opened, as a number: 0 is never."""
    if segment.late is not None:
        return segment.late.value
    return 2 if segment.opened and not segment.weighted else int(segment.opened)


def _counts(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(8, "little") for number in numbers)
