"""The weighted mean of clipped updates: federated averaging whose influence is proven.

McMahan et al. (2017) weight each site by its number of samples. Here the weights are public in the
genesis and at most ``cap``, every site descends from the common model on its own data, its change
is clipped to a 2-norm of τ with a proof, and

    w ← w + Σ_i n_i V_i/S / Σ_i n_i

so that a site moves the model by at most n_i·τ/Σ n, whatever it does. It isn't robust beyond that
bound: use it where sites lie seldom or not at all, and weights matter.
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
    "cap": 1_000,
    "eta": "1/2",
    "decay": "none",
    "local_steps": 10,
    "batch": 32,
    "noise": "0",
}
MAX_CAP = 1 << 20
"""A cohort of thousands of sites still sums to less than half of 2^61 − 1."""


@dataclass(frozen=True, slots=True)
class WeightedMean:
    """``cap``: no site weighs more. ``noise``: the standard deviation of all noise over cap · T,
    0 for none; it is not multiplied by weights.
    """

    ball: Ball
    cap: int
    schedule: Schedule
    noise: Fraction = Fraction(0)

    name: ClassVar[str] = "weighted-mean"
    weighted: ClassVar[bool] = True
    uses_reference: ClassVar[bool] = False

    @classmethod
    def from_constants(cls, given: Constants) -> WeightedMean:
        """Reads and checks the genesis constants. Raises AggregationError."""
        values = read.complete(cls.name, given, DEFAULTS)
        noise = read_multiplier(values)
        return cls(
            ball=Ball.from_constants(values, ROOM if noise else 1),
            cap=read.integer(values, "cap", 1, MAX_CAP),
            schedule=Schedule.from_constants(values),
            noise=noise,
        )

    def constants(self) -> dict[str, int | str]:
        """The genesis form; fractions in lowest terms."""
        own = {"cap": self.cap, **multiplier_constant(self.noise)}
        return {**self.ball.constants(), **own, **self.schedule.constants()}

    @property
    def largest_weight(self) -> int:
        return self.cap

    @property
    def unit(self) -> str:
        """A member's whole update is protected, where there is noise."""
        return "member" if self.noise else ""

    def mechanism(self, parameters: int) -> Mechanism:
        """A member moves the sum by cap · T at most."""
        return member_mechanism(self.cap * self.ball.limit, self.noise)

    def relation(self, parameters: int, reference: Reference | None = None) -> Relation:
        """Σ V_j² + slack = T_b² in each block, without wrap-around."""
        return self.ball.relation(parameters)

    def largest_sum(self, parameters: int, weight: int) -> int:
        """All mass in one coordinate."""
        return weight * self.ball.limit

    def local_rule(self, round: int) -> LocalRule:
        """Plain descent from the common model."""
        return self.schedule.descent(round)

    def encode(self, model: Model, update: Update, reference: Reference | None = None) -> Encoded:
        """x − w clipped to the ball, in integers. Members apply the weight to the shares."""
        return self.ball.encode("peerd/weighted-mean/coins", model, update)

    def preimage(
        self, model: Model, encoded: Encoded, reference: Reference | None = None
    ) -> Update:
        """x = w + V/S."""
        return self.ball.preimage(model, encoded)

    def apply(self, model: Model, opened: Encoded, weight: int, round: int) -> Model:
        """w + Σ n_i V_i/(S Σ n_i)."""
        return self.ball.moved(model, opened, weight, noised=bool(self.noise))
