"""What a peer deals under each rule that is attacked, and what dealt values say of its update."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol, cast

import numpy as np
import numpy.typing as npt

from peerd.laboratory.experiments.privacy.victims import (
    BITS,
    ONE_STEP,
    RATE,
    Rows,
    Victims,
    quantised,
    restored,
)
from peerd.laboratory.experiments.privacy.view import shape_of
from protocols.aggregation import aggregator
from protocols.aggregation.clear_sum import opened_part
from protocols.aggregation.contract import Aggregator, Constants, Encoded, Reference, Referenced
from protocols.hashing import digest
from protocols.plan import CommitteePlan
from protocols.proof import FREE, DealingShape, Relation, Segment

Floats = npt.NDArray[np.float64]
BOUND = 1.0
_GROUP = digest("peerd/lab/privacy/group")


class Tells(Enum):
    """What the values dealt are, of a gradient: how an inversion compares them with its own."""

    NUMBERS = "the gradient"
    DIRECTION = "the gradient, up to its length or cut"
    SIGNS = "the gradient's signs"


class Dealt(Protocol):
    """One rule, as its dealings are attacked. d is the number of parameters."""

    @property
    def name(self) -> str: ...

    @property
    def tells(self) -> Tells: ...

    @property
    def bits(self) -> bool:
        """Whether all that is opened is bits: then one share beyond t tells something."""

    @property
    def span(self) -> tuple[float, float]:
        """The least and the largest value that can be opened of one dealing."""

    def shape(self, victims: Victims, plan: CommitteePlan, peers: int) -> DealingShape:
        """The shape of the round's dealings."""

    def values(self, victims: Victims, rows: Rows) -> Encoded:
        """v (|v|,) of a peer with these training rows."""

    def noise(self, victims: Victims, rng: np.random.Generator) -> Encoded:
        """v (|v|,) of a dealer that colludes: it only has to be known and well formed."""

    def update(self, victims: Victims, rows: Rows) -> Floats:
        """What an inversion takes from the same peer's update in the clear: (d,)."""

    def target(self, opened: Floats) -> Floats:
        """What an inversion takes: (d,), from (estimates of) the opened values of one dealing."""


@dataclass(frozen=True)
class Gradients:
    """The gradient in 16-bit fixed point without any constraint: rules that sum gradients."""

    name: str = "gradient"
    tells: Tells = Tells.NUMBERS
    bits: bool = False
    span: tuple[float, float] = (0, (1 << BITS) - 1)

    def shape(self, victims: Victims, plan: CommitteePlan, peers: int) -> DealingShape:
        free = Relation((Segment("gradient", victims.model.size, FREE),))
        return shape_of(plan, free, peers << BITS)

    def values(self, victims: Victims, rows: Rows) -> Encoded:
        return quantised(victims.gradient(rows), BOUND).astype(np.int64)

    def noise(self, victims: Victims, rng: np.random.Generator) -> Encoded:
        return rng.integers(0, 1 << BITS, victims.model.size)

    def update(self, victims: Victims, rows: Rows) -> Floats:
        return victims.gradient(rows).astype(np.float64)

    def target(self, opened: Floats) -> Floats:
        return restored(opened, BOUND)


@dataclass(frozen=True)
class Lifted:
    """A rule that a group can choose: its own F^P and its own relation.

    ``read``: the gradient, as far as the rule keeps it, from a dealing's opened values. ``whole``:
    the update in the clear is the gradient, where F^P may keep nothing of it at all.
    """

    rule: Aggregator
    tells: Tells
    bits: bool
    span: tuple[float, float]
    read: Callable[[Floats], Floats] = field(repr=False)
    whole: bool = False

    @property
    def name(self) -> str:
        return self.rule.name

    def shape(self, victims: Victims, plan: CommitteePlan, peers: int) -> DealingShape:
        d = victims.model.size
        relation = self.rule.relation(d, self._reference(victims))
        return shape_of(plan, relation, self.rule.largest_sum(d, peers))

    def values(self, victims: Victims, rows: Rows) -> Encoded:
        step = victims.gradient(rows) * np.float32(RATE)
        reference = self._reference(victims)
        return self.rule.encode(victims.model, victims.model - step, reference)

    def noise(self, victims: Victims, rng: np.random.Generator) -> Encoded:
        reference = self._reference(victims)
        if self.bits:
            return rng.integers(0, 2, self.rule.relation(victims.model.size).length)
        steps = rng.standard_normal(victims.model.size).astype(np.float32)
        return self.rule.encode(victims.model, victims.model + steps, reference)

    def update(self, victims: Victims, rows: Rows) -> Floats:
        """What F^P keeps of it, in the clear."""
        if self.whole:
            return victims.gradient(rows).astype(np.float64)
        relation = self.rule.relation(victims.model.size, self._reference(victims))
        return self.target(opened_part(relation, self.values(victims, rows)).astype(np.float64))

    def target(self, opened: Floats) -> Floats:
        return self.read(opened)

    def _reference(self, victims: Victims) -> Reference | None:
        """The public root vector, from one step on all root data."""
        if not self.rule.uses_reference:
            return None
        step = victims.client.root_step(ONE_STEP, 0, victims.model, _GROUP)
        return cast(Referenced, self.rule).reference(step)


def _rsa() -> Lifted:
    rule = aggregator("rsa", {})
    return Lifted(rule, Tells.SIGNS, True, (0, 1), lambda opened: 2 * opened - 1)


def _box() -> Lifted:
    """The box holds x − w = −RATE·gradient, cut; integers 0 … 2^θ − 1 in planes of bits."""
    theta = 8
    rule = aggregator("centered-clipping", _constants(tau="1/50", theta=theta))
    top = (1 << theta) - 1

    def read(opened: Floats) -> Floats:
        planes = opened.reshape(theta, -1)
        integers = np.sum(planes * 2.0 ** np.arange(theta)[:, None], axis=0)
        found: Floats = (1 - integers * (2 / top)) / (50 * RATE)
        return found

    return Lifted(rule, Tells.DIRECTION, True, (0, 1), read)


def _ball() -> Lifted:
    theta = 16
    rule = aggregator("centered-clipping-l2", _constants(tau="1/2", theta=theta))
    limit = float((1 << (theta - 1)) - 1)
    return Lifted(
        rule, Tells.DIRECTION, False, (-limit, limit), lambda opened: -opened / (2 * limit * RATE)
    )


def _trust() -> Lifted:
    """W alone: the score beside it says nothing that W does not. A peer that disagrees with the
    root deals zeros."""
    theta = 15
    rule = aggregator("fltrust", _constants(alpha="1", theta=theta))
    scale = float((1 << theta) - 1)
    return Lifted(
        rule, Tells.DIRECTION, False, (-scale, scale), lambda opened: -opened[:-1] / scale, True
    )


def _constants(**given: int | str) -> Constants:
    return given


DEALT: dict[str, Dealt] = {
    each.name: each for each in (_rsa(), Gradients(), _box(), _ball(), _trust())
}
"""With the constants of configs/lab/table.toml, where they matter to what is dealt."""
