"""Dealings that cheat on a sum, a link or a projection: the committee must see it.

Each is made by the real dealer with one thing replaced, and judged by every seat. Shapes are new
for each dealing: a shape keeps what it has computed, and a planted bug must be met.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from peerd.laboratory.simulation.oracle import demand
from protocols.aggregation import aggregator
from protocols.field import P61, Elements
from protocols.hashing import digest
from protocols.proof import (
    BIT,
    FREE,
    Dealing,
    DealingShape,
    Linear,
    Link,
    ProjectionOverflow,
    Relation,
    Scaled,
    Segment,
    Smallness,
    Square,
    SummedConstraint,
    Verdict,
    check,
    seal,
    split,
)
from protocols.proof.challenge import draw
from protocols.proof.dealing import Split, commit, joint_root
from protocols.proof.layout import Projected
from protocols.proof.projections import CHUNK, Projections
from protocols.proof.projections import draw as draw_projections
from tests.mutation.planting import planted
from tests.simulation.swarm import TEN

CONTEXT = digest("lab/context")
TWOS = np.array([1 << bit for bit in range(8)], np.int64)
BALL = Relation(
    (Segment("slack", 8, BIT, opened=False), Segment("w", 7, FREE)),
    summed=(SummedConstraint((Square("w", 1),), (Linear("slack", TWOS),), 255),),
)
"""||w||^2 + slack = 255."""
SMALL_BALL = Relation(BALL.segments, BALL.summed, smallness=(Smallness(("w",), 12),))
LINKED = Relation(
    (Segment("value", 6, FREE), Segment("bit", 6, BIT, opened=False)),
    links=(Link("value", (("bit", 3),)),),
)
COUNTED = Relation(
    (Segment("takes part", 1, BIT), Segment("rows", 1, FREE)),
    summed=(SummedConstraint(linear=(Linear("rows", 1),), scaled=(Scaled("takes part", 0, -1),)),),
)
"""rows are those that the genesis names of the dealer, or none."""
COUNT = 384
"""More values than projections: some W has all of them zero."""
MANY = Relation((Segment("w", COUNT, FREE),), smallness=(Smallness(("w",), 12),))

Predict = Callable[[DealingShape, Split], Elements]


def shaped(relation: Relation) -> DealingShape:
    return DealingShape(TEN, P61, relation)


def secret(seed: int) -> bytes:
    return digest("lab/secret", bytes([seed]))


def ball(seed: int) -> np.ndarray:
    """Values in V: 255 - ||w||^2 in bits, then w."""
    w = np.random.default_rng(seed).integers(-5, 6, 7)
    slack = 255 - int(w @ w)
    return np.array([*(slack >> bit & 1 for bit in range(8)), *w], np.int64)


def verdicts(of: DealingShape, made: Dealing, public: tuple[int, ...] = ()) -> set[Verdict]:
    item = CONTEXT, made.root, made.proof
    return {check(of, seat, *item, package, public) for seat, package in enumerate(made.packages)}


def caught(of: DealingShape, made: Dealing, what: str, public: tuple[int, ...] = ()) -> None:
    found = verdicts(of, made, public)
    demand(Verdict.UNBOUND not in found, "framed", f"{what}: a package opens no root")
    demand(Verdict.INVALID in found, "accepted", what)


def honest(seed: int) -> None:
    """With sums and projections; every seat must accept it."""
    of = shaped(SMALL_BALL)
    made = seal(of, CONTEXT, split(of, ball(seed), secret(seed), CONTEXT))
    demand(verdicts(of, made) == {Verdict.VALID}, "framed", "an honest dealing is refused")


def sums(seed: int) -> None:
    """Sums that come to something else: to nothing at all, or in their squares alone."""
    nothing, long = np.zeros(15, np.int64), ball(seed)
    long[:8] = 1  # 255: the slack alone would do
    long[8 + seed % 7] += 9
    for what, values in (("a sum that is 0", nothing), ("a vector that is too long", long)):
        for relation in (BALL, SMALL_BALL):
            of = shaped(relation)
            made = seal(of, CONTEXT, split(of, values, secret(seed), CONTEXT))
            caught(of, made, what)


def counted(seed: int) -> None:
    """More rows than the dealer's own: proven with the dealer's number, and with another's."""
    of, values = shaped(COUNTED), np.array([1, 61 + seed % 7], np.int64)
    parts = split(of, values, secret(seed), CONTEXT)
    for public in ((60,), (61 + seed % 7,)):
        caught(of, seal(of, CONTEXT, parts, public), "rows that a dealer does not have", (60,))


