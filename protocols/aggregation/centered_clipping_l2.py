"""Centered clipping in a 2-norm ball: the rule of Karimireddy, He and Jaggi (ICML 2021).

The paper gave it up for want of a proof that ‖x_i − w‖ ≤ τ (§B.4.2); protocols.aggregation.ball has
one. Momentum and reading of the equations as in protocols.aggregation.centered_clipping; clipping
by equation 3, the mean of the clipped changes by equation 4.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

from protocols.aggregation import constants as read
from protocols.aggregation.ball import Ball
from protocols.aggregation.contract import (
    Constants,
    Encoded,
    LocalRule,
    Model,
    Reference,
    Update,
)
from protocols.aggregation.noise import (
    ROOM,
    member_mechanism,
    multiplier_constant,
    read_multiplier,
)
from protocols.aggregation.schedule import Schedule
from protocols.privacy import Mechanism
from protocols.proof import Relation

DEFAULTS: dict[str, int | str] = {
    "tau": "1",
    "theta": 16,
    "proof": "norm",
    "blocks": "whole",
    "momentum": "9/10",
    "eta": "1",
    "decay": "none",
    "local_steps": 10,
    "batch": 32,
    "noise": "0",
}


@dataclass(frozen=True, slots=True)
class CenteredClippingL2:
    """The ball has τ, θ and the kind of proof; β is an exact fraction. ``noise``: the standard
    deviation of all noise over T, 0 for none.
    """

    ball: Ball
    momentum: Fraction
    schedule: Schedule
    noise: Fraction = Fraction(0)

    name: ClassVar[str] = "centered-clipping-l2"
    weighted: ClassVar[bool] = False
    uses_reference: ClassVar[bool] = False

    @classmethod
    def from_constants(cls, given: Constants) -> CenteredClippingL2:
        """Reads and checks the genesis constants. Raises AggregationError."""
        values = read.complete(cls.name, given, DEFAULTS)
        noise = read_multiplier(values)
        return cls(
            ball=Ball.from_constants(values, ROOM if noise else 1),
            momentum=read.momentum(values),
            schedule=Schedule.from_constants(values),
            noise=noise,
        )

    def constants(self) -> dict[str, int | str]:
        """The genesis form; fractions in lowest terms."""
        return {
            **self.ball.constants(),
            "momentum": str(self.momentum),
            **self.schedule.constants(),
            **multiplier_constant(self.noise),
        }

    @property
    def unit(self) -> str:
        """A member's whole update is protected, where there is noise."""
        return "member" if self.noise else ""

    def mechanism(self, parameters: int) -> Mechanism:
        """A member moves the sum by T at most."""
        return member_mechanism(self.ball.limit, self.noise)

    def relation(self, parameters: int, reference: Reference | None = None) -> Relation:
        """Σ V_j² + slack = T_b² in each block, without wrap-around."""
        return self.ball.relation(parameters)

    def largest_sum(self, parameters: int, weight: int) -> int:
        """All mass in one coordinate."""
        return weight * self.ball.limit

    def local_rule(self, round: int) -> LocalRule:
        """Equation 5, and x_i = w − η m_i."""
        return self.schedule.descent(round, self.momentum)

    def encode(self, model: Model, update: Update, reference: Reference | None = None) -> Encoded:
        """Equation 3, in integers."""
        return self.ball.encode("peerd/clipping-l2/coins", model, update)

    def preimage(
        self, model: Model, encoded: Encoded, reference: Reference | None = None
    ) -> Update:
        """x = w + V/S."""
        return self.ball.preimage(model, encoded)

    def apply(self, model: Model, opened: Encoded, weight: int, round: int) -> Model:
        """Equation 4: w + (1/|D|) Σ V/S."""
        return self.ball.moved(model, opened, weight, noised=bool(self.noise))
