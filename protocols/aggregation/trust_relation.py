"""V of FLTrust: a vector, its score, and the bits that prove one against the other (§4)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from protocols.aggregation import bits as binary
from protocols.aggregation import square_sum
from protocols.aggregation.contract import AggregationError, Encoded, Reference
from protocols.aggregation.square_sum import SquareSum
from protocols.proof import (
    BIT,
    FREE,
    Linear,
    Link,
    Relation,
    Segment,
    Smallness,
    Square,
    SummedConstraint,
)

VECTOR, SCORE, SCORE_BITS = "gradient", "score", "score bits"
LENGTH_SLACK, ANGLE_SLACK = "length slack", "angle slack"


@dataclass(frozen=True, slots=True)
class TrustRelation:
    """θ bits of a score, and how the smallness of W is shown."""

    theta: int
    proof: str

    @property
    def slack_bits(self) -> int:
        """Both slacks are at most S² < 2^2θ."""
        return 2 * self.theta

    @property
    def vector_bits(self) -> int:
        """|W_j| ≤ S in two's complement."""
        return self.theta + 1

    def relation(self, parameters: int, reference: Reference | None) -> Relation:
        """Raises AggregationError when θ is too fine for d."""
        relation = self._relation(parameters, reference)
        binary.check_fits(relation, self.theta, _largest_theta(parameters, self.proof))
        return relation

    def _relation(self, parameters: int, reference: Reference | None) -> Relation:
        squares = self._squares(parameters)
        planes: tuple[Segment, ...] = ()
        links: tuple[Link, ...] = ()
        small: tuple[Smallness, ...] = ()
        if self.proof == "norm":
            # An honest vector, of norm S at most, fails with chance below 2^-41.
            small = (Smallness(squares.names, self._smallness_bits),)
        else:
            planes = binary.planes(self.vector_bits, parameters, opened=False)
            links = (binary.signed_link(VECTOR, self.vector_bits),)
        along = (
            Linear(name, 0 if reference is None else reference[window])
            for name, window in zip(squares.names, squares.windows, strict=True)
        )
        length = binary.slack_term(LENGTH_SLACK, self.slack_bits)
        angle = binary.slack_term(ANGLE_SLACK, self.slack_bits)
        return Relation(
            (
                *squares.vector,
                Segment(SCORE, 1, FREE),
                Segment(SCORE_BITS, self.theta, BIT, opened=False),
                *planes,
                *squares.hidden,
                binary.slack(LENGTH_SLACK, self.slack_bits),
                binary.slack(ANGLE_SLACK, self.slack_bits),
            ),
            summed=(
                # X is what its bits spell, so 0 ≤ X ≤ S
                SummedConstraint(
                    linear=(Linear(SCORE, 1), binary.slack_term(SCORE_BITS, self.theta))
                ),
                *squares.constraints,
                # X² − ‖W‖² = a
                SummedConstraint((Square(SCORE, 1), *squares.squares), (*squares.linear, length)),
                # ⟨W, G_0⟩ − X² = a′
                SummedConstraint((Square(SCORE, -1),), (*along, angle)),
            ),
            links=links,
            smallness=small,
            # The squares in integers first. They bound ‖W‖ by X ≤ S, and so ⟨W, G_0⟩ by S²
            # (Cauchy-Schwarz), whatever d: that sum needs no parts.
            modulus_above=max(squares.modulus_above(self._largest), 4 << self.slack_bits),
        )

    def _squares(self, parameters: int) -> SquareSum:
        if self.proof == "norm":
            return SquareSum.divided(VECTOR, parameters, self._largest, self.slack_bits)
        return SquareSum(VECTOR, parameters, parameters, self.slack_bits)

    @property
    def _smallness_bits(self) -> int:
        return Smallness.bits_for(1 << self.theta)

    @property
    def _largest(self) -> int:
        """What a coordinate of an accepted dealing is bounded by."""
        return 1 << (self._smallness_bits if self.proof == "norm" else self.theta)

    def holds(self, vector: Encoded, score: int, root: Reference) -> bool:
        """(W, X) ∈ V, in integers."""
        if not 0 <= score < 1 << self.theta or int(np.abs(vector).max(initial=0)) > score:
            return False
        if square_sum.of(vector) > score**2:
            return False
        return int(np.sum(vector * root)) >= score**2

    def lay_out(self, vector: Encoded, score: int, root: Reference) -> Encoded:
        """W (d,), X and all bits, as the relation's segments lie. Of (W, X) in V."""
        length = score**2 - square_sum.of(vector)
        angle = int(np.sum(vector * root)) - score**2
        planes = [binary.to_planes(vector, self.vector_bits)] if self.proof == "bits" else []
        return np.concatenate(
            [
                vector,
                np.array([score], dtype=np.int64),
                binary.to_bits(score, self.theta),
                *planes,
                *self._squares(vector.size).lay_out(vector),
                binary.to_bits(length, self.slack_bits),
                binary.to_bits(angle, self.slack_bits),
            ]
        )

    def read(self, encoded: Encoded, parameters: int, root: Reference) -> tuple[Encoded, int]:
        """(W, X) of v ∈ V. Raises AggregationError for anything else."""
        vector = encoded[:parameters]
        if encoded.size > parameters and vector.shape == (parameters,):
            score = int(encoded[parameters])
            if self.holds(vector, score, root) and np.array_equal(
                self.lay_out(vector, score, root), encoded
            ):
                return vector, score
        raise AggregationError("this is no encoding of a vector with its trust score")


def _largest_theta(parameters: int, proof: str) -> int:
    for theta in range(28, 0, -1):
        if TrustRelation(theta, proof)._relation(parameters, None).fits(binary.LARGEST_PRIME):
            return theta
    return 0
