"""Real daemons under every rule: each certified model is what the rule gives in the clear."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest
import torch

from peerd.group import Genesis, load
from peerd.group.rule import rule_of
from peerd.learning import peer_seed
from peerd.learning.client import Client
from peerd.learning.loading import load_torch_task
from peerd.learning.repeatable import ENVIRONMENT
from peerd.learning.settings import Partition
from protocols.aggregation import aggregate, model_hash
from protocols.aggregation.contract import Model, Referenced

PEERS, ROUNDS, SEED = 4, 2, 1
REST = ("weighted-mean", "centered-clipping", "centered-clipping-l2")
RULES = ["fltrust", *(pytest.param(each, marks=pytest.mark.acceptance) for each in REST)]
"""`make test` has the one of which a daemon does most: it trains on root data as well."""
WEIGHTS = [3, 1, 40, 7]


def swarm(rule: str, folder: Path) -> dict[str, Any]:
    out, kept = folder / "result.json", folder / "swarm"
    command = [sys.executable, "-m", "peerd.cli.main", "swarm", "--aggregator", rule]
    command += ["--peers", str(PEERS), "--rounds", str(ROUNDS), "--liars", "0", "--no-baselines"]
    command += ["--seed", str(SEED), "--json", str(out), "--keep", str(kept)]
    if rule == "weighted-mean":
        command += ["--weights", ",".join(map(str, WEIGHTS))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    document: dict[str, Any] = json.loads(out.read_text())
    return document


def clear(genesis: Genesis, absent: list[list[int]]) -> list[str]:
    """The hash of the model after each round, from the same clients in one process.

    ``absent``: who isn't in the round's cohort (a daemon may be late on a busy machine).
    """
    torch.set_num_threads(1)
    rule = rule_of(genesis.aggregator, genesis.constants)
    task = load_torch_task("digits", genesis.task_options, {})
    clients = [
        Client(task, Partition(index, PEERS), peer_seed(SEED, index), SEED)
        for index in range(PEERS)
    ]
    model, hashes = clients[0].first_model, []
    kept: list[Model | None] = [None] * PEERS
    for round in range(ROUNDS):
        steps = rule.local_rule(round)
        trained = [
            client.train(steps, round, model, last)
            for client, last in zip(clients, kept, strict=True)
        ]
        kept = [each.kept for each in trained]
        dealt = [index for index in range(PEERS) if index not in absent[round]]
        updates = [trained[index].update for index in dealt]
        reference = None
        if rule.uses_reference:
            step = clients[0].root_step(steps, round, model, genesis.group_id)
            reference = cast(Referenced, rule).reference(step)
        weights = [genesis.weight_of(index) for index in dealt]
        model = aggregate(rule, model, updates, round, weights=weights, reference=reference)
        hashes.append(model_hash(model).hex())
    return hashes


@pytest.mark.swarm
@pytest.mark.parametrize("rule", RULES)
def test_daemons_certify_the_clear_rules_models(
    rule: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("r")
    result = swarm(rule, folder)
    assert [each["outcome"] for each in result["rounds"]] == ["completed"] * ROUNDS
    certified = [each["model_hash"] for each in result["rounds"]]
    assert len(set(certified)) == ROUNDS
    assert {peer["model_hash"] for peer in result["peers"]} == {certified[-1]}
    ids = [peer["id"] for peer in result["peers"]]
    absent = [[ids.index(peer) for peer in each["absent"]] for each in result["rounds"]]
    assert certified == elsewhere(rule, folder / "swarm" / "genesis.json", absent)


def elsewhere(rule: str, genesis: Path, absent: list[list[int]]) -> list[str]:
    """``clear`` in a process that has the kernels of a daemon's worker."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    if rule == "fltrust":
        environment |= ENVIRONMENT
    command = [sys.executable, __file__, str(genesis), json.dumps(absent)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=200, check=True, env=environment
    )
    hashes: list[str] = json.loads(done.stdout)
    return hashes


if __name__ == "__main__":
    print(json.dumps(clear(load(Path(sys.argv[1])), json.loads(sys.argv[2]))))
