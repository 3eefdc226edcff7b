"""Experiment 4: what ε the noise has at least, as planted rows show it.

A canary is the strongest row that there is: in every round its gradient has norm C and a direction
that no other row has, and the adversary knows it, sees every opened sum, and subtracts what else is
in it. Was the canary there? The likelihood ratio of all rounds together is the best test. From how
often it is wrong follows, with 95 % confidence, an ε that the rounds have at least: a proven one
that were smaller would be wrong. As noise is independent from number to number, each parameter has
a canary of its own, there or not by a coin.

Sums are the worker's own, noise is drawn, ordered and signed as a dealing's is; what is left out is
the sharing, which opens exactly what was dealt.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import torch

from peerd.laboratory.experiments.accuracy.compare import DELTA
from peerd.laboratory.experiments.privacy.likeness import auc, bootstrap
from peerd.laboratory.experiments.privacy.rows import HONEST, Noised
from peerd.laboratory.simulation.noised import added, noise_in
from peerd.learning.client import Client
from peerd.learning.private.sums import RowSums
from peerd.learning.settings import Partition
from peerd.learning.task import Samples, Task
from protocols.aggregation.contract import Encoded
from protocols.aggregation.dp_sgd import DpSgd
from protocols.hashing import digest
from protocols.plan import plan_group
from protocols.privacy import Budget, least_noise

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
SITES, LIARS = 4, 1
PLAN = plan_group(SITES, Fraction(LIARS, SITES))
WRONG = 0.025
"""Each of two error rates is above its bound with this chance at most."""
THRESHOLDS = 200


@dataclass(frozen=True)
class Mechanism:
    """``rounds`` at the sampling ``rate``, with the least noise for ``epsilon``.

    ``withheld``: the noise is a tenth as long, as a fault would have it: the control.
    """

    epsilon: int
    rate: str = "1"
    rounds: int = 20
    withheld: bool = False

    def rule(self) -> DpSgd:
        """With the noise that is proven."""
        constants: dict[str, int | str] = {"rate": self.rate, "rows": 400, "radius": "7"}
        plain = DpSgd.from_constants(constants)
        budget = Budget(Fraction(self.epsilon), DELTA)
        return replace(plain, noise=least_noise(budget, self.rounds, plain.mechanism(1)))


MECHANISMS = (
    *(Mechanism(epsilon) for epsilon in (1, 2, 8)),
    Mechanism(8, "1/4", 60),
    Mechanism(1, withheld=True),
)


class Canaries(Task):
    """A row's gradient is the row, whatever the model is. Option ``parameters``: as many rows."""

    def model(self) -> torch.nn.Module:
        """The loss is linear in it."""
        return torch.nn.Linear(self._size, 1, bias=False)

    def data(self, partition: Partition) -> Samples:
        """Row j is twice the j-th direction, so that clipping is met."""
        return Samples(2 * torch.eye(self._size), torch.zeros(self._size))

    def held_out(self) -> Samples:
        """Nobody asks."""
        return self.data(Partition())

    def loss(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The output."""
        return outputs.mean()

    @property
    def _size(self) -> int:
        size = self.options["parameters"]
        assert isinstance(size, int)
        return size


class Rounds:
    """A group's rounds with some canaries among its rows: the honest sites alone add noise."""

    def __init__(self, mechanism: Mechanism, canaries: int, seed: int) -> None:
        torch.set_num_threads(1)
        self.mechanism, self.seed = mechanism, seed
        self.rule = rule = mechanism.rule()
        task = Canaries({"parameters": canaries}, {})
        self._client = Client(task, Partition(), seed, seed)
        self._everything = self._client.samples
        dealt = replace(rule, noise=rule.noise / 10) if mechanism.withheld else rule
        self._noised = Noised.of(dealt, False, canaries, PLAN, SITES, HONEST)

    def scores(self, there: Flags, run: int) -> Floats:
        """Of each canary (d,), the log likelihood ratio of there against not, of all rounds."""
        parts = np.arange(len(there)) % HONEST
        sites = [self._site(np.flatnonzero(there & (parts == site))) for site in range(HONEST)]
        total = np.zeros(len(there))
        for turn in range(self.mechanism.rounds):
            opened = np.zeros(len(there), np.int64)
            coin = self._entropy("coin", run, turn, 0)
            for index, site in enumerate(sites):
                place = run, turn, index
                opened += site.sum(self._client.first_model, self._entropy("rows", *place)).total
                opened += self._noise(coin, index, self._entropy("noise", *place))
            total += self._ratio(opened / self.rule.steps)
        return total

    def _site(self, rows: npt.NDArray[np.int64]) -> RowSums:
        """A site with these canaries and no other row."""
        chosen = torch.as_tensor(rows)
        self._client.samples = Samples(
            self._everything.inputs[chosen], self._everything.targets[chosen]
        )
        return RowSums(self._client, self.rule.local_rule(0))

    def _noise(self, coin: bytes, dealer: int, entropy: bytes) -> Encoded:
        """What the dealer's noise adds to the opened sum."""
        shape, noise = self._noised.shape, self._noised.noise
        assert noise is not None
        encoded = noise.encode(entropy, shape.field)
        values = np.zeros(shape.relation.length, np.int64)
        values[len(values) - len(encoded) :] = encoded
        return added(shape, coin, dealer, noise_in(shape.relation, values))

    def _ratio(self, seen: Floats) -> Floats:
        """Of one round: 1 where the canary was drawn and 0 where not, with the proven noise."""
        rate, noise = float(self.rule.rate), float(self.rule.noise)
        found: Floats = np.log1p(rate * np.expm1((seen - 0.5) / noise**2))
        return found

    def _entropy(self, what: str, *numbers: int) -> bytes:
        named = (each.to_bytes(8, "little") for each in (self.seed, *numbers))
        return digest("peerd/lab/privacy/canary", what.encode(), *named)


def audit(
    mechanism: Mechanism, runs: int, canaries: int, seed: int, told: Callable[[str], None]
) -> dict[str, object]:
    """What ``runs`` times ``canaries`` tell: the first half chooses the test, the second judges."""
    rounds = Rounds(mechanism, canaries, seed)
    there = np.random.default_rng([seed, 8]).random((runs, canaries)) < 0.5
    scores = []
    for run, flags in enumerate(there):
        told(f"canaries, epsilon {mechanism.epsilon}: run {run + 1} of {runs}")
        scores.append(rounds.scores(flags, run))
    half = runs // 2
    threshold = chosen(np.concatenate(scores[:half]), there[:half].ravel())
    found = Errors.of(np.concatenate(scores[half:]), there[half:].ravel(), threshold)
    areas = [auc(row[flags], row[~flags]) for row, flags in zip(scores, there, strict=True)]
    return {
        "epsilon": mechanism.epsilon,
        "rate": mechanism.rate,
        "rounds": mechanism.rounds,
        "noise": float(rounds.rule.noise),
        "withheld": mechanism.withheld,
        "auc": bootstrap(np.array(areas)).document(),
        "with": found.there,
        "missed": found.missed,
        "without": found.absent,
        "false": found.false,
        "at_least": round(found.epsilon(), 4),
    }


@dataclass(frozen=True)
class Errors:
    """Of so many canaries that were ``there`` and that were ``absent``: how many the test missed,
    and how many it saw that were not there.
    """

    there: int
    missed: int
    absent: int
    false: int

    @classmethod
    def of(cls, scores: Floats, there: Flags, threshold: float) -> Errors:
        """Of a test that says "there" above the threshold."""
        said = scores > threshold
        absent = int((~there).sum())
        return cls(int(there.sum()), int((there & ~said).sum()), absent, int((said & ~there).sum()))

    def epsilon(self) -> float:
        """What ε is at least, with 95 % confidence: for any test both 1 − FNR ≤ e^ε·FPR + δ and
        1 − FPR ≤ e^ε·FNR + δ. 0 where it tells nothing.
        """
        missed, false = most(self.missed, self.there), most(self.false, self.absent)
        pairs = ((1 - missed, false), (1 - false, missed))
        kept = [(hit - float(DELTA)) / wrong for hit, wrong in pairs]
        return math.log(max(1.0, *kept))


def chosen(scores: Floats, there: Flags) -> float:
    """The threshold with the largest ε among quantiles of these scores."""
    tried = np.quantile(scores, np.linspace(0.001, 0.999, THRESHOLDS))
    bounds = [Errors.of(scores, there, each).epsilon() for each in tried]
    return float(tried[int(np.argmax(bounds))])


def most(hits: int, trials: int) -> float:
    """Clopper and Pearson's upper bound: the share with which so few hits have chance 2.5 %."""
    if hits == trials:
        return 1.0
    low, high = hits / trials, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _at_most(hits, trials, middle) > WRONG else (low, middle)
    return high


def _at_most(hits: int, trials: int, share: float) -> float:
    """Pr[Binomial(trials, share) <= hits], 0 < share < 1."""
    counts = np.arange(hits + 1)
    whole = math.lgamma(trials + 1)
    parts = [math.lgamma(each + 1) + math.lgamma(trials - each + 1) for each in counts.tolist()]
    logs = whole - np.array(parts) + counts * math.log(share)
    return float(np.exp(logs + (trials - counts) * math.log1p(-share)).sum())