def fitted(relation: Relation, predict: Predict) -> Callable[[int], None]:
    """A sum that is off, and a mask y whose slots make up for it under predicted coefficients."""

    def attack(seed: int) -> None:
        of, values = shaped(relation), ball(seed)
        values[8] += 2 if values[8] >= 0 else -2
        off = int(values[8:] @ values[8:]) + int(values[:8] @ TWOS) - 255
        parts = split(of, values, secret(seed), CONTEXT)
        first = of.polynomials + 2 * of.challenges
        bend = _bend(of, [-off * int(each) for each in predict(of, parts)])
        masks = parts.vectors[:, first:]
        masks[:] = of.field.add(masks, bend)
        caught(of, seal(of, CONTEXT, parts), "a sum that a mask makes up for")

    return attack


def _bend(of: DealingShape, totals: list[int]) -> Elements:
    """A polynomial for each total, which its slots come to, at all seats: (m, c). It is 0 at the
    seats that get seeds, which no dealer can choose.
    """
    p, t = of.field.p, of.plan.threshold
    seats, slots = [int(x) for x in of.sharing.seats], [int(x) for x in of.sharing.slots]

    def vanishing(x: int) -> int:
        product = 1
        for seat in seats[:t]:
            product = product * (x - seat) % p
        return product

    scale = pow(sum(map(vanishing, slots)), -1, p)
    rows = [[total * scale * vanishing(seat) % p for total in totals] for seat in seats]
    return np.array(rows, np.uint64)


def all_one(of: DealingShape, parts: Split) -> Elements:
    """A single sum's coefficient, if it had none."""
    return np.ones(of.challenges, np.uint64)


def by_the_first_root(of: DealingShape, parts: Split) -> Elements:
    """The masks lie under the second root: challenges of the first alone would be known."""
    root = joint_root([commit(of, parts)[0].root, bytes(32)])
    return draw(of, [(CONTEXT, root)]).sums[0, :, 0]


def links(seed: int) -> None:
    """One value that is not what its bits say."""
    bits = np.random.default_rng(seed).integers(0, 2, 6)
    values = np.concatenate([3 * bits, bits])
    values[seed % 6] += 1
    of = shaped(LINKED)
    caught(of, seal(of, CONTEXT, split(of, values, secret(seed), CONTEXT)), "a broken link")


def grounded(seed: int) -> None:
    """A huge W, all of whose projections are 0 under rows that were drawn before it was."""
    of = shaped(MANY)
    known, w = _known()
    with planted("protocols.proof.projections:draw", lambda sound: lambda *place: known):
        made = seal(of, CONTEXT, split(of, w, secret(seed), CONTEXT))
    caught(of, made, "a huge vector under projections that were known")


@cache
def _known() -> tuple[list[Projections], Elements]:
    """Rows that depend on no root, and the W."""
    of = shaped(MANY)
    drawn = draw_projections(of, CONTEXT, bytes(32))
    return drawn, _kernel(of, drawn[0])


def _kernel(of: DealingShape, drawn: Projections) -> Elements:
    """W with a_i^T W b_i = 0 for all i, by elimination of all forms."""
    field, polynomials = of.field, of.layout.projected[0].values.polynomials
    rows = field.centred(drawn.fold(field, np.eye(polynomials, dtype=np.uint64)))
    left = np.repeat(rows, of.projections.vectors, axis=0)
    forms = np.einsum("il,ik->ilk", left, drawn.right.astype(np.int64))
    matrix = field.array(forms.reshape(of.projections.all, COUNT))
    pivots: list[int] = []
    for column in range(COUNT):
        used = len(pivots)
        candidates = np.flatnonzero(matrix[used:, column]) + used
        if not len(candidates):
            continue
        matrix[[used, candidates[0]]] = matrix[[candidates[0], used]]
        matrix[used] = field.mul(matrix[used], field.inverse(matrix[used : used + 1, column]))
        factors = matrix[:, column].copy()
        factors[used] = 0
        matrix = field.sub(matrix, field.mul(factors[:, None], matrix[used][None]))
        pivots.append(column)
    free = next(column for column in range(COUNT) if column not in pivots)
    w = np.zeros(COUNT, np.uint64)
    w[free] = 1
    w[pivots] = field.neg(matrix[: len(pivots), free])
    return w


def _of_the_last_of(length: int, seed: int) -> tuple[DealingShape, Elements]:
    """A shape of so many values, small together."""
    segments = Segment("w", length, FREE), Segment("x", 1, FREE)
    of = shaped(Relation(segments, smallness=(Smallness(("w", "x"), 12),)))
    values = np.zeros(length + 1, np.int64)
    values[-1] = 1 << (28 + seed % 8)
    return of, values


def last(seed: int) -> None:
    """A huge value at the end: in the second segment of a smallness."""
    of, values = _of_the_last_of(7, seed)
    with planted("protocols.proof.smallness:_bit_slots", _cut):
        made = seal(of, CONTEXT, split(of, values, secret(seed), CONTEXT))
    caught(of, made, "a value that is too large in the last segment")


