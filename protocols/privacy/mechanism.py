"""What is released in a round, and how much of it may be (docs/privacy.md)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

from protocols.errors import ProtocolError

NOISE_GRID = 1000
"""A noise multiplier is a whole number of thousandths: a finer one buys nothing."""

LARGEST_EPSILON = Fraction(100)
"""Beyond it e^epsilon promises nothing to anybody."""


class PrivacyError(ProtocolError):
    """Numbers that promise no privacy, or that no noise meets. Nobody is to blame."""


@dataclass(frozen=True, slots=True)
class Mechanism:
    """One round: a Poisson sample of ``rate``, and Skellam noise of ``variance`` on each integer.

    ``squared_norm``: one record (or member) moves the sum by a vector g of integers, ‖g‖² at most.
    ``slack``: the total-variation distance of what is really done from that, at most, in one
    round: cut tails, rounded tables, a padded batch that overflowed. 1 as the rate is no sampling.
    """

    variance: Fraction
    squared_norm: int
    rate: Fraction = Fraction(1)
    slack: Fraction = Fraction(0)

    def __post_init__(self) -> None:
        for name in ("variance", "rate", "slack"):
            value: object = getattr(self, name)
            if not isinstance(value, Fraction):
                raise TypeError(f"{name} must be a Fraction: a float is another on some machine")
        valid = isinstance(self.squared_norm, int) and not isinstance(self.squared_norm, bool)
        _require(
            valid and self.squared_norm >= 1,
            f"the squared norm must be an integer >= 1, not {self.squared_norm!r}",
        )
        _require(self.variance > 0, f"the noise's variance must be above 0, not {self.variance}")
        _require(0 < self.rate <= 1, f"the sampling rate must be in (0, 1], not {self.rate}")
        _require(0 <= self.slack < 1, f"the slack must be in [0, 1), not {self.slack}")

    def with_noise(self, multiplier: Fraction) -> Mechanism:
        """The same with variance (multiplier · norm)²."""
        return replace(self, variance=multiplier * multiplier * self.squared_norm)


@dataclass(frozen=True, slots=True)
class Phase:
    """``rounds`` of one mechanism. A group and its successors are one phase each."""

    mechanism: Mechanism
    rounds: int

    def __post_init__(self) -> None:
        valid = isinstance(self.rounds, int) and not isinstance(self.rounds, bool)
        _require(valid and self.rounds >= 0, f"rounds must be an integer >= 0, not {self.rounds!r}")


@dataclass(frozen=True, slots=True)
class Budget:
    """(ε, δ) for a lineage of groups: all of it, over all rounds."""

    epsilon: Fraction
    delta: Fraction

    def __post_init__(self) -> None:
        for name in ("epsilon", "delta"):
            if not isinstance(getattr(self, name), Fraction):
                raise TypeError(f"{name} must be a Fraction: a float is another on some machine")
        _require(
            0 < self.epsilon <= LARGEST_EPSILON,
            f"epsilon must be above 0 and at most {LARGEST_EPSILON}, not {self.epsilon}",
        )
        _require(0 < self.delta < 1, f"delta must be above 0 and below 1, not {self.delta}")


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise PrivacyError(message)
