"""What an adversary with some committee seats sees of a round: real dealings, taken apart.

The view of a dealing is its header (root, D and Z / V) and the packages of the seats held. After
the opening the sum of the cohort joins it; the adversary subtracts what its own dealers put in.
Leaks can be planted: an attack that finds nothing must be known to find what is there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np
import numpy.typing as npt

from protocols.aggregation.clear_sum import opened_part
from protocols.field import Elements, Residues, field_for
from protocols.hashing import digest
from protocols.opening import open_sum, sum_noised
from protocols.plan import CommitteePlan
from protocols.proof import Dealing, DealingShape, Relation, Split, seal, split
from protocols.proof.dealing import expand
from protocols.proof.shape import SALT_BYTES, SEED_BYTES

Counts = npt.NDArray[np.int64]


class Leak(Enum):
    """A fault that the protocol does not have, planted in the dealings to try the attacks on."""

    NONE = "none"
    NO_MASKS = "masks of zero"
    NO_SUM_MASKS = "masks of Y of zero"
    NO_SALTS = "leaves without salt"


@dataclass(frozen=True)
class Seen:
    """One dealing as the adversary has it. ``shares`` (seats held, L), in the seats' order."""

    context: bytes
    root: bytes
    proof: bytes
    shares: Residues


@dataclass(frozen=True)
class View:
    """``opened``: the sum (opened values,) over the honest dealers, or None before the opening.

    ``seen`` holds the honest dealers' dealings only: the adversary made the others itself.
    """

    shape: DealingShape
    seats: tuple[int, ...]
    seen: tuple[Seen, ...]
    opened: Counts | None = None

    @property
    def honest(self) -> int:
        return len(self.seen)


def shape_of(plan: CommitteePlan, relation: Relation, largest_sum: int) -> DealingShape:
    """The shape of a round's dealings, in the field that a group would take."""
    field = field_for(largest_sum, plan.committee + plan.packing, relation.least_modulus)
    return DealingShape(plan, field, relation)


def dealing_of(
    shape: DealingShape, values: Elements | Counts, seed: int, dealer: int, leak: Leak = Leak.NONE
) -> tuple[bytes, Dealing]:
    """(context, dealing) of one dealer, by the protocol's own code but for the planted leak."""
    place = seed.to_bytes(8, "little"), dealer.to_bytes(8, "little")
    context = digest("peerd/lab/privacy/context", *place)
    secret = digest("peerd/lab/privacy/secret", *place)
    parts = planted(shape, split(shape, values, secret, context), leak)
    return context, seal(shape, context, parts)


def planted(shape: DealingShape, parts: Split, leak: Leak) -> Split:
    """The split with the leak in it."""
    if leak is Leak.NO_SALTS:
        return replace(parts, salts=(bytes(SALT_BYTES),) * len(parts.salts))
    if leak is not Leak.NONE:
        vectors = parts.vectors.copy()
        kept = 0 if leak is Leak.NO_MASKS else 2 * shape.challenges
        vectors[:, shape.polynomials + kept :] = 0
        return replace(parts, vectors=vectors)
    return parts


def see(shape: DealingShape, seats: Sequence[int], context: bytes, dealing: Dealing) -> Seen:
    """What the members in ``seats`` are sent of a dealing, with the seeds expanded."""
    rows = [_vector(shape, seat, dealing.packages[seat]) for seat in seats]
    shares = np.zeros((0, shape.polynomials), np.uint64)
    if rows:
        shares = np.stack(rows)[:, : shape.polynomials].astype(np.uint64)
    return Seen(context, dealing.root, dealing.proof, shares)


def watch(
    shape: DealingShape,
    values: Sequence[Elements | Counts],
    seats: Sequence[int],
    *,
    seed: int,
    opened: bool,
    colluding: Sequence[Elements | Counts] = (),
    leak: Leak = Leak.NONE,
) -> View:
    """The view of a round in which the honest dealers deal ``values`` (|v|,) each.

    ``colluding``: what the adversary's own dealers deal, which it subtracts from the opened sum;
    without noise. That of the honest ones is scrambled by the round's coin.
    """
    everybody = [*values, *colluding]
    dealt = [dealing_of(shape, v, seed, i, leak) for i, v in enumerate(everybody)]
    held = tuple(sorted(seats))
    seen = tuple(see(shape, held, *one) for one in dealt[: len(values)])
    if not opened:
        return View(shape, held, seen)
    every = range(shape.plan.committee)
    coin = digest("peerd/lab/privacy/coin", seed.to_bytes(8, "little"))
    kept = [see(shape, every, *one).shares.astype(shape.field.dtype) for one in dealt]
    dealers = range(len(kept))
    sums = [
        sum_noised(shape, dict(enumerate(shares[seat] for shares in kept)), dealers, coin)
        for seat in every
    ]
    entropy = digest("peerd/lab/privacy/entropy", seed.to_bytes(8, "little"))
    total = open_sum(shape, {seat: sums[seat] for seat in every}, entropy).values
    own = np.zeros(shape.relation.opened_length, np.int64)
    for value in colluding:
        own += opened_part(shape.relation, value.astype(np.int64))
    return View(shape, held, seen, total.astype(np.int64) - own)


def _vector(shape: DealingShape, seat: int, package: bytes) -> Elements:
    if seat < shape.plan.threshold:
        expanded: Elements = expand(shape, [package[:SEED_BYTES]])[0]
        return expanded
    return shape.field.decode(package[: shape.vector_bytes], shape.elements)
