"""Experiment 2: membership inference on a trained model.

Was this image trained on? The loss threshold (Yeom et al. 2018) needs the model alone. LiRA
(Carlini et al. 2022, online, one variance for all) compares the model's confidence in the image
with that of shadow models, which the adversary trains in the same way on random parts of a pool,
with the image and without. Each of K models is the target once; the others are its shadows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from peerd.laboratory.experiments.privacy.likeness import auc, bootstrap, tpr_at
from peerd.laboratory.experiments.privacy.private import Private
from peerd.learning.client import Client
from peerd.learning.loading import load_torch_task
from peerd.learning.settings import Partition, peer_seed
from peerd.learning.steps import steps_of
from peerd.learning.task import Samples
from protocols.aggregation import LocalRule, aggregator
from protocols.aggregation.contract import Model

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
FALSE_POSITIVES = 0.01
LEAST_VARIANCE = 1e-6


@dataclass(frozen=True)
class Course:
    """How the targets are trained: ``pool`` images, ``share`` of them members of each model.

    ``peers`` > 1: that many peers under RSA with the defaults of a group, for ``rounds``; 1: one
    peer by itself, minibatch steps at ``rate``. ``private``: under dp-sgd in place of RSA.
    """

    name: str
    pool: int
    share: float
    peers: int
    rounds: int
    rate: float = 0.2
    batch: int = 32
    hidden: int = 64
    private: Private | None = None


SWARM = Course("swarm of 10 under RSA", pool=1436, share=0.5, peers=10, rounds=100)
CENTRAL = Course("one trainer with all the swarm's data", pool=1436, share=0.5, peers=1, rounds=600)
ALONE = Course("one peer alone with its tenth", pool=288, share=0.25, peers=1, rounds=600)
NOISED = tuple(
    Course(each.title, pool=1436, share=0.5, peers=4, rounds=20, hidden=32, private=each)
    for each in map(Private, (None, 8, 2, 1))
)
COURSES = (SWARM, CENTRAL, ALONE, *NOISED)


class School:
    """Trains models of one course on chosen rows, with the daemon's own F^C and F^P."""

    def __init__(self, course: Course, seed: int) -> None:
        torch.set_num_threads(1)
        self.course = course
        task = load_torch_task("digits", {"model": "mlp", "hidden": course.hidden}, {})
        self.client = Client(task, Partition(0, 1), seed, seed)
        self.everything = self.client.samples
        if course.pool > len(self.everything):
            raise ValueError(f"a pool of {course.pool} from {len(self.everything)} images")

    def pool(self) -> Samples:
        """The images of which some are members."""
        size = self.course.pool
        return Samples(self.everything.inputs[:size], self.everything.targets[:size])

    def train(self, members: Flags, seed: int) -> Model:
        """The model after training on the members (pool,) among the pool."""
        rows = np.flatnonzero(members)
        np.random.default_rng([seed, 4]).shuffle(rows)
        parts = np.array_split(rows, self.course.peers)
        if self.course.private is not None:
            held = [self._samples(part) for part in parts]
            return self.course.private.train(self.client, held, self.course.rounds, seed)
        return self._alone(parts[0], seed) if len(parts) == 1 else self._swarm(parts, seed)

    def _alone(self, rows: npt.NDArray[np.int64], seed: int) -> Model:
        course = self.course
        rule = LocalRule(course.rounds, course.batch, course.rate, 0.0, keeps_local_model=False)
        return self._step(rule, 0, self.client.first_model, rows, peer_seed(seed, 0))[1]

    def _swarm(self, parts: list[npt.NDArray[np.int64]], seed: int) -> Model:
        rule = aggregator("rsa", {})
        model = self.client.first_model
        own = [model] * len(parts)
        for turn in range(self.course.rounds):
            local = steps_of(rule, turn)
            opened = np.zeros(model.size, np.int64)
            for peer, rows in enumerate(parts):
                _, own[peer] = self._step(
                    local, turn, model, rows, peer_seed(seed, peer), own[peer]
                )
                opened += rule.encode(model, own[peer])
            model = rule.apply(model, opened, len(parts), turn)
        return model

    def _step(
        self,
        rule: LocalRule,
        turn: int,
        model: Model,
        rows: npt.NDArray[np.int64],
        seed: int,
        own: Model | None = None,
    ) -> tuple[Model, Model]:
        """(model, the peer's next own model)."""
        self.client.seed = seed
        self.client.samples = self._samples(rows)
        return model, self.client.update(rule, turn, model, model if own is None else own)

    def _samples(self, rows: npt.NDArray[np.int64]) -> Samples:
        chosen = torch.as_tensor(rows)
        return Samples(self.everything.inputs[chosen], self.everything.targets[chosen])

    def scores(self, model: Model) -> Floats:
        """log(p / (1 − p)) of the true class for each image of the pool: (pool,)."""
        self.client.shared.fill(model)
        pool = self.pool()
        with torch.no_grad():
            logits = self.client.module(pool.inputs).double()
        true = logits.gather(1, pool.targets[:, None])[:, 0]
        others = logits.scatter(1, pool.targets[:, None], -torch.inf).logsumexp(dim=1)
        found: Floats = (true - others).numpy()
        return found

    def accuracy(self, model: Model) -> float:
        """On the held-out images."""
        return self.client.evaluate(model).known()[0]


