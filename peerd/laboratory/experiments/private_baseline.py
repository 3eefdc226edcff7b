"""What a swarm under dp-sgd is held against: the same training without the protocol. Imports torch.

``no_liars``: sites that are all honest, with the noise of a group. ``no_noise``: the same without
it. ``one_curator``: DP-SGD by one who has all rows, with its own noise. ``unsigned``: liars poison
by their noise, and no coin gives it order and signs.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from pathlib import Path

import torch

from peerd.laboratory.experiments.private_rounds import Shares, models, pooled
from peerd.learning.client import Client
from peerd.learning.loading import load_torch_task
from peerd.learning.settings import Options, Partition, peer_seed
from peerd.learning.start_file import Start
from protocols.aggregation.dp_sgd import DpSgd

NO_NOISE, ONE_CURATOR, UNSIGNED = "no_noise", "one_curator", "unsigned"
KINDS = ("no_liars", NO_NOISE, ONE_CURATOR)


def private_baseline(
    kind: str,
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
    """The task's metric after each round; None where it gives no number. ``shares``: of the
    group. TaskError.
    """
    torch.set_num_threads(1)
    loaded = load_torch_task(task, options, local or {})
    start = None if start_from is None else Start(start_from, task, options)
    sites = 1 if kind == ONE_CURATOR else shares.dealers
    clients = [
        Client(loaded, Partition(index, sites), peer_seed(seed, index), seed, start=start)
        for index in range(sites)
    ]
    if kind == ONE_CURATOR:
        rule, shares = pooled(rule, shares.dealers), Shares(1, 1, 1, shares.noise)
    elif kind == NO_NOISE:
        shares = replace(shares, noise=None)
    if kind != UNSIGNED:
        shares = replace(shares, lie=None)
    rounded = islice(models(clients, rule, shares, seed), rounds)
    return [clients[0].evaluate(model).accuracy for model in rounded]
