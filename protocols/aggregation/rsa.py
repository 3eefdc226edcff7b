"""Byzantine-robust stochastic aggregation (paper §5.1, §B.4.1, Figure 7).

Each peer keeps a local model x_i, and in round k takes local steps

    x_i ← x_i − η_k (∇F(x_i, ξ_i) + λ sign(x_i − w))                         (equation 1)

deals the bits of sign(w − x_i), and every peer computes from the opened sum

    w ← w − η_k (∇f_0(w) + λ Σ_i sign(w − x_i)),   f_0(w) = (μ/2)‖w‖²        (equation 2)

with η_k = η_0 / √(k + 1). Equation 1 is repeated ``local_steps`` times a round; 1 is the paper's.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

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
from protocols.aggregation.model import check_model, check_pair, in_windows, vector_bytes
from protocols.aggregation.rounding import Reals
from protocols.aggregation.schedule import MAX_RATE, Schedule
from protocols.hashing import Xof
from protocols.proof import BIT, Relation, Segment

DEFAULTS: dict[str, int | str] = {
    "lambda": "1/90",
    "mu": "1/1000",
    "eta": "2",
    "decay": "sqrt",
    "local_steps": 2,
    "batch": 96,
}


@dataclass(frozen=True, slots=True)
class Rsa:
    """λ and μ as exact fractions; the schedule has η_k and ``local_steps``."""

    penalty: Fraction
    regulariser: Fraction
    schedule: Schedule

    @classmethod
    def from_constants(cls, given: Constants) -> Rsa:
        """Reads and checks the genesis constants. Raises AggregationError."""
        values = read.complete("rsa", given, DEFAULTS)
        rule = cls(
            penalty=read.positive(values, "lambda", MAX_RATE),
            regulariser=read.rational(values, "mu", MAX_RATE),
            schedule=Schedule.from_constants(values),
        )
        if rule.schedule.first_rate * rule.regulariser > 1:
            raise AggregationError("eta · mu must not exceed 1, or the regulariser diverges")
        return rule

    @property
    def name(self) -> str:
        return "rsa"

    @property
    def weighted(self) -> bool:
        return False

    @property
    def uses_reference(self) -> bool:
        return False

    def constants(self) -> dict[str, int | str]:
        """The genesis form; fractions in lowest terms."""
        return {
            "lambda": str(self.penalty),
            "mu": str(self.regulariser),
            **self.schedule.constants(),
        }

    def relation(self, parameters: int, reference: Reference | None = None) -> Relation:
        """One bit a parameter, C(x) = x(1 − x)."""
        return Relation((Segment("sign", parameters, BIT),))

    def largest_sum(self, parameters: int, weight: int) -> int:
        """All bits set."""
        return weight

    def local_rule(self, round: int) -> LocalRule:
        """Equation 1, ``local_steps`` times."""
        return LocalRule(
            steps=self.schedule.steps,
            batch=self.schedule.batch,
            rate=self.schedule.rate(round),
            penalty=float(self.penalty),
            keeps_local_model=True,
        )

    def encode(self, model: Model, update: Update, reference: Reference | None = None) -> Encoded:
        """Bits (d,): 1 where w > x_i, 0 where w < x_i.

        Where w = x_i the sign is 0, which V = {−1, 1}^d doesn't hold (on coordinates without a
        gradient that is common): a coin decides, so that the expected sign is 0 and a cohort's
        ties cancel. The coins come from the hash of both vectors: reproducible at the peer (a
        restart deals the same bits), different at every peer that trained differently.
        """
        check_pair(model, update)
        bits = (model > update).astype(np.int64)
        ties = np.flatnonzero(model == update)
        if ties.size:
            stream = Xof("peerd/rsa/tie", vector_bytes(model), vector_bytes(update))
            coins = np.frombuffer(stream.read((ties.size + 7) // 8), dtype=np.uint8)
            bits[ties] = np.unpackbits(coins, count=ties.size)
        return bits

    def preimage(self, model: Model, encoded: Encoded, reference: Reference | None = None) -> Model:
        """Lemma 1's u_j = w_j − v_j, with a step wide enough to be exact in float32."""
        check_model(model)
        if encoded.shape != model.shape or not np.isin(encoded, (0, 1)).all():
            raise AggregationError("an encoded update is one bit a parameter")
        step = np.maximum(np.float32(1), np.abs(model))
        result: Model = np.where(encoded == 1, model - step, model + step)
        return result

    def apply(self, model: Model, opened: Encoded, weight: int, round: int) -> Model:
        """Equation 2, with Σ sign = 2s − |D|.

        Bit-identical on every IEEE 754 machine: each line is one elementwise float64 operation
        (a NumPy ufunc can't be fused with the next), no reduction, no BLAS; the result is rounded
        once to float32 and brought to its one form.
        """
        check_model(model)
        if opened.shape != model.shape:
            raise AggregationError(f"{opened.size} sums were opened for {model.size} parameters")
        if opened.size and (int(opened.min()) < 0 or int(opened.max()) > weight):
            raise AggregationError(f"a sum of {weight} bits lies outside 0…{weight}")
        rate = self.schedule.rate(round)

        def stepped(window: slice) -> Reals:
            signs = (2 * opened[window].astype(np.int64) - weight).astype(np.float64)
            wide = model[window].astype(np.float64)
            pull = np.multiply(signs, float(self.penalty))
            shrink = np.multiply(wide, float(self.regulariser))
            gradient = np.add(shrink, pull)
            step = np.multiply(gradient, rate)
            return np.subtract(wide, step)

        return in_windows(model.size, stepped)
