"""What a site deals under dp-sgd, as its dealings are attacked: rows' gradients, noise beside them.

As many sites are honest as are counted on, the fewest that any cohort has: what they add together
is the noise that is accounted, and no more. Liars add none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch

from peerd.laboratory.experiments.accuracy.compare import DELTA, DIGITS, EPSILONS
from peerd.laboratory.experiments.privacy.dealt import DEALT, Dealt, Tells
from peerd.laboratory.experiments.privacy.victims import Rows, Victims
from peerd.learning.private.sums import RowSums
from peerd.learning.task import Samples
from protocols.aggregation import bits as binary
from protocols.aggregation.contract import Encoded
from protocols.aggregation.dp_sgd import DpSgd
from protocols.aggregation.noise import Noise, noise_of
from protocols.field import field_for
from protocols.hashing import digest
from protocols.plan import CommitteePlan
from protocols.privacy import Budget, least_noise
from protocols.proof import DealingShape

Floats = npt.NDArray[np.float64]
HONEST = 2
"""Sites that are counted on: the fewest that the protocol has."""
RULE = DpSgd.from_constants(
    {"rate": "1", "clip": "1", "steps": 1024, "rows": 96, "lot": "1", "radius": "96"}
)
SUM = "dp-sgd without noise"
AT_ONCE = "dp-sgd, ε = 8 in one round"
"""All that is promised is spent at once: so little noise that a row's label may be guessed."""


def multiplier(epsilon: int, rounds: int) -> Fraction:
    """The noise z with which so many rounds of all rows are (ε, 10^-5)-private."""
    return least_noise(Budget(Fraction(epsilon), DELTA), rounds, RULE.mechanism(1))


@dataclass(frozen=True)
class Noised:
    """A round's dealings of ``rule``, of whose noise each of ``makers`` sites adds its part.

    ``noise`` is None where the sum has none.
    """

    rule: DpSgd
    noise: Noise | None
    shape: DealingShape

    @classmethod
    def of(
        cls, rule: DpSgd, quiet: bool, parameters: int, plan: CommitteePlan, peers: int, makers: int
    ) -> Noised:
        """Of a group of so many peers."""
        relation, largest = rule.relation(parameters), rule.largest_sum(parameters, peers)
        noise = None if quiet else noise_of(rule, parameters, plan.packing, makers)
        if noise is not None:
            relation = noise.relation_in(relation)
            largest += peers * noise.largest
        found = field_for(largest, plan.committee + plan.packing, relation.least_modulus)
        return cls(rule, noise, DealingShape(plan, found, relation))

    def values(self, model: npt.NDArray[np.float32], total: Encoded, entropy: bytes) -> Encoded:
        """v (|v|,) of a site whose rows add up to ``total`` (d,)."""
        encoded = self.rule.encode(model, total)
        if self.noise is None:
            return encoded
        return np.concatenate([encoded, self.noise.encode(entropy, self.shape.field)])

    def silent(self, model: npt.NDArray[np.float32], total: Encoded) -> Encoded:
        """The same of a liar that withholds its noise."""
        encoded, relation = self.rule.encode(model, total), self.shape.relation
        values = np.zeros(relation.length, np.int64)
        values[: len(encoded)] = encoded
        for index, block in enumerate(self.noise.blocks if self.noise else ()):
            slack = relation.segment(f"noise {index} slack")
            assert self.noise is not None
            values[slack] = binary.to_bits(self.noise.limit(block), slack.stop - slack.start)
        return values


@dataclass(frozen=True)
class RowsDealt:
    """One ``Dealt``: all of a site's rows are drawn, so that the victim's is among them."""

    name: str
    multiplier: Fraction | None
    tells: Tells = Tells.DIRECTION
    bits: bool = False
    span: tuple[float, float] = (-float(RULE.steps), float(RULE.steps))
    _noised: dict[int, Noised] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def rule(self) -> DpSgd:
        return RULE if self.multiplier is None else replace(RULE, noise=self.multiplier)

    def noised(self, victims: Victims, plan: CommitteePlan, peers: int) -> Noised:
        """The same for a model of one size."""
        size = victims.model.size
        if size not in self._noised:
            quiet = self.multiplier is None
            self._noised[size] = Noised.of(self.rule, quiet, size, plan, peers, HONEST)
        return self._noised[size]

    def shape(self, victims: Victims, plan: CommitteePlan, peers: int) -> DealingShape:
        return self.noised(victims, plan, peers).shape

    def values(self, victims: Victims, rows: Rows) -> Encoded:
        numbers = (int(row).to_bytes(8, "little") for row in (victims.seed, *rows))
        entropy = digest("peerd/lab/privacy/noise", self.name.encode(), *numbers)
        noised = self._noised[victims.model.size]
        return noised.values(victims.model, summed(victims, self.rule, rows), entropy)

    def noise(self, victims: Victims, rng: np.random.Generator) -> Encoded:
        total = rng.integers(-9, 10, victims.model.size)
        return self._noised[victims.model.size].silent(victims.model, total)

    def update(self, victims: Victims, rows: Rows) -> Floats:
        """The sum without noise, in the clear."""
        return self.target(summed(victims, self.rule, rows).astype(np.float64))

    def target(self, opened: Floats) -> Floats:
        found: Floats = opened / self.rule.steps
        return found


def summed(victims: Victims, rule: DpSgd, rows: Sequence[int]) -> Encoded:
    """The integers (d,) of a site with these rows, by the worker's own code."""
    client, everything = victims.client, victims.client.samples
    chosen = torch.as_tensor(list(rows))
    client.samples = Samples(everything.inputs[chosen], everything.targets[chosen])
    try:
        own = replace(rule.local_rule(0), rows=len(rows))
        return RowSums(client, own).sum(victims.model, bytes(32)).total
    finally:
        client.samples = everything


def _rows() -> list[RowsDealt]:
    rounds = DIGITS.rounds
    spread = [RowsDealt(f"dp-sgd, ε = {each}", multiplier(each, rounds)) for each in EPSILONS]
    return [RowsDealt(SUM, None), *spread, RowsDealt(AT_ONCE, multiplier(max(EPSILONS), 1))]


NOISED: dict[str, Dealt] = {each.name: each for each in _rows()}
"""The noise of so many rounds as the digits have in docs/privacy.md, and of one."""
ATTACKED: dict[str, Dealt] = {**DEALT, **NOISED}
