"""A change clipped to a 2-norm ball, as integers whose norm is proven (docs/protocol.md §4).

V: integers V_j with Σ V_j² + slack = T², slack ≥ 0 in bits, and nothing wraps around p, which is
shown by smallness (one field element a coordinate) or by bits of each coordinate.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from protocols.aggregation import bits as binary
from protocols.aggregation import constants as read
from protocols.aggregation.contract import (
    AggregationError,
    Constants,
    Encoded,
    Model,
    Update,
)
from protocols.aggregation.model import check_model, check_pair
from protocols.aggregation.rounding import (
    Reals,
    Rounding,
    change_of,
    check_preimage,
    length_of,
)
from protocols.proof import FREE, Link, Relation, Segment, Smallness, Square, SummedConstraint

MIN_THETA, MAX_THETA = 4, 28
MAX_RADIUS = Fraction(1_000_000)
VECTOR, SLACK = "change", "slack"
# Standard deviations of the squared norm that the second rounding leaves room for.
_MARGIN = 6


@dataclass(frozen=True, slots=True)
class Ball:
    """Radius τ as an exact fraction; a coordinate is an integer of θ bits, T = 2^(θ−1) − 1 is τ."""

    radius: Fraction
    theta: int
    proof: str

    @classmethod
    def from_constants(cls, values: Constants) -> Ball:
        """From the constants tau, theta, proof. Raises AggregationError."""
        return cls(
            radius=read.positive(values, "tau", MAX_RADIUS),
            theta=read.integer(values, "theta", MIN_THETA, MAX_THETA),
            proof=read.choice(values, "proof", binary.PROOFS),
        )

    def constants(self) -> dict[str, int | str]:
        return {"tau": str(self.radius), "theta": self.theta, "proof": self.proof}

    @property
    def limit(self) -> int:
        """T."""
        return (1 << (self.theta - 1)) - 1

    @property
    def scale(self) -> Fraction:
        """S = T/τ, integers a unit of a parameter."""
        return self.limit / self.radius

    @property
    def slack_bits(self) -> int:
        return 2 * (self.theta - 1)

    # V

    def relation(self, parameters: int) -> Relation:
        """V for d parameters. Raises AggregationError when θ is too coarse or too fine for d."""
        if self._room(parameters) < (self.limit // 2) ** 2:
            raise AggregationError(
                f"theta = {self.theta} is too coarse for {parameters} parameters: the rounding"
                f" would fill the ball; theta from {_least_theta(parameters)} on fits"
            )
        relation = self._relation(parameters)
        binary.check_fits(relation, self.theta, _largest_theta(parameters, self.proof))
        return relation

    def _relation(self, parameters: int) -> Relation:
        vector = Segment(VECTOR, parameters, FREE)
        norm = SummedConstraint(
            squares=(Square(VECTOR, -1),),
            linear=(binary.slack_term(SLACK, self.slack_bits),),
            constant=-(self.limit**2),
        )
        planes: tuple[Segment, ...] = ()
        links: tuple[Link, ...] = ()
        small: tuple[Smallness, ...] = ()
        if self.proof == "norm":
            # An honest change, of norm T at most, fails with chance below 2^-42.
            small = (Smallness(VECTOR, Smallness.bits_for(1 << (self.theta - 1))),)
            largest = small[0].largest
        else:
            planes = binary.planes(self.theta, parameters, opened=False)
            links = (binary.signed_link(VECTOR, self.theta),)
            largest = 1 << (self.theta - 1)
        return Relation(
            (vector, *planes, binary.slack(SLACK, self.slack_bits)),
            summed=(norm,),
            links=links,
            smallness=small,
            modulus_above=parameters * largest**2 + (1 << self.slack_bits),
        )

    def _room(self, parameters: int) -> int:
        """The squared norm that a vector may have so that its rounding still lies in the ball.

        Rounding adds up to d/4 in the mean, with a standard deviation of at most T.
        """
        return self.limit**2 - parameters // 4 - _MARGIN * self.limit

    # F^P

    def encode(self, domain: str, model: Model, update: Update) -> Encoded:
        """v ∈ V of x − w clipped to the ball. Raises AggregationError for what can't be encoded.

        The coordinates are rounded by coins. A change at the sphere may be rounded out of the ball:
        then it is shrunk by the little that rounding adds, and rounded again; the third time it is
        cut toward zero, which always fits.
        """
        check_pair(model, update)
        change = change_of(model, update)
        length, radius = length_of(change), float(self.radius)
        shrink = min(1.0, radius / length) if length else 1.0
        exact = change * shrink * float(self.scale)
        rounding = Rounding(domain, self.theta, model, update)
        vector = rounding(exact)
        if not self.holds(vector):
            fitted = self._fitted(exact)
            vector = rounding(fitted)
            if not self.holds(vector):
                vector = np.trunc(fitted).astype(np.int64)
        return self.lay_out(vector)

    def _fitted(self, exact: Reals) -> Reals:
        room = math.sqrt(max(self._room(exact.size), 0))
        return exact * (room / length_of(exact))

    def holds(self, vector: Encoded) -> bool:
        """‖V‖ ≤ T."""
        if int(np.abs(vector).max(initial=0)) > self.limit:
            return False
        return int(np.sum(np.square(vector))) <= self.limit**2

    def lay_out(self, vector: Encoded) -> Encoded:
        """V (d,) with its bits and slack, as the relation's segments lie."""
        left = self.limit**2 - int(np.sum(np.square(vector)))
        planes = [binary.to_planes(vector, self.theta)] if self.proof == "bits" else []
        return np.concatenate([vector, *planes, binary.to_bits(left, self.slack_bits)])

    def preimage(self, model: Model, encoded: Encoded) -> Update:
        """x = w + V/S, float64: float32 doesn't hold θ bits beside the model's."""
        check_model(model)
        vector = encoded[: model.size]
        if (
            vector.shape != model.shape
            or not self.holds(vector)
            or not np.array_equal(self.lay_out(vector), encoded)
        ):
            raise AggregationError("this is no encoding of a vector in the ball")
        check_preimage(model, self.scale, self.theta)
        return model.astype(np.float64) + vector / float(self.scale)

    # post-processing

    def mean(self, model: Model, opened: Encoded, weight: int) -> Reals:
        """Σ V/(S·weight), the mean change: two elementwise operations, the same bits anywhere."""
        check_model(model)
        if opened.shape != model.shape:
            raise AggregationError(f"{opened.size} sums were opened for {model.size} parameters")
        if opened.size and int(np.abs(opened).max()) > weight * self.limit:
            raise AggregationError(f"an opened sum lies beyond ±{weight * self.limit}")
        wide = np.multiply(opened.astype(np.float64), float(self.radius))
        mean: Reals = np.divide(wide, float(weight * self.limit))
        return mean


def _largest_theta(parameters: int, proof: str) -> int:
    for theta in range(MAX_THETA, MIN_THETA - 1, -1):
        ball = Ball(Fraction(1), theta, proof)
        if ball._relation(parameters).fits(binary.LARGEST_PRIME):
            return theta
    return 0


def _least_theta(parameters: int) -> int:
    theta = MIN_THETA
    while Ball(Fraction(1), theta, "norm")._room(parameters) < (((1 << (theta - 1)) - 1) // 2) ** 2:
        theta += 1
    return theta
