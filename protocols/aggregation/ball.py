"""A change clipped to 2-norm balls, as integers whose norm is proven (docs/protocol.md §4).

V: integers V_j, for each block of coordinates Σ V_j² + slack = T_b², slack ≥ 0 in bits, and nothing
wraps around p, which is shown by smallness (one field element a coordinate) or by bits of each
coordinate.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from protocols.aggregation import bits as binary
from protocols.aggregation import constants as read
from protocols.aggregation import square_sum
from protocols.aggregation.blocks import Block, Blocks
from protocols.aggregation.contract import (
    AggregationError,
    Constants,
    Encoded,
    Model,
    Update,
)
from protocols.aggregation.model import check_model, check_pair, in_windows
from protocols.aggregation.rounding import (
    Reals,
    Rounding,
    change_of,
    check_preimage,
    length_of,
)
from protocols.aggregation.square_sum import SquareSum
from protocols.proof import Link, Relation, Segment, Smallness, SummedConstraint

MIN_THETA, MAX_THETA = 4, 28
MAX_RADIUS = Fraction(1_000_000)
VECTOR, SLACK = "change", "slack"
# Standard deviations of the squared norm that the second rounding leaves room for.
_MARGIN = 6


@dataclass(frozen=True, slots=True)
class Ball:
    """Radius τ as an exact fraction; a coordinate is an integer of θ bits, T = 2^(θ−1) − 1 is τ.

    ``blocks``: the coordinates with a ball of their own, T_b = ⌊T √(d_b/d)⌋, so that Σ τ_b² = τ².
    ``room``: how many times its radius projections have room for.
    """

    radius: Fraction
    theta: int
    proof: str
    blocks: Blocks
    room: int = 1

    @classmethod
    def from_constants(cls, values: Constants, room: int = 1) -> Ball:
        """From the constants tau, theta, proof, blocks. Raises AggregationError."""
        ball = cls(
            radius=read.positive(values, "tau", MAX_RADIUS),
            theta=read.integer(values, "theta", MIN_THETA, MAX_THETA),
            proof=read.choice(values, "proof", binary.PROOFS),
            blocks=Blocks.read(values["blocks"]),
            room=room,
        )
        if ball.proof == "bits" and ball.blocks.lengths:
            raise AggregationError(
                "constant proof = bits proves the norm of the whole change; with constant blocks,"
                " proof = norm"
            )
        return ball

    def constants(self) -> dict[str, int | str]:
        return {
            "tau": str(self.radius),
            "theta": self.theta,
            "proof": self.proof,
            **self.blocks.constants(),
        }

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
        """V for d parameters. Raises AggregationError when θ is too coarse or too fine for d, or
        the blocks are another model's.
        """
        for block in self._blocks(parameters):
            if _too_coarse(block):
                raise AggregationError(
                    f"theta = {self.theta} is too coarse for {block.length} of {parameters}"
                    " parameters: the rounding would fill the ball;"
                    f" theta from {self._least_theta(parameters)} on fits"
                )
        relation = self._relation(parameters)
        if not relation.fits(binary.LARGEST_PRIME):
            binary.check_fits(relation, self.theta, self._largest_theta(parameters))
        return relation

    def _blocks(self, parameters: int) -> tuple[Block, ...]:
        return self.blocks.divide(parameters, self.limit)

    def _sums(self, parameters: int) -> list[SquareSum]:
        """Of each block."""
        blocks = self._blocks(parameters)
        names = [f"{VECTOR}, block {index}" for index in range(len(blocks))]
        return [
            SquareSum.divided(name, block.length, self._largest, self.slack_bits)
            if self.proof == "norm"
            else SquareSum(name, block.length, block.length, self.slack_bits)
            for name, block in zip(names if len(blocks) > 1 else [VECTOR], blocks, strict=True)
        ]

    @property
    def _smallness_bits(self) -> int:
        # An honest change, of norm T at most, fails with chance below 2^-41.
        return Smallness.bits_for(self.room << (self.theta - 1))

    @property
    def _largest(self) -> int:
        """What a coordinate of an accepted dealing is bounded by."""
        return 1 << (self._smallness_bits if self.proof == "norm" else self.theta - 1)

    def _relation(self, parameters: int) -> Relation:
        blocks, sums = self._blocks(parameters), self._sums(parameters)
        hidden: list[Segment] = []
        summed: list[SummedConstraint] = []
        for index, (block, squares) in enumerate(zip(blocks, sums, strict=True)):
            name = SLACK if len(blocks) == 1 else f"{SLACK} {index}"
            hidden += [*squares.hidden, binary.slack(name, self.slack_bits)]
            slack = binary.slack_term(name, self.slack_bits)
            linear = (*squares.linear, slack)
            summed += squares.constraints
            summed.append(SummedConstraint(squares.squares, linear, -(block.limit**2)))
        vector = [segment for squares in sums for segment in squares.vector]
        planes, links, small = self._bounds(vector)
        return Relation(
            (*vector, *planes, *hidden),
            summed=tuple(summed),
            links=links,
            smallness=small,
            modulus_above=max(squares.modulus_above(self._largest) for squares in sums),
        )

    def _bounds(
        self, vector: list[Segment]
    ) -> tuple[tuple[Segment, ...], tuple[Link, ...], tuple[Smallness, ...]]:
        """What shows that coordinates are small: bit planes with their links, or a smallness."""
        if self.proof == "norm":
            names = tuple(segment.name for segment in vector)
            return (), (), (Smallness(names, self._smallness_bits),)
        (whole,) = vector
        planes = binary.planes(self.theta, whole.length, opened=False)
        return planes, (binary.signed_link(whole.name, self.theta),), ()

    def _fitting(self, parameters: int, theta: int) -> bool:
        other = replace(self, theta=theta)
        return other._relation(parameters).fits(binary.LARGEST_PRIME)

    def _largest_theta(self, parameters: int) -> int:
        thetas = range(MAX_THETA, MIN_THETA - 1, -1)
        return next((theta for theta in thetas if self._fitting(parameters, theta)), 0)

    def _least_theta(self, parameters: int) -> int:
        """The least that is fine enough: it may be finer than any that fits."""
        theta = MIN_THETA
        while any(map(_too_coarse, replace(self, theta=theta)._blocks(parameters))):
            theta += 1
        return theta

    # F^P

    def encode(self, domain: str, model: Model, update: Update) -> Encoded:
        """v ∈ V of x − w clipped to the balls. Raises AggregationError for what can't be encoded.

        The coordinates are rounded by coins. A change at a sphere may be rounded out of its ball:
        then it is shrunk by the little that rounding adds, and rounded again; the third time it is
        cut toward zero, which always fits.
        """
        check_pair(model, update)
        exact = change_of(model, update)
        blocks = self._blocks(exact.size)
        scale = float(self.scale)
        for block in blocks:
            part = exact[block.window]
            length, radius = length_of(part), float(self.radius) * block.share
            part *= min(1.0, radius / length) if length else 1.0
            part *= scale
        rounding = Rounding(domain, self.theta, model, update)
        vector = rounding(exact)
        beyond = [block for block in blocks if not _holds(block, vector)]
        if beyond:
            for block in beyond:
                exact[block.window] *= _shrink(block, exact)
            again = rounding(exact)
            for block in beyond:
                window = block.window
                vector[window] = again[window]
                if not _holds(block, vector):
                    vector[window] = np.trunc(exact[window]).astype(np.int64)
        return self.lay_out(vector)

    def holds(self, vector: Encoded) -> bool:
        """‖V‖ ≤ T_b in each block."""
        return all(_holds(block, vector) for block in self._blocks(vector.size))

    def lay_out(self, vector: Encoded) -> Encoded:
        """V (d,) with its bits and slacks, as the relation's segments lie."""
        parts = [vector]
        if self.proof == "bits":
            parts.append(binary.to_planes(vector, self.theta))
        blocks, sums = self._blocks(vector.size), self._sums(vector.size)
        for block, squares in zip(blocks, sums, strict=True):
            part = vector[block.window]
            parts += squares.lay_out(part)
            left = block.limit**2 - square_sum.of(part)
            parts.append(binary.to_bits(left, self.slack_bits))
        return np.concatenate(parts)

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

    def moved(self, model: Model, opened: Encoded, weight: int, *, noised: bool = False) -> Model:
        """w + Σ V/(S·weight): three elementwise operations, the same bits anywhere. ``noised``: the
        sums hold noise, and are as large as they are.
        """
        check_model(model)
        if opened.shape != model.shape:
            raise AggregationError(f"{opened.size} sums were opened for {model.size} parameters")
        most = weight * self.limit
        largest = max(int(opened.max(initial=0)), -int(opened.min(initial=0)))
        if largest > most and not noised:
            raise AggregationError(f"an opened sum lies beyond ±{most}")

        def stepped(window: slice) -> Reals:
            wide = np.multiply(opened[window].astype(np.float64), float(self.radius))
            mean = np.divide(wide, float(most))
            return np.add(model[window].astype(np.float64), mean)

        return in_windows(model.size, stepped)


def _room(block: Block) -> int:
    """The squared norm that a vector may have so that its rounding still lies in the ball.

    Rounding adds up to d/4 in the mean, with a standard deviation of at most T.
    """
    return block.limit**2 - block.length // 4 - _MARGIN * block.limit


def _too_coarse(block: Block) -> bool:
    return not block.limit or _room(block) < (block.limit // 2) ** 2


def _shrink(block: Block, exact: Reals) -> float:
    room = math.sqrt(max(_room(block), 0))
    return room / length_of(exact[block.window])


def _holds(block: Block, vector: Encoded) -> bool:
    part = vector[block.window]
    if max(int(part.max(initial=0)), -int(part.min(initial=0))) > block.limit:
        return False
    return square_sum.of(part) <= block.limit**2
