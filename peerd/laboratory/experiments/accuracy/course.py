"""Training under dp-sgd without a network: the worker's own rows, plain sums in integers.

The central run is DP-SGD as one curator has it, who holds all rows: the same code for rows, the
same clipping, steps and lot, one Poisson sample of all rows, and noise of variance (z·S)² in each
sum. In the federated run each of S sites draws from its own rows and adds noise of variance
(z·S)²/h, where h sites are counted on. Deterministic by seed, so that nothing here is secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import ceil

import numpy as np
import torch

from peerd.laboratory.experiments.accuracy.folds import FOLDS, Folded
from peerd.learning.client import Client
from peerd.learning.loading import load_torch_task
from peerd.learning.private.sums import RowSums
from peerd.learning.settings import Options, Partition, peer_seed
from protocols.aggregation.contract import Encoded
from protocols.aggregation.dp_sgd import DpSgd
from protocols.hashing import digest
from protocols.privacy import Budget, least_noise, skellam

LARGEST_VARIANCE = 1 << 24
"""Of one table of noise; more is added in parts."""


@dataclass(frozen=True)
class Course:
    """One training: constants as in a genesis, those of one site in the federated run.

    ``etas``: η where it is another one for some ε. ``fold``: which training rows are held out, to
    choose constants by; None for the rows whose accuracy is reported.
    """

    name: str
    task: str
    sites: int
    rounds: int
    constants: dict[str, int | str]
    options: Options = field(default_factory=dict)
    etas: Mapping[int, str] = field(default_factory=dict)
    fold: int | None = None

    def at(self, epsilon: int) -> Course:
        """With the constants of this ε."""
        given = {"eta": self.etas[epsilon]} if epsilon in self.etas else {}
        return replace(self, constants={**self.constants, **given}, etas={})

    def folded(self, fold: int) -> Course:
        """The same on nine tenths of the training rows, judged by the others."""
        lot = Fraction(self.constants["lot"]) * (FOLDS - 1) / FOLDS
        return replace(self, constants={**self.constants, "lot": str(lot)}, fold=fold)

    def rule(self) -> DpSgd:
        """A site's."""
        return DpSgd.from_constants(self.constants)

    def noise(self, budget: Budget) -> Fraction:
        """The least multiplier z with which the rounds stay within ``budget``."""
        return least_noise(budget, self.rounds, self.rule().mechanism(1))

    def pooled(self) -> DpSgd:
        """The same rule for one who holds the rows of all sites."""
        rule = self.rule()
        return replace(rule, rows=rule.rows * self.sites, lot=rule.lot * self.sites)


@dataclass(frozen=True)
class Shares:
    """``dealers`` who each have an equal part of the rows and add 1/``counted`` of the variance of
    ``noise`` z; None adds none.
    """

    dealers: int
    counted: int
    noise: Fraction | None


def train(course: Course, rule: DpSgd, shares: Shares, seed: int) -> float:
    """Accuracy (0…1) on the held-out rows after the last round. TaskError."""
    torch.set_num_threads(1)
    task = load_torch_task(course.task, course.options, {})
    if course.fold is not None:
        task = Folded(task, course.fold, shares.dealers)
    clients = [
        Client(task, Partition(index, shares.dealers), peer_seed(seed, index), seed)
        for index in range(shares.dealers)
    ]
    sites = [RowSums(client, rule.local_rule(0)) for client in clients]
    model = clients[0].first_model
    for round in range(course.rounds):
        opened = np.zeros(model.size, dtype=np.int64)
        for index, site in enumerate(sites):
            drawn = [_entropy(seed, round, index, what) for what in ("rows", "noise")]
            opened += site.sum(model, drawn[0]).total
            if shares.noise is not None:
                variance = (shares.noise * rule.steps) ** 2 / shares.counted
                opened += noise_of(variance, model.size, drawn[1])
        model = rule.apply(model, opened, shares.dealers, round)
    return clients[0].evaluate(model).known()[0]


def noise_of(variance: Fraction, count: int, entropy: bytes) -> Encoded:
    """Skellam noise of any ``variance``: a sum of parts that a table holds."""
    parts = ceil(variance / LARGEST_VARIANCE)
    total = np.zeros(count, dtype=np.int64)
    for part in range(parts):
        own = digest("peerd/lab/part of noise", entropy, part.to_bytes(8, "little"))
        total += skellam(variance / parts, count, own)
    return total


def _entropy(seed: int, round: int, site: int, what: str) -> bytes:
    numbers = (each.to_bytes(8, "little") for each in (seed, round, site))
    return digest("peerd/lab/private training", what.encode(), *numbers)
