"""DP-SGD: one step a round along the noised sum of clipped gradients of single rows.

Abadi et al., "Deep Learning with Differential Privacy" (2016), with the sum opened from shares. A
site draws a secret Poisson sample of its rows, clips each row's gradient to C and rounds it to
integers of norm S at most; rows add up in integers, so that a row moves the sum by S and no more,
whatever was rounded. Noise lies beside it in the dealing (protocols/aggregation/noise.py), and

    w ← w − η · (Σ_i V_i + noise) · C / (S · lot · |D|)

V: integers with Σ V_j² + slack = (rows · S)², since at most ``rows`` rows are drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

import numpy as np

from protocols.aggregation import bits as binary
from protocols.aggregation import constants as read
from protocols.aggregation import square_sum
from protocols.aggregation.contract import (
    AggregationError,
    Constants,
    Encoded,
    Model,
    Reference,
    RowRule,
    Update,
)
from protocols.aggregation.model import check_model, in_windows
from protocols.aggregation.noise import ROOM, SLACK, check_multiplier
from protocols.aggregation.rounding import Reals
from protocols.aggregation.schedule import MAX_RATE
from protocols.aggregation.square_sum import SquareSum
from protocols.privacy import Mechanism
from protocols.proof import Relation, Smallness, SummedConstraint

DEFAULTS: dict[str, int | str] = {
    "rate": "1/4",
    "clip": "1",
    "steps": 1024,
    "rows": 256,
    "lot": "64",
    "noise": "1",
    "eta": "1",
}
MAX_CLIP = Fraction(1_000_000)
MAX_STEPS = 1 << 16
MAX_ROWS = 1 << 16
LEAST_PART = 256
"""Values whose squares are summed at once: a sum of many rows is long."""
VECTOR, REST = "gradients", "slack"


@dataclass(frozen=True, slots=True)
class DpSgd:
    """``rate`` q, ``clip`` C, ``steps`` S, ``noise`` z: the standard deviation over S. ``rows``:
    the most of a site in a round. ``lot``: how many rows a site's sum is divided by.
    """

    rate: Fraction
    clip: Fraction
    steps: int
    rows: int
    lot: Fraction
    noise: Fraction
    eta: Fraction

    name: ClassVar[str] = "dp-sgd"
    weighted: ClassVar[bool] = False
    uses_reference: ClassVar[bool] = False
    unit: ClassVar[str] = "record"

    @classmethod
    def from_constants(cls, given: Constants) -> DpSgd:
        """Reads and checks the genesis constants. Raises AggregationError."""
        values = read.complete(cls.name, given, DEFAULTS)
        return cls(
            rate=read.positive(values, "rate", Fraction(1)),
            clip=read.positive(values, "clip", MAX_CLIP),
            steps=read.integer(values, "steps", 1, MAX_STEPS),
            rows=read.integer(values, "rows", 1, MAX_ROWS),
            lot=read.positive(values, "lot", Fraction(MAX_ROWS)),
            noise=check_multiplier(read.positive(values, "noise", Fraction(1000))),
            eta=read.positive(values, "eta", MAX_RATE),
        )

    def constants(self) -> dict[str, int | str]:
        """The genesis form; fractions in lowest terms."""
        return {
            "rate": str(self.rate),
            "clip": str(self.clip),
            "steps": self.steps,
            "rows": self.rows,
            "lot": str(self.lot),
            "noise": str(self.noise),
            "eta": str(self.eta),
        }

    @property
    def limit(self) -> int:
        """What the 2-norm of a site's integers is at most."""
        return self.rows * self.steps

    def mechanism(self, parameters: int) -> Mechanism:
        """A row moves the sum by S at most."""
        plain = Mechanism(Fraction(1), self.steps**2, self.rate, SLACK)
        return plain.with_noise(self.noise)

    # V

    def relation(self, parameters: int, reference: Reference | None = None) -> Relation:
        """Σ V_j² + slack = (rows · S)², without wrap-around."""
        squares = self._squares(parameters)
        linear = (*squares.linear, binary.slack_term(REST, self._slack_bits))
        whole = SummedConstraint(squares.squares, linear, -(self.limit**2))
        names = tuple(segment.name for segment in squares.vector)
        relation = Relation(
            (*squares.vector, *squares.hidden, binary.slack(REST, self._slack_bits)),
            summed=(*squares.constraints, whole),
            smallness=(Smallness(names, self._smallness_bits),),
            modulus_above=squares.modulus_above(1 << self._smallness_bits),
        )
        if not relation.fits(binary.LARGEST_PRIME):
            raise AggregationError(
                f"rows · steps = {self.limit} is too large for {parameters} parameters: fewer"
                " steps or rows would do"
            )
        return relation

    @property
    def _slack_bits(self) -> int:
        return (self.limit**2).bit_length()

    @property
    def _smallness_bits(self) -> int:
        return Smallness.bits_for(ROOM * self.limit)

    def _squares(self, parameters: int) -> SquareSum:
        largest = 1 << self._smallness_bits
        return SquareSum.divided(VECTOR, parameters, largest, self._slack_bits, LEAST_PART)

    def largest_sum(self, parameters: int, weight: int) -> int:
        """All mass in one coordinate; noise aside."""
        return weight * self.limit

    # F^C, F^P

    def local_rule(self, round: int) -> RowRule:
        """The same in every round."""
        return RowRule(self.rate, self.clip, self.steps, self.rows)

    def encode(self, model: Model, update: Update, reference: Reference | None = None) -> Encoded:
        """The integers (d,) that F^C gives, with the slack. AggregationError for any that no sample
        of ``rows`` rows has.
        """
        check_model(model)
        if update.dtype != np.int64 or update.shape != model.shape:
            raise AggregationError(
                f"the update is the sum of rows' gradients, int64 ({model.size},), not"
                f" {update.dtype} of shape {update.shape}"
            )
        vector = update.astype(np.int64)
        if not self._holds(vector):
            raise AggregationError(f"the sum of rows' gradients is longer than {self.limit}")
        return self._lay_out(vector)

    def _holds(self, vector: Encoded) -> bool:
        """Whether ‖V‖ ≤ rows · S."""
        largest = max(int(vector.max(initial=0)), -int(vector.min(initial=0)))
        return largest <= self.limit and square_sum.of(vector) <= self.limit**2

    def _lay_out(self, vector: Encoded) -> Encoded:
        left = self.limit**2 - square_sum.of(vector)
        parts = self._squares(vector.size).lay_out(vector)
        return np.concatenate([vector, *parts, binary.to_bits(left, self._slack_bits)])

    def preimage(
        self, model: Model, encoded: Encoded, reference: Reference | None = None
    ) -> Update:
        """The integers themselves."""
        check_model(model)
        vector = encoded[: model.size]
        fits = vector.shape == model.shape and self._holds(vector)
        if not fits or not np.array_equal(self._lay_out(vector), encoded):
            raise AggregationError("this is no encoding of rows' gradients")
        return vector

    # post-processing

    def apply(self, model: Model, opened: Encoded, weight: int, round: int) -> Model:
        """w − η·C·(Σ V + noise)/(S · lot · |D|): elementwise, the same bits anywhere."""
        check_model(model)
        if opened.shape != model.shape:
            raise AggregationError(f"{opened.size} sums were opened for {model.size} parameters")
        step = float(self.eta * self.clip / (self.steps * self.lot * weight))

        def stepped(window: slice) -> Reals:
            moved = np.multiply(opened[window].astype(np.float64), step)
            return np.subtract(model[window].astype(np.float64), moved)

        return in_windows(model.size, stepped)
