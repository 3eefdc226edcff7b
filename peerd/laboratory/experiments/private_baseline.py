"""What a swarm under dp-sgd is held against, without the protocol. Imports torch."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import torch

from peerd.laboratory.experiments.private_rounds import Shares, models
from peerd.learning.client import Client
from peerd.learning.loading import load_torch_task
from peerd.learning.settings import Options, Partition, peer_seed
from peerd.learning.start_file import Start
from protocols.aggregation.dp_sgd import DpSgd


def private_baseline(
    task: str,
    options: Options,
    rule: DpSgd,
    *,
    shares: Shares,
    rounds: int,
    seed: int,
    local: Options | None = None,
    start_from: Path | None = None,
) -> list[float | None]:
    """The task's metric after each round; None where it gives no number. TaskError."""
    torch.set_num_threads(1)
    loaded = load_torch_task(task, options, local or {})
    start = None if start_from is None else Start(start_from, task, options)
    sites = shares.dealers
    clients = [
        Client(loaded, Partition(index, sites), peer_seed(seed, index), seed, start=start)
        for index in range(sites)
    ]
    rounded = islice(models(clients, rule, shares, seed), rounds)
    return [clients[0].evaluate(model).accuracy for model in rounded]