def opposite(seed: int) -> None:
    """W and -W, as many polynomials apart as bits are drawn at once."""
    apart = CHUNK * TEN.packing
    of = shaped(Relation((Segment("w", 2 * apart, FREE),), smallness=(Smallness(("w",), 12),)))
    values = np.zeros(2 * apart, np.int64)
    place = np.random.default_rng(seed).integers(apart)
    values[place], values[place + apart] = 1 << 40, -1 << 40
    with planted("protocols.proof.smallness:_bit_slots", _cut):
        made = seal(of, CONTEXT, split(of, values, secret(seed), CONTEXT))
    caught(of, made, "opposite values, a chunk apart")


def _cut(sound: Callable[..., Elements]) -> Callable[..., Elements]:
    """Bits that hold as much of a projection as there is room for."""

    def bit_slots(of: DealingShape, each: Projected, y: Elements) -> Elements:
        bound = np.full(len(y), each.small.bound, np.uint64)
        fitting = of.field.add(y, bound) % (np.uint64(2) * bound)
        return sound(of, each, of.field.sub(fitting, bound))

    return bit_slots


def parts(seed: int) -> None:
    """A vector beyond its ball, in a part whose bits say less."""
    rule = aggregator("weighted-mean", {"theta": 18})
    ball, parameters = rule.ball, 8200 + seed % 7  # type: ignore[attr-defined]
    of = DealingShape(TEN, P61, ball.relation(parameters))
    vector = np.zeros(parameters, np.int64)
    vector[5000] = ball.limit + 1 + seed
    values = ball.lay_out(np.zeros(parameters, np.int64))
    values[:parameters] = vector
    made = seal(of, CONTEXT, split(of, values, secret(seed), CONTEXT))
    caught(of, made, "a part of a ball whose bits say nothing of it")


def blocks(seed: int) -> None:
    """A vector far inside the ball as a whole, and beyond that of a block."""
    rule = aggregator("weighted-mean", {"theta": 20, "blocks": 8})
    ball, parameters = rule.ball, 21  # type: ignore[attr-defined]
    of = DealingShape(TEN, P61, ball.relation(parameters))
    vector = np.zeros(parameters, np.int64)
    vector[seed % 8] = ball.limit * 2 // 3  # a block's radius is less than that of 8 in 21
    made = seal(of, CONTEXT, split(of, ball.lay_out(vector), secret(seed), CONTEXT))
    caught(of, made, "a block beyond its own ball")


def mean(seed: int) -> None:
    """An honest vector whose entries are all alike, of as large a norm as it may have."""
    length = 30_000
    bits = Smallness.bits_for(1 << 10)
    of = shaped(Relation((Segment("w", length, FREE),), smallness=(Smallness(("w",), bits),)))
    values = np.full(length, 5 if seed % 2 else -5, np.int64)
    try:
        made = seal(of, CONTEXT, split(of, values, secret(seed), CONTEXT))
    except ProjectionOverflow:
        demand(False, "framed", "an honest vector can't be dealt")
    demand(verdicts(of, made) == {Verdict.VALID}, "framed", "an honest dealing is refused")


def _with_bits(seed: int, what: str, lay: Callable[[DealingShape, Elements], Elements]) -> None:
    """A coordinate that is far too large, and ``lay`` in the place of its projections' bits."""
    values = np.zeros(7, np.int64)
    values[seed % 7] = 1 << 28
    of = shaped(Relation(SMALL_BALL.segments[1:], smallness=SMALL_BALL.smallness))

    def bits(of: DealingShape, each: object, y: Elements) -> Elements:
        return lay(of, y).reshape(-1, of.plan.packing)

    with planted("protocols.proof.smallness:_bit_slots", lambda sound: bits):
        made = seal(of, CONTEXT, split(of, values, secret(seed), CONTEXT))
    caught(of, made, what)


def _no_bits(of: DealingShape) -> Elements:
    planes = of.layout.projected[0].planes
    return np.zeros((planes, of.layout.groups * of.plan.packing), np.uint64)


def whole(seed: int) -> None:
    """Projections that lie whole in the place of a bit."""

    def lay(of: DealingShape, y: Elements) -> Elements:
        laid, bound = _no_bits(of), of.layout.projected[0].small.bound
        laid[0, : len(y)] = of.field.add(y, np.full(len(y), bound, np.uint64))
        return laid

    _with_bits(seed, "projections that are not in bits", lay)


def unlike(seed: int) -> None:
    """Bits, but not those of the projections."""
    _with_bits(seed, "bits of other projections", lambda of, y: _no_bits(of))
