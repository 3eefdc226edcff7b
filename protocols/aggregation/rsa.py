"""Byzantine-robust stochastic aggregation (paper §5.1, §B.4.1, Figure 7).

Each peer keeps a local model x_i, and in round k takes local steps

    x_i ← x_i − η_k (∇F(x_i, ξ_i) + λ sign(x_i − w))                         (equation 1)

deals the bits of sign(w − x_i), and every peer computes from the opened sum

    w ← w − η_k (∇f_0(w) + λ Σ_i sign(w − x_i)),   f_0(w) = (μ/2)‖w‖²        (equation 2)

with η_k = η_0 / √(k + 1). Equation 1 is repeated ``local_steps`` times a round; 1 is the paper's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from protocols.aggregation import constants as read
from protocols.aggregation.contract import AggregationError, Constants, LocalRule, Model
from protocols.aggregation.model import MAX_MAGNITUDE, canonical_model
from protocols.hashing import Xof
from protocols.proof import SlotConstraint

DEFAULTS: dict[str, int | str] = {
    "lambda": "1/90",
    "mu": "1/1000",
    "eta": "2",
    "decay": "sqrt",
    "local_steps": 2,
    "batch": 96,
}
MAX_LOCAL_STEPS = 10_000
MAX_BATCH = 65_536
MAX_RATE = Fraction(1000)


@dataclass(frozen=True, slots=True)
class Rsa:
    """λ, μ and η_0 as exact fractions; ``decay``: "sqrt" for η_0/√(k + 1), "none" for η_0."""

    penalty: Fraction
    regulariser: Fraction
    first_rate: Fraction
    decay: str
    local_steps: int
    batch: int

    @classmethod
    def from_constants(cls, given: Constants) -> Rsa:
        """Reads and checks the genesis constants. Raises AggregationError."""
        values = read.complete("rsa", given, DEFAULTS)
        rule = cls(
            penalty=read.rational(values, "lambda", MAX_RATE),
            regulariser=read.rational(values, "mu", MAX_RATE),
            first_rate=read.rational(values, "eta", MAX_RATE),
            decay=read.choice(values, "decay", ("sqrt", "none")),
            local_steps=read.integer(values, "local_steps", 1, MAX_LOCAL_STEPS),
            batch=read.integer(values, "batch", 1, MAX_BATCH),
        )
        if not rule.penalty or not rule.first_rate:
            raise AggregationError(
                "constants lambda and eta must be positive, or nothing is learnt"
            )
        if rule.first_rate * rule.regulariser > 1:
            raise AggregationError("eta · mu must not exceed 1, or the regulariser diverges")
        return rule

    @property
    def name(self) -> str:
        return "rsa"

    @property
    def constraint(self) -> SlotConstraint:
        """C(x) = x(1 − x): a slot holds a bit."""
        return SlotConstraint(0, 1, -1)

    def constants(self) -> dict[str, int | str]:
        """The genesis form; fractions in lowest terms."""
        return {
            "lambda": str(self.penalty),
            "mu": str(self.regulariser),
            "eta": str(self.first_rate),
            "decay": self.decay,
            "local_steps": self.local_steps,
            "batch": self.batch,
        }

    def length(self, parameters: int) -> int:
        """One bit a parameter."""
        return parameters

    def largest_sum(self, dealers: int) -> int:
        """All bits set."""
        return dealers

    def rate(self, round: int) -> float:
        """η_k. Division of integers and square root are correctly rounded everywhere."""
        first = float(self.first_rate)
        return first / math.sqrt(round + 1) if self.decay == "sqrt" else first

    def local_rule(self, round: int) -> LocalRule:
        """Equation 1, ``local_steps`` times."""
        return LocalRule(
            steps=self.local_steps,
            batch=self.batch,
            rate=self.rate(round),
            penalty=float(self.penalty),
            keeps_local_model=True,
        )

    def encode(self, model: Model, update: Model) -> NDArray[np.uint32]:
        """Bits (d,): 1 where w > x_i, 0 where w < x_i.

        Where w = x_i the sign is 0, which V = {−1, 1}^d doesn't hold (on coordinates without a
        gradient that is common): a coin decides, so that the expected sign is 0 and a cohort's
        ties cancel. The coins come from the hash of both vectors: reproducible at the peer (a
        restart deals the same bits), different at every peer that trained differently.
        """
        _check_pair(model, update)
        bits = (model > update).astype(np.uint32)
        ties = np.flatnonzero(model == update)
        if ties.size:
            stream = Xof("peerd/rsa/tie", _bytes(model), _bytes(update))
            coins = np.frombuffer(stream.read((ties.size + 7) // 8), dtype=np.uint8)
            bits[ties] = np.unpackbits(coins, count=ties.size)
        return bits

    def preimage(self, model: Model, encoded: NDArray[np.unsignedinteger]) -> Model:
        """Lemma 1's u_j = w_j − v_j, with a step wide enough to be exact in float32."""
        _check_pair(model, model)
        if encoded.shape != model.shape or int(encoded.max(initial=0)) > 1:
            raise AggregationError("an encoded update is one bit a parameter")
        step = np.maximum(np.float32(1), np.abs(model))
        result: Model = np.where(encoded == 1, model - step, model + step)
        return result

    def apply(self, model: Model, opened: NDArray[np.int64], dealers: int, round: int) -> Model:
        """Equation 2, with Σ sign = 2s − |D|.

        Bit-identical on every IEEE 754 machine: each line is one elementwise float64 operation
        (a NumPy ufunc can't be fused with the next), no reduction, no BLAS; the result is rounded
        once to float32 and brought to its one form.
        """
        _check_pair(model, model)
        if opened.shape != model.shape:
            raise AggregationError(f"{opened.size} sums were opened for {model.size} parameters")
        if opened.size and (int(opened.min()) < 0 or int(opened.max()) > dealers):
            raise AggregationError(f"a sum of {dealers} bits lies outside 0…{dealers}")
        signs = (2 * opened.astype(np.int64) - dealers).astype(np.float64)
        wide = model.astype(np.float64)
        pull = np.multiply(signs, float(self.penalty))
        shrink = np.multiply(wide, float(self.regulariser))
        gradient = np.add(shrink, pull)
        step = np.multiply(gradient, self.rate(round))
        return canonical_model(np.subtract(wide, step))


def _check_pair(model: Model, update: Model) -> None:
    for name, vector in (("model", model), ("update", update)):
        if vector.dtype != np.float32 or vector.ndim != 1:
            raise AggregationError(
                f"the {name} is a float32 vector, not {vector.dtype} of shape {vector.shape}"
            )
        if not np.isfinite(vector).all():
            raise AggregationError(f"the {name} holds a value that is not finite")
    if model.shape != update.shape:
        raise AggregationError(f"an update of {update.size} for a model of {model.size} parameters")
    if model.size and float(np.abs(model).max()) > MAX_MAGNITUDE:
        raise AggregationError(f"the model has a coordinate beyond {MAX_MAGNITUDE:g}")


def _bytes(vector: Model) -> bytes:
    return vector.astype("<f4", copy=False).tobytes()
