"""One training whose accuracy is compared: a task, its rounds, and the rule's constants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import islice

import torch

from peerd.laboratory.experiments.accuracy.folds import FOLDS, Folded
from peerd.laboratory.experiments.private_rounds import Shares, models, pooled
from peerd.learning.client import Client
from peerd.learning.loading import load_torch_task
from peerd.learning.settings import Options, Partition, peer_seed
from protocols.aggregation.dp_sgd import DpSgd
from protocols.privacy import Budget, least_noise


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
        return pooled(self.rule(), self.sites)


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
    rounds = islice(models(clients, rule, shares, seed), course.rounds)
    *_, last = rounds
    return clients[0].evaluate(last).known()[0]
