"""How a rule's clients descend: the rate of each round, local steps, minibatches."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from protocols.aggregation import constants as read
from protocols.aggregation.contract import Constants, LocalRule

MAX_LOCAL_STEPS = 10_000
MAX_BATCH = 65_536
MAX_RATE = Fraction(1000)


@dataclass(frozen=True, slots=True)
class Schedule:
    """η_0 as an exact fraction; ``decay``: "sqrt" for η_k = η_0/√(k + 1), "none" for η_0."""

    first_rate: Fraction
    decay: str
    steps: int
    batch: int

    @classmethod
    def from_constants(cls, values: Constants) -> Schedule:
        """From the constants eta, decay, local_steps, batch. Raises AggregationError."""
        return cls(
            first_rate=read.positive(values, "eta", MAX_RATE),
            decay=read.choice(values, "decay", ("sqrt", "none")),
            steps=read.integer(values, "local_steps", 1, MAX_LOCAL_STEPS),
            batch=read.integer(values, "batch", 1, MAX_BATCH),
        )

    def constants(self) -> dict[str, int | str]:
        """The genesis form; fractions in lowest terms."""
        return {
            "eta": str(self.first_rate),
            "decay": self.decay,
            "local_steps": self.steps,
            "batch": self.batch,
        }

    def descent(self, round: int, momentum: Fraction = Fraction(0)) -> LocalRule:
        """F^C of the rules whose clients start at the common model and add no penalty."""
        return LocalRule(
            steps=self.steps,
            batch=self.batch,
            rate=self.rate(round),
            penalty=0.0,
            keeps_local_model=False,
            momentum=float(momentum),
        )

    def rate(self, round: int) -> float:
        """η_k. Division of integers and square root are correctly rounded everywhere."""
        return self.decayed(self.first_rate, round)

    def decayed(self, first: Fraction, round: int) -> float:
        """Another quantity that decays alike."""
        return float(first) / math.sqrt(round + 1) if self.decay == "sqrt" else float(first)
