"""The same training without the protocol, in one process: what a swarm's result is held against.

Same task, partitions, seeds, F^C, F^P, F^R and post-processing as the daemons'. ``rsa`` without
liars is what the swarm would have learnt undisturbed; ``plain_mean`` with the liars is what
averaging makes of them. Imports torch.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import torch

from peerd.errors import TaskError
from peerd.laboratory.experiments.attacks import DEFAULT_SCALE, forge
from peerd.learning.client import Client
from peerd.learning.loading import load_torch_task
from peerd.learning.settings import Options, Partition, peer_seed
from peerd.learning.start_file import Start
from peerd.learning.steps import steps_of
from protocols.aggregation import Aggregator, LocalRule, aggregator
from protocols.aggregation.clear import plain_mean
from protocols.aggregation.clear_sum import aggregate
from protocols.aggregation.contract import Model, Reference, Referenced

PLAIN_MEAN = "plain_mean"


def baseline(
    kind: str,
    task: str,
    options: Options,
    *,
    peers: int,
    liars: int | Collection[int],
    attack: str | None,
    rounds: int,
    seed: int,
    local: Options | None = None,
    aggregator_name: str = "rsa",
    constants: Mapping[str, int | str] | None = None,
    weights: Sequence[int] | None = None,
    scale: float = DEFAULT_SCALE,
    start_from: Path | None = None,
    progress: Callable[[int, float | None], None] | None = None,
) -> list[float | None]:
    """The task's metric after each round; None where the task's metric gives no number.

    ``kind``: ``plain_mean``, or the name of an aggregator. ``liars``: their indices, or how many
    of the last ones; ``attack`` is None when they are honest. The plain mean trains as
    ``aggregator_name`` does, but without its penalty and always from the common model: federated
    averaging. ``weights``: the peers', of a weighted rule. ``start_from``: the file of the first
    model, unless it is drawn. ``progress`` is called with round and
    accuracy. Raises TaskError.
    """
    torch.set_num_threads(1)
    wrong = _indices(liars, peers) if attack is not None else frozenset[int]()
    loaded = load_torch_task(task, options, local or {})
    start = None if start_from is None else Start(start_from, task, options)
    clients = [
        Client(loaded, Partition(index, peers), peer_seed(seed, index), seed, start=start)
        for index in range(peers)
    ]
    rule = aggregator(aggregator_name if kind == PLAIN_MEAN else kind, constants or {})
    model = clients[0].first_model
    kept: list[Model | None] = [None] * peers
    accuracies: list[float | None] = []
    for round in range(rounds):
        if np.isfinite(model).all():
            steps = _local_rule(kind, rule, round)
            trained = [
                client.train(steps, round, model, last)
                for client, last in zip(clients, kept, strict=True)
            ]
            kept = [each.kept for each in trained]
            said = [
                forge(attack, model, x, seed=peer_seed(seed, index), round=round, scale=scale)
                if attack is not None and index in wrong
                else x
                for index, x in enumerate(each.update for each in trained)
            ]
            if kind == PLAIN_MEAN:
                model = plain_mean(np.stack(said))
            else:
                reference = _reference(rule, clients[0], round, model)
                model = aggregate(rule, model, said, round, weights=weights, reference=reference)
        accuracies.append(clients[0].evaluate(model).accuracy)
        if progress is not None:
            progress(round, accuracies[-1])
    return accuracies


def _local_rule(kind: str, rule: Aggregator, round: int) -> LocalRule:
    steps = steps_of(rule, round)
    return replace(steps, penalty=0.0, keeps_local_model=False) if kind == PLAIN_MEAN else steps


def _reference(rule: Aggregator, client: Client, round: int, model: Model) -> Reference | None:
    """The round's public vector, as a group without an id would have it."""
    if not rule.uses_reference:
        return None
    step = client.root_step(steps_of(rule, round), round, model, b"")
    return cast(Referenced, rule).reference(step)


def _indices(liars: int | Collection[int], peers: int) -> frozenset[int]:
    chosen = frozenset(range(peers - liars, peers) if isinstance(liars, int) else liars)
    if not all(0 <= index < peers for index in chosen):
        raise TaskError(f"liars {sorted(chosen)} are not all among {peers} peers")
    return chosen
