"""Planted bugs: sums over slots (Y), links, and the projections that show smallness."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from protocols.proof import Verdict, projections
from tests.mutation import sums
from tests.mutation.bug import Bugs

BUGS = Bugs()
plant, bug = BUGS.plant, BUGS.bug

CHECKING = "protocols.proof.checking:"
CHALLENGE = "protocols.proof.challenge:"
SMALLNESS = "protocols.proof.smallness:"
PROJECTIONS = "protocols.proof.projections:"


@bug("Y is not compared", CHECKING + "_agree", sums.sums, "accepted")
def _y_unchecked(sound: Any) -> Any:
    """The check is made with the vector's own Y in the place of the published one."""

    def agree(shape: Any, seat: int, *rest: Any) -> Any:
        from protocols.proof import checking

        if not shape.sums:
            return sound(shape, seat, *rest)
        compared, checking.published_sum = checking.published_sum, _anything
        try:
            return sound(shape, seat, *rest)
        finally:
            checking.published_sum = compared

    return agree


class _Anything:
    """Equal to every array."""

    __array_ufunc__ = None

    def __eq__(self, other: object) -> Any:
        return np.ones(np.shape(other), np.bool_)

    __hash__ = None  # type: ignore[assignment]


def _anything(*args: Any) -> Any:
    return _Anything()


plant(
    "what a sum must come to is not checked",
    "protocols.proof.sums:constants",
    lambda sound: lambda shape: sound(shape) * np.uint64(0),
    sums.sums,
    "accepted",
)


plant(
    "the squares of a sum are left out",
    "protocols.proof.sums:_squares",
    lambda sound: lambda shape: iter(()),
    sums.sums,
    "accepted",
)


@bug(
    "what the genesis names of a dealer is anything",
    CHECKING + "_check_batch",
    sums.counted,
    "accepted",
)
def _any_input(sound: Any) -> Any:
    """The check takes the number that the dealer says."""

    def batch(shape: Any, seat: int, items: Any, public: Any) -> Any:
        if not shape.relation.public_inputs:
            return sound(shape, seat, items, public)
        tried = [np.full_like(public, number) for number in range(60, 70)]
        found = [sound(shape, seat, items, each) for each in tried]
        return max(found, key=lambda judged: judged[0][0] is Verdict.VALID)

    return batch


@bug(
    "a single sum has no coefficient",
    CHALLENGE + "draw",
    sums.fitted(sums.BALL, sums.all_one),
    "accepted",
)
def _fixed(sound: Any) -> Any:
    def draw(shape: Any, commitments: Any) -> Any:
        drawn = sound(shape, commitments)
        return replace(drawn, sums=np.ones_like(drawn.sums)) if shape.sums == 1 else drawn

    return draw


plant(
    "the second root is left out of the challenge",
    "protocols.proof.dealing:joint_root",
    lambda sound: lambda roots: roots[0],
    sums.fitted(sums.SMALL_BALL, sums.by_the_first_root),
    "accepted",
)


@bug("links are not checked", CHALLENGE + "slot_terms", sums.links, "accepted")
def _no_links(sound: Any) -> Any:
    def slot_terms(shape: Any, shares: Any, padding_weight: Any) -> Any:
        terms = sound(shape, shares, padding_weight)
        blocks = [shape.layout.blocks[link.segment] for link in shape.relation.links]
        linked = sum(block.polynomials for block in blocks)
        terms[:, terms.shape[1] - linked :] = 0
        return terms

    return slot_terms


plant(
    "projections are drawn before what they project",
    PROJECTIONS + "draw",
    lambda sound: lambda shape, context, first_root: sound(shape, context, bytes(32)),
    sums.grounded,
    "accepted",
)
plant(
    "the bits of projections are not checked",
    "protocols.proof.shape:DealingShape.constrained",
    lambda sound: property(
        lambda shape: tuple(b for b in shape.layout.blocks.values() if b.constraint.c1)
    ),
    sums.whole,
    "accepted",
)


@bug(
    "projections are not compared with their bits",
    SMALLNESS + "projection_sum",
    sums.unlike,
    "accepted",
)
def _bound_alone(sound: Any) -> Any:
    """Their sum is taken for what it must come to on the slots, whatever was dealt."""

    def projection_sum(
        shape: Any, each: Any, found: Any, seats: Any, shares: Any, coefficients: Any
    ) -> Any:
        field = shape.field
        total = field.mul(field.sum(coefficients, axis=2), field.array([-each.small.bound]))
        return np.broadcast_to(shape.sharing.mean_over_slots(total), (len(shares), total.shape[1]))

    return projection_sum


@bug("a projection's bound is 2 B off", "protocols.proof.sums:constants", sums.honest, "framed")
def _off(sound: Any) -> Any:
    def constants(shape: Any) -> Any:
        found = sound(shape)
        for index, each in enumerate(shape.layout.projected):
            count = shape.projections.all
            start = len(shape.relation.summed) + index * count
            found[start : start + count] = each.small.bound
        return found

    return constants


plant(
    "a projection's bound is doubled, and its bits are not",
    "protocols.proof.constraints:Smallness.bound",
    lambda sound: property(lambda small: 1 << (small.bits - 1)),
    sums.honest,
    "framed",
)


@bug(
    "the row that projections have in common is not subtracted",
    PROJECTIONS + "_Shared.fold",
    sums.mean,
    "framed",
    seeds=1,
)
def _leaning(sound: Any) -> Any:
    def fold(self: Any, field: Any, values: Any) -> Any:
        total = np.zeros((self.rows, values.shape[1]), np.uint64)
        for chunk, start in enumerate(range(0, len(values), projections.CHUNK)):
            part = values[start : start + projections.CHUNK]
            bits = self._bits(chunk, len(part))[1:]
            total = field.add(total, field.signed_matmul(bits, part))
        return total

    return fold


plant(
    "all chunks of a smallness have the same bits",
    PROJECTIONS + "_Shared._bits",
    lambda sound: lambda self, chunk, width: sound(self, 0, width),
    sums.opposite,
    "accepted",
    seeds=1,
)
plant(
    "the first of a smallness' segments is projected alone",
    "protocols.proof.layout:Layout._together",
    lambda sound: lambda self, names: sound(self, names[:1]),
    sums.last,
    "accepted",
)
plant(
    "the sums of a ball's parts are not those of their squares",
    "protocols.aggregation.square_sum:SquareSum.constraints",
    lambda sound: property(lambda squares: iter(())),
    sums.parts,
    "accepted",
    seeds=1,
)
plant(
    "each block has the radius of the whole",
    "protocols.aggregation.blocks:Blocks.divide",
    lambda sound: (
        lambda self, parameters, limit: tuple(
            replace(block, limit=limit) for block in sound(self, parameters, limit)
        )
    ),
    sums.blocks,
    "accepted",
)
