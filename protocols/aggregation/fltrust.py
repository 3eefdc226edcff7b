"""FLTrust (Cao et al., NDSS 2021; paper §5.3, §B.4.3, Figure 9), as one linear sum of proven parts.

Everybody computes the root update g_0 from public data. With ĝ the unit vector of a peer's own
update and x = max(0, ⟨ĝ, ĝ_0⟩) its trust score (equation 7), a peer deals X ≈ S·x and W ≈ S·x·ĝ in
integers, the sums of both are opened, and every peer computes (equations 8 and 9)

    w ← w + α_k · Σ W / Σ X

V: X in θ bits, ‖W‖² ≤ X², and ⟨W, G_0⟩ ≥ X², where G_0 = S·ĝ_0 cut toward zero. So a vector W
counts for no more than its score, and its score is at most S times its cosine with the root:
⟨W, G_0⟩ ≤ ‖W‖·S·cos and ‖W‖ ≤ X give X ≤ S·cos. X = 0 forces W = 0.

The paper multiplies score and gradient inside the committee and asks for ‖ĝ‖² = C exactly, which a
rounded vector never meets. As there, all vectors have unit length; α_k is the length of a step.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

import numpy as np

from protocols.aggregation import bits as binary
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
from protocols.aggregation.model import canonical_model, check_model, check_pair
from protocols.aggregation.root_vector import check_reference, root_vector
from protocols.aggregation.rounding import (
    Rounding,
    change_of,
    check_preimage,
    length_of,
)
from protocols.aggregation.schedule import MAX_RATE, Schedule
from protocols.aggregation.trust_relation import TrustRelation
from protocols.proof import Relation

DEFAULTS: dict[str, int | str] = {
    "alpha": "2",
    "theta": 15,
    "proof": "norm",
    "eta": "1/2",
    "decay": "sqrt",
    "local_steps": 5,
    "batch": 32,
}
MIN_THETA, MAX_THETA = 8, 28
# How much an honest peer shortens W and X so that the rounded pair lies in V: standard deviations
# of the rounding's error, tried in this order. Beyond the last it claims no trust at all.
_MARGINS = (6, 12, 24)


@dataclass(frozen=True, slots=True)
class FLTrust:
    """``step``: α_0, the length of the first step, which decays as the rate does."""

    step: Fraction
    theta: int
    proof: str
    schedule: Schedule

    name: ClassVar[str] = "fltrust"
    weighted: ClassVar[bool] = False
    uses_reference: ClassVar[bool] = True

    @classmethod
    def from_constants(cls, given: Constants) -> FLTrust:
        """Reads and checks the genesis constants. Raises AggregationError."""
        values = read.complete(cls.name, given, DEFAULTS)
        return cls(
            step=read.positive(values, "alpha", MAX_RATE),
            theta=read.integer(values, "theta", MIN_THETA, MAX_THETA),
            proof=read.choice(values, "proof", binary.PROOFS),
            schedule=Schedule.from_constants(values),
        )

    def constants(self) -> dict[str, int | str]:
        """The genesis form; fractions in lowest terms."""
        return {
            "alpha": str(self.step),
            "theta": self.theta,
            "proof": self.proof,
            **self.schedule.constants(),
        }

    @property
    def scale(self) -> int:
        """S = 2^θ − 1: the score 1."""
        return (1 << self.theta) - 1

    @property
    def _form(self) -> TrustRelation:
        return TrustRelation(self.theta, self.proof)

    def relation(self, parameters: int, reference: Reference | None = None) -> Relation:
        """V for d parameters; without a reference only its sizes mean anything."""
        if reference is not None:
            check_reference(reference, parameters, self.scale)
        if not self._resolves(parameters):
            finer = (theta for theta in range(self.theta, MAX_THETA + 1))
            least = next((t for t in finer if self._resolves(parameters, t)), MAX_THETA)
            raise AggregationError(
                f"theta = {self.theta} is too coarse for {parameters} parameters: rounding would"
                f" cost honest peers their trust; theta from {least} on fits"
            )
        return self._form.relation(parameters, reference)

    def _resolves(self, parameters: int, theta: int | None = None) -> bool:
        """Whether a peer that agrees with the root perfectly keeps at least half of its score: cut
        toward zero, G_0 loses up to √d of its length S.
        """
        scale = self.scale if theta is None else (1 << theta) - 1
        along = scale - math.sqrt(parameters)
        return 2 * self._shrunk(along, parameters, _MARGINS[0], scale)[1] >= scale

    def largest_sum(self, parameters: int, weight: int) -> int:
        """Every score 1, all mass in one coordinate."""
        return weight * self.scale

    def local_rule(self, round: int) -> LocalRule:
        """Plain descent from the common model; at the peers and on the root data alike."""
        return self.schedule.descent(round)

    def reference(self, step: Update) -> Reference:
        """G_0 (d,) from x_0 − w: S·ĝ_0 cut toward zero, 0 when the root data changes nothing."""
        return root_vector(step, self.scale)

    # F^P

    def encode(self, model: Model, update: Update, reference: Reference | None = None) -> Encoded:
        """W, X and the bits that prove them. A peer that disagrees with the root deals zeros.

        ``update`` is x_i (d,), of which only the direction counts. F^P is defined on pairs, too:
        (d + 1,) values are x_i and a claimed score, taken as they stand if that lies in V. Honest
        peers have no use for it; V holds such pairs (shorter vectors, lower scores), and Definition
        1 wants each of them to come from some input.
        """
        root = self._root(model, reference)
        claim: float | None = None
        if update.shape == (model.size + 1,):
            claim, update = float(update[-1]), update[:-1]
        check_pair(model, update)
        rounding = Rounding("peerd/fltrust/coins", self.theta, model, update)
        if claim is not None and math.isfinite(claim) and abs(claim) <= 1:
            vector = rounding(change_of(model, update) * float(self.scale))
            score = round(claim * self.scale)
            if self._form.holds(vector, score, root):
                return self._form.lay_out(vector, score, root)
        vector, score = self._honest(model, update, root, rounding)
        return self._form.lay_out(vector, score, root)

    def _honest(
        self, model: Model, update: Update, root: Reference, rounding: Rounding
    ) -> tuple[Encoded, int]:
        """(W, X) of the update's direction; zeros where its score is too small to be rounded."""
        change = change_of(model, update)
        length = length_of(change)
        if length:
            unit = change / length
            along = float(np.sum(unit * root.astype(np.float64)))
            for margin in _MARGINS:
                shrink, score = self._shrunk(along, model.size, margin)
                if score < 1:
                    break
                vector = rounding(unit * (shrink * score))
                if self._form.holds(vector, score, root):
                    return vector, score
        return np.zeros(model.size, dtype=np.int64), 0

    def _shrunk(
        self, along: float, parameters: int, margin: int, scale: int | None = None
    ) -> tuple[float, int]:
        """The factor 1 − η of W, and X, so that rounding leaves the pair in V.

        Rounding adds at most d/4 to ‖W‖² in the mean, with a deviation of at most X, and changes
        ⟨W, G_0⟩ by a deviation of at most S/2. ``along`` is ⟨ĝ, G_0⟩, near S times the cosine.
        """
        score, shrink = along, 1.0
        for _ in range(3):
            if score < 1:
                return 0.0, 0
            left = 1 - (parameters / 4 + margin * score) / score**2
            if left < 0.25:
                return 0.0, 0
            shrink = math.sqrt(left)
            score = shrink * along - margin * (scale or self.scale) / (2 * score)
        return shrink, math.floor(score)

    def preimage(
        self, model: Model, encoded: Encoded, reference: Reference | None = None
    ) -> Update:
        """(w + W/S, X/S), float64 of shape (d + 1,)."""
        root = self._root(model, reference)
        vector, score = self._form.read(encoded, model.size, root)
        check_preimage(model, Fraction(self.scale), self.theta)
        change = vector / float(self.scale)
        return np.append(model.astype(np.float64) + change, score / self.scale)

    def _root(self, model: Model, reference: Reference | None) -> Reference:
        check_model(model)
        if reference is None:
            raise AggregationError("fltrust needs the round's reference vector")
        check_reference(reference, model.size, self.scale)
        return reference

    # post-processing

    def apply(self, model: Model, opened: Encoded, weight: int, round: int) -> Model:
        """w + α_k·ΣW/ΣX; the same model when nobody is trusted.

        Each line is one elementwise float64 operation: the same bits on every machine.
        """
        check_model(model)
        if opened.shape != (model.size + 1,):
            raise AggregationError(f"{opened.size} sums were opened for {model.size} parameters")
        vector, scores = opened[:-1], int(opened[-1])
        if not 0 <= scores <= weight * self.scale:
            raise AggregationError(f"the scores' sum lies outside 0…{weight * self.scale}")
        if int(np.abs(vector).max(initial=0)) > scores:
            raise AggregationError(f"an opened sum lies beyond the scores' sum {scores}")
        wide = model.astype(np.float64)
        if not scores:
            return canonical_model(wide)
        mean = np.divide(vector.astype(np.float64), float(scores))
        change = np.multiply(mean, self.schedule.decayed(self.step, round))
        return canonical_model(np.add(wide, change))