def draw_members(course: Course, models: int, seed: int) -> Flags:
    """(models, pool): every image is a member of the same number of models."""
    rng = np.random.default_rng([seed, 5])
    each = round(models * course.share)
    order = np.argsort(rng.random((models, course.pool)), axis=0)
    chosen: Flags = order < each
    return chosen


def lira(scores: Floats, members: Flags, target: int) -> Floats:
    """Log likelihood ratio in against out of each image for one target model: (pool,).

    ``scores``, ``members``: (models, pool). An image needs a shadow with it and one without.
    """
    shadows = np.arange(len(scores)) != target
    inside = members & shadows[:, None]
    outside = ~members & shadows[:, None]
    mean_in, spread_in = _moments(scores, inside)
    mean_out, spread_out = _moments(scores, outside)
    seen = scores[target]
    ratio: Floats = (
        (seen - mean_out) ** 2 / (2 * spread_out)
        - (seen - mean_in) ** 2 / (2 * spread_in)
        + 0.5 * np.log(spread_out / spread_in)
    )
    return ratio


def _moments(scores: Floats, chosen: Flags) -> tuple[Floats, float]:
    """Mean of each image (pool,), and one variance around them."""
    count = chosen.sum(axis=0)
    if not (count > 0).all():
        raise ValueError("an image has no shadow model on one side")
    mean: Floats = np.where(chosen, scores, 0).sum(axis=0) / count
    error = np.where(chosen, scores - mean, 0)
    free = max(int((count - 1).sum()), 1)
    return mean, max(float((error**2).sum() / free), LEAST_VARIANCE)


def infer(
    course: Course, models: int, seed: int, told: Callable[[str], None] = lambda line: None
) -> dict[str, object]:
    """Both attacks on ``models`` models of the course; intervals are over the models."""
    school = School(course, seed)
    members = draw_members(course, models, seed)
    scores, accuracy, fitted = [], [], []
    for index, flags in enumerate(members):
        told(f"{course.name}: model {index + 1} of {models}")
        model = school.train(flags, seed * models + index)
        scores.append(school.scores(model))
        accuracy.append(school.accuracy(model))
        fitted.append(float((scores[-1][flags] > 0).mean()))
    table = np.stack(scores)
    ratios = np.stack([lira(table, members, index) for index in range(models)])
    return {
        "course": course.name,
        "models": models,
        "members": int(members.sum(axis=1).mean()),
        "held_out_accuracy": bootstrap(np.array(accuracy)).document(),
        "training_accuracy": bootstrap(np.array(fitted)).document(),
        "loss_threshold": judged(table, members),
        "lira": judged(ratios, members),
    }


def judged(scores: Floats, members: Flags) -> dict[str, object]:
    """AUC and the share of members found at 1 % false positives; chance is 0.5 and 0.01."""
    pairs = [(row[flags], row[~flags]) for row, flags in zip(scores, members, strict=True)]
    areas = np.array([auc(*pair) for pair in pairs])
    found = np.array([tpr_at(*pair, FALSE_POSITIVES) for pair in pairs])
    return {
        "auc": bootstrap(areas).document(),
        "tpr_at_1_percent_fpr": bootstrap(found).document(),
    }
