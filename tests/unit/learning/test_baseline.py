"""What robustness buys, in the clear: the numbers that the demo shows, with fewer rounds."""

from __future__ import annotations

import numpy as np
import pytest

from peerd.errors import TaskError
from peerd.laboratory.experiments.baseline import baseline
from peerd.learning.client import Client
from peerd.learning.loading import load_task
from peerd.learning.settings import Partition, peer_seed
from protocols.aggregation import aggregator

ROUNDS = 15


def run(kind: str, liars: int, **more: object) -> list[float]:
    settings = {"peers": 8, "attack": "sign-flip", "rounds": ROUNDS, "seed": 1, **more}
    return baseline(kind, "digits", {}, liars=liars, **settings)  # type: ignore[arg-type]


def test_rsa_learns_and_withstands_two_liars_of_eight_where_the_mean_does_not() -> None:
    quiet, attacked, mean = run("rsa", 0), run("rsa", 2), run("plain_mean", 2)
    assert quiet[-1] >= 0.93
    assert attacked[-1] >= quiet[-1] - 0.03
    assert mean[-1] < 0.5


@pytest.mark.parametrize(
    "rule", ["centered-clipping", "centered-clipping-l2", "fltrust", "weighted-mean"]
)
def test_every_rule_learns_with_its_defaults_and_bounds_two_liars_of_eight(rule: str) -> None:
    quiet, attacked = run(rule, 0), run(rule, 2)
    assert quiet[-1] >= 0.93
    assert attacked[-1] >= quiet[-1] - 0.06


def test_weights_count() -> None:
    """A site with nearly all the weight makes the model nearly its own."""
    heavy = run("weighted-mean", [7], rounds=6, weights=[1] * 7 + [1000])
    equal = run("weighted-mean", [7], rounds=6)
    assert heavy[-1] < 0.5 < equal[-1]


def test_the_mean_without_liars_learns() -> None:
    assert run("plain_mean", 0)[-1] >= 0.93


def test_honest_liars_change_nothing_and_runs_repeat() -> None:
    assert run("rsa", 2, attack=None, rounds=2) == run("rsa", 0, rounds=2)
    seen: list[tuple[int, float]] = []
    again = run("rsa", 2, rounds=3, progress=lambda *step: seen.append(step))
    assert again == run("rsa", [6, 7], rounds=3)  # type: ignore[arg-type]
    assert seen == list(enumerate(again))


def test_it_is_the_computation_of_the_daemons() -> None:
    """Round by round with the pieces that a daemon uses: worker's client, encode, sum, apply."""
    peers, seed = 3, 5
    rule = aggregator("rsa", {})
    task = load_task("digits", {}, {})
    clients = [
        Client(task, Partition(index, peers), peer_seed(seed, index), seed)
        for index in range(peers)
    ]
    model = clients[0].first_model
    own = [model] * peers
    accuracies = []
    for round in range(3):
        own = [
            c.update(rule.local_rule(round), round, model, x)
            for c, x in zip(clients, own, strict=True)
        ]
        opened = np.sum([rule.encode(model, x).astype(np.int64) for x in own], axis=0)
        model = rule.apply(model, opened, peers, round)
        accuracies.append(clients[1].evaluate(model).accuracy)
    assert accuracies == baseline(
        "rsa", "digits", {}, peers=peers, liars=0, attack=None, rounds=3, seed=seed
    )


def test_liars_outside_the_group_are_refused() -> None:
    with pytest.raises(TaskError, match="not all among 8 peers"):
        run("rsa", 9)
