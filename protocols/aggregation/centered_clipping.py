"""Centered clipping in a box (paper §5.2, §B.4.2, Figure 8).

Each peer computes a momentum of its gradients (equation 5), takes x_i = w − η m_i, and deals
x_i − w, clipped to the box [−τ, τ]^d and mapped to integers in [0, 2^θ − 1]^d, in bits. Every peer
computes from the opened sums of the bit planes

    w ← w + (1/|D|) Σ_i min(τ, max(−τ, x_i − w))                             (equation 6)

How the paper's equations are read: its x_i stands for the momentum in equation 5 and for the
peer's model in equations 3, 4 and 6. Here m_i is the momentum and x_i = w − η m_i the model.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

import numpy as np

from protocols.aggregation import bits as binary
from protocols.aggregation import constants as read
from protocols.aggregation.contract import (
    AggregationError,
    Constants,
    Encoded,
    LocalRule,
    Model,
    Reference,
    Update,
)
from protocols.aggregation.model import canonical_model, check_model, check_pair
from protocols.aggregation.rounding import Rounding, change_of, check_preimage
from protocols.aggregation.schedule import Schedule
from protocols.proof import Relation

DEFAULTS: dict[str, int | str] = {
    "tau": "1/50",
    "theta": 8,
    "momentum": "9/10",
    "eta": "1",
    "decay": "none",
    "local_steps": 10,
    "batch": 32,
}
MIN_THETA, MAX_THETA = 4, 32
MAX_RADIUS = Fraction(1_000_000)
MAX_PARAMETERS = 1 << 26


@dataclass(frozen=True, slots=True)
class CenteredClipping:
    """τ and β as exact fractions; θ bits a coordinate."""

    radius: Fraction
    theta: int
    momentum: Fraction
    schedule: Schedule

    name: ClassVar[str] = "centered-clipping"
    weighted: ClassVar[bool] = False
    uses_reference: ClassVar[bool] = False

    @classmethod
    def from_constants(cls, given: Constants) -> CenteredClipping:
        """Reads and checks the genesis constants. Raises AggregationError."""
        values = read.complete(cls.name, given, DEFAULTS)
        return cls(
            radius=read.positive(values, "tau", MAX_RADIUS),
            theta=read.integer(values, "theta", MIN_THETA, MAX_THETA),
            momentum=read.momentum(values),
            schedule=Schedule.from_constants(values),
        )

    def constants(self) -> dict[str, int | str]:
        """The genesis form; fractions in lowest terms."""
        return {
            "tau": str(self.radius),
            "theta": self.theta,
            "momentum": str(self.momentum),
            **self.schedule.constants(),
        }

    @property
    def largest(self) -> int:
        """2^θ − 1, which stands for +τ."""
        return (1 << self.theta) - 1

    @property
    def scale(self) -> Fraction:
        """Integers a unit of a parameter."""
        return self.largest / (2 * self.radius)

    def relation(self, parameters: int, reference: Reference | None = None) -> Relation:
        """θ planes of d bits: every vector of bits is a point of the box."""
        if parameters > MAX_PARAMETERS:
            raise AggregationError(f"{parameters} parameters: at most {MAX_PARAMETERS} fit")
        return Relation(binary.planes(self.theta, parameters, opened=True))

    def largest_sum(self, parameters: int, weight: int) -> int:
        """A plane with all bits set."""
        return weight

    def local_rule(self, round: int) -> LocalRule:
        """Equation 5, and x_i = w − η m_i."""
        return self.schedule.descent(round, self.momentum)

    def encode(self, model: Model, update: Update, reference: Reference | None = None) -> Encoded:
        """Clips, scales, rounds by coins; bit planes (θ·d,), the lowest plane first."""
        check_pair(model, update)
        radius = float(self.radius)
        clipped = np.clip(change_of(model, update), -radius, radius)
        scaled = (clipped + radius) * float(self.scale)
        rounded = Rounding("peerd/clipping/coins", self.theta, model, update)(scaled)
        return binary.to_planes(np.clip(rounded, 0, self.largest), self.theta)

    def preimage(
        self, model: Model, encoded: Encoded, reference: Reference | None = None
    ) -> Update:
        """x = w + v/S − τ, float64: float32 doesn't hold θ bits beside the model's."""
        check_model(model)
        if encoded.shape != (self.theta * model.size,) or not np.isin(encoded, (0, 1)).all():
            raise AggregationError(f"an encoded update is {self.theta} bits a parameter")
        check_preimage(model, self.scale, self.theta)
        values = self._integers(encoded).astype(np.float64)
        return model.astype(np.float64) + (values / float(self.scale) - float(self.radius))

    def apply(self, model: Model, opened: Encoded, weight: int, round: int) -> Model:
        """Equation 6 with Σ clipped = τ·(2 Σ v/(2^θ − 1) − |D|).

        The numerator is an exact integer; each further line is one elementwise float64 operation,
        so the bits are the same on every machine.
        """
        check_model(model)
        if opened.shape != (self.theta * model.size,):
            raise AggregationError(f"{opened.size} sums were opened for {model.size} parameters")
        if opened.size and (int(opened.min()) < 0 or int(opened.max()) > weight):
            raise AggregationError(f"a sum of {weight} bits lies outside 0…{weight}")
        excess = 2 * self._integers(opened) - weight * self.largest
        wide = np.multiply(excess.astype(np.float64), float(self.radius))
        change = np.divide(wide, float(weight * self.largest))
        return canonical_model(np.add(model.astype(np.float64), change))

    def _integers(self, planes: Encoded) -> Encoded:
        """Σ_b 2^b·plane_b, (d,)."""
        by_plane = planes.reshape(self.theta, -1)
        total: Encoded = np.sum(by_plane << np.arange(self.theta)[:, None], axis=0, dtype=np.int64)
        return total
