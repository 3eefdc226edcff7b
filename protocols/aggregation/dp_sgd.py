"""DP-SGD: one step a round along the noised sum of clipped gradients of single rows.

Abadi et al., "Deep Learning with Differential Privacy" (2016), with the sum opened from shares. A
site draws a secret Poisson sample of its rows, clips each row's gradient to C and rounds it to
integers of norm S at most; rows add up in integers, so that a row moves the sum by S and no more,
whatever was rounded. Noise lies beside it in the dealing (protocols/aggregation/noise.py), and

    u = (Σ_i V_i + noise) · C / (S · lot · |D|)
    m ← β·m + (1 − β)·u        where there is momentum; else m = u
    w ← w − η·m

V: integers with Σ V_j² + slack = T², T = radius · lot · S: a longer sum is drawn in to that, so
that a liar moves w by ``radius`` · C · η / |D| and no more (row_ball.py). Behind them a count of
clipped rows, where C follows a quantile of their norms (clip_quantile.py). m and C are the
optimizer's state, and lie behind w in the vector that a round certifies.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import floor
from typing import ClassVar

import numpy as np

from protocols.aggregation import bits as binary
from protocols.aggregation import constants as read
from protocols.aggregation import square_sum
from protocols.aggregation.clip_quantile import ClipQuantile
from protocols.aggregation.contract import (
    AggregationError,
    Constants,
    Encoded,
    Model,
    Reference,
    RowRule,
    Update,
)
from protocols.aggregation.model import check_model
from protocols.aggregation.noise import ROOM, SLACK, check_multiplier
from protocols.aggregation.optimizer import Optimizer
from protocols.aggregation.row_ball import RowBall
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
    "radius": "1/4",
    "noise": "1",
    "eta": "1",
    "momentum": "0",
    "quantile": "0",
}
MAX_CLIP = Fraction(1_000_000)
MAX_STEPS = 1 << 16
MAX_ROWS = 1 << 16
LEAST_PART = 256
"""Values whose squares are summed at once: a sum of many rows is long."""
VECTOR, REST = "gradients", "slack"


@dataclass(frozen=True, slots=True)
class DpSgd:
    """``rate`` q, ``clip`` C, ``steps`` S. ``noise`` z: its standard deviation over what a row
    moves the sum by, S and somewhat more (``mechanism``). ``rows``: the most of a site in a round.
    ``lot``: how many rows a site's sum is divided by. ``radius``: how long that sum is at most,
    over a lot of rows that all point one way. ``quantile``: what part of the rows C is to leave as
    they are, from ``clip`` on; 0 for a C that stays.
    """

    rate: Fraction
    clip: Fraction
    steps: int
    rows: int
    lot: Fraction
    noise: Fraction
    eta: Fraction
    radius: Fraction
    momentum: Fraction = Fraction(0)
    quantile: Fraction = Fraction(0)

    name: ClassVar[str] = "dp-sgd"
    weighted: ClassVar[bool] = False
    uses_reference: ClassVar[bool] = False
    unit: ClassVar[str] = "record"

    @classmethod
    def from_constants(cls, given: Constants) -> DpSgd:
        """Reads and checks the genesis constants. Raises AggregationError."""
        values = read.complete(cls.name, given, DEFAULTS)
        rule = cls(
            rate=read.positive(values, "rate", Fraction(1)),
            clip=read.positive(values, "clip", MAX_CLIP),
            steps=read.integer(values, "steps", 1, MAX_STEPS),
            rows=read.integer(values, "rows", 1, MAX_ROWS),
            lot=read.positive(values, "lot", Fraction(MAX_ROWS)),
            noise=check_multiplier(read.positive(values, "noise", Fraction(1000))),
            eta=read.positive(values, "eta", MAX_RATE),
            radius=read.positive(values, "radius", Fraction(MAX_ROWS)),
            momentum=read.momentum(values),
            quantile=read.rational(values, "quantile", Fraction(1)),
        )
        _ = rule.optimizer  # AggregationError for constants that don't go together
        if rule.radius * rule.lot < 1:
            raise AggregationError(
                f"constant radius = {rule.radius} of a lot of {rule.lot} rows is less than a row:"
                " a larger radius, or lot, is needed"
            )
        return rule

    def constants(self) -> dict[str, int | str]:
        """The genesis form; fractions in lowest terms."""
        return {
            "rate": str(self.rate),
            "clip": str(self.clip),
            "steps": self.steps,
            "rows": self.rows,
            "lot": str(self.lot),
            "radius": str(self.radius),
            "noise": str(self.noise),
            "eta": str(self.eta),
            "momentum": str(self.momentum),
            "quantile": str(self.quantile),
        }

    @property
    def count(self) -> ClipQuantile | None:
        """Of clipped rows; None where C stays."""
        if not self.quantile:
            return None
        return ClipQuantile(self.quantile, self.clip, self.steps, self.lot)

    @property
    def optimizer(self) -> Optimizer:
        """The step, and what goes on from round to round."""
        return Optimizer(self.eta, self.momentum, self.clip, self.count)

    def own_parameters(self, parameters: int) -> int:
        """Those of w, which come first."""
        return self.optimizer.own_parameters(parameters)

    def first_vector(self, model: Model) -> Model:
        """Before the first round."""
        return self.optimizer.first_vector(model)

    @property
    def limit(self) -> int:
        """T: what the 2-norm of a site's integers is at most."""
        return floor(min(Fraction(self.rows), self.radius * self.lot) * self._gradient_steps)

    @property
    def ball(self) -> RowBall | None:
        """None where no sum of ``rows`` rows is longer than T."""
        longest = self.rows * self._gradient_steps
        return RowBall(self.steps, self.rows, self.limit) if self.limit < longest else None

    def mechanism(self, parameters: int) -> Mechanism:
        """A row moves the sum by S at most, and somewhat more where sums are drawn in."""
        squared = self.steps**2
        if self.ball is not None:
            squared = self.ball.squared_norm(self.own_parameters(parameters))
        return Mechanism(Fraction(1), squared, self.rate, SLACK).with_noise(self.noise)

    # V

    def relation(self, parameters: int, reference: Reference | None = None) -> Relation:
        """Σ V_j² + slack = T², without wrap-around; the count in bits."""
        if self.ball is not None:
            self.ball.check(self.own_parameters(parameters))
        squares, count = self._squares(self.own_parameters(parameters)), self.count
        linear = (*squares.linear, binary.slack_term(REST, self._slack_bits))
        whole = SummedConstraint(squares.squares, linear, -(self.limit**2))
        names = tuple(segment.name for segment in squares.vector)
        segments = [*squares.hidden, binary.slack(REST, self._slack_bits)]
        summed, above = [*squares.constraints, whole], squares.modulus_above(self._largest)
        if count is not None:
            segments = [count.opened, *segments, count.hidden]
            summed.append(count.constraint)
            above = max(above, count.modulus_above)
        relation = Relation(
            (*squares.vector, *segments),
            summed=tuple(summed),
            smallness=(Smallness(names, self._smallness_bits),),
            modulus_above=above,
        )
        if not relation.fits(binary.LARGEST_PRIME):
            raise AggregationError(
                f"sums of gradients as long as {self.limit} are too large for {parameters}"
                " parameters: fewer steps, or a smaller radius, would do"
            )
        return relation

    @property
    def _slack_bits(self) -> int:
        return (self.limit**2).bit_length()

    @property
    def _smallness_bits(self) -> int:
        return Smallness.bits_for(ROOM * self.limit)

    @property
    def _largest(self) -> int:
        return 1 << self._smallness_bits

    def _squares(self, parameters: int) -> SquareSum:
        bits = self._slack_bits
        return SquareSum.divided(VECTOR, parameters, self._largest, bits, LEAST_PART)

    def largest_sum(self, parameters: int, weight: int) -> int:
        """All mass in one coordinate; noise aside."""
        most = self.limit
        if self.count is not None:
            most = max(most, self.count.row.most, -self.count.row.least)
        return weight * most

    # F^C, F^P

    def local_rule(self, round: int) -> RowRule:
        """The same in every round, but for C where that moves: the one to start at."""
        row = None if self.count is None else self.count.row
        longest = None if self.ball is None else self.limit
        return RowRule(self.rate, self.clip, self._gradient_steps, self.rows, row, longest)

    def clip_at(self, vector: Model) -> Fraction:
        """C of the round that ``vector`` leads to."""
        return self.optimizer.clip_at(vector)

    @property
    def _gradient_steps(self) -> int:
        """What a row's gradient is at most: with its count it is S."""
        return self.steps if self.count is None else self.count.gradient_steps

    def encode(self, model: Model, update: Update, reference: Reference | None = None) -> Encoded:
        """The integers that F^C gives, (d,), or (d + 1,) with the count, and the slacks.
        AggregationError for any that is longer than T.
        """
        check_model(model)
        own = self.own_parameters(model.size)
        size = own + (self.count is not None)
        if update.dtype != np.int64 or update.shape != (size,):
            raise AggregationError(
                f"the update is the sum of rows' gradients, int64 ({size},), not"
                f" {update.dtype} of shape {update.shape}"
            )
        return self._lay_out(update.astype(np.int64), own)

    def _lay_out(self, values: Encoded, own: int) -> Encoded:
        vector, counted = values[:own], values[own:]
        largest = max(int(vector.max(initial=0)), -int(vector.min(initial=0)))
        # an int64 holds the squares of what no coordinate says is too long
        left = self.limit**2 - square_sum.of(vector) if largest <= self.limit else -1
        if left < 0:
            raise AggregationError(f"the sum of rows' gradients is longer than {self.limit}")
        parts = self._squares(own).lay_out(vector)
        rest = [*parts, binary.to_bits(left, self._slack_bits)]
        if self.count is not None:
            rest.append(self.count.lay_out(int(counted[0])))
        return np.concatenate([values, *rest])

    def preimage(
        self, model: Model, encoded: Encoded, reference: Reference | None = None
    ) -> Update:
        """The integers themselves."""
        check_model(model)
        own = self.own_parameters(model.size)
        values = encoded[: own + (self.count is not None)]
        whole = encoded.shape == (self.relation(model.size).length,)
        if not whole or not np.array_equal(self._lay_out(values, own), encoded):
            raise AggregationError("this is no encoding of rows' gradients")
        return values

    # post-processing

    def apply(self, model: Model, opened: Encoded, weight: int, round: int) -> Model:
        """One step along what was opened: elementwise, the same bits anywhere."""
        check_model(model)
        scale = self._gradient_steps * self.lot * weight
        return self.optimizer.stepped(model, opened, scale, weight)
