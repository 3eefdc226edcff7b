"""What noise adds to an opened sum, for whoever knows what was dealt."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import numpy.typing as npt

from protocols.opening import scrambling
from protocols.proof import DealingShape, Late, Relation

Integers = npt.NDArray[np.int64]


def noise_in(relation: Relation, values: Integers) -> Integers:
    """The noise among the values (|v|,) of a dealing, one block after the other."""
    parts = [relation.segment(s.name) for s in relation.segments if s.late is Late.NOISE]
    return np.concatenate([values[part] for part in parts]) if parts else values[:0]


def added(shape: DealingShape, seed: bytes, dealer: int, noise: Integers) -> Integers:
    """What this dealer's noise is in the opened values (opened_length,)."""
    order, negative = scrambling(shape, seed, dealer)
    slots = np.zeros((shape.opened_polynomials, shape.plan.packing), np.int64)
    slots[: len(order)] = noise.reshape(-1, shape.plan.packing)[order]
    slots[: len(order)][negative] *= -1
    return shape.layout.opened_values(slots.view(np.uint64)).view(np.int64)


def added_by_all(
    shape: DealingShape, noisy: Collection[int], seed: bytes, noise: Mapping[int, Integers]
) -> Integers:
    """The sum of it over those dealers whose noise is added and known."""
    total: Integers = np.zeros(shape.relation.opened_length, np.int64)
    for dealer in sorted(noise.keys() & set(noisy)):
        total += added(shape, seed, dealer, noise[dealer])
    return total
