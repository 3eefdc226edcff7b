"""What a genesis needs that has to be computed: the first model, all constants, deadlines."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import trio

from peerd.cli.rule_arguments import typed, typed_rule
from peerd.group import DEADLINES, Genesis, new_genesis
from peerd.learning import Partition, Trainer, Training
from peerd.runner.resume import setting_of
from protocols.aggregation import Aggregator, model_hash

START_SECONDS = 120.0  # for the worker to import torch and build the task

# Milliseconds. Between sites; what everybody has sent ends a phase before its deadline.
DEFAULT_DEADLINES = {
    "commit": 30_000,
    "agreement": 10_000,
    "deal": 120_000,
    "check": 30_000,
    "relay": 30_000,
    "open": 30_000,
    "result": 30_000,
}
assert tuple(DEFAULT_DEADLINES) == DEADLINES
WHOLE = Partition()


@dataclass(frozen=True, slots=True)
class Founding:
    """A group about to be founded. ``deadlines`` override the defaults (milliseconds).

    ``weights``: the members', by public key; 1 for whoever isn't named.
    """

    name: str
    task: str
    aggregator: str
    roster: Sequence[bytes]
    adversary: Fraction
    dropout: Fraction = Fraction(0)
    absent: int | None = None
    clients: int | None = None
    task_options: Mapping[str, Any] | None = None
    constants: Mapping[str, int | str] | None = None
    deadlines: Mapping[str, int] | None = None
    model_seed: int = 0
    local_options: Mapping[str, Any] | None = None
    partition: Partition = WHOLE
    weights: Mapping[bytes, int] | None = None


async def found(request: Founding) -> Genesis:
    """The unsigned genesis. Starts a training worker to compute the first model.

    Raises ConfigError (no plan, a bad field), TaskError (the task can't be built).
    """
    rule = typed_rule(request.aggregator, request.constants or {})
    with typed():
        genesis = _draft(request, rule)
    parameters, first_model = await _first_model(request, genesis, rooted=rule.uses_reference)
    complete = replace(genesis, parameters=parameters, first_model=first_model)
    with typed():
        setting_of(complete)  # says now, not at the first run, why a group of this size can't run
    return complete


def _draft(request: Founding, rule: Aggregator) -> Genesis:
    """The genesis but for its first model. GroupError."""
    return new_genesis(
        name=request.name,
        task=request.task,
        task_options=dict(request.task_options or {}),
        roster=request.roster,
        aggregator=request.aggregator,
        constants=rule.constants(),
        adversary=request.adversary,
        dropout=request.dropout,
        absent=request.absent,
        clients=request.clients,
        deadlines=DEFAULT_DEADLINES | dict(request.deadlines or {}),
        parameters=1,
        first_model=bytes(32),
        model_seed=request.model_seed,
        weights=request.weights,
    )


async def _first_model(request: Founding, genesis: Genesis, *, rooted: bool) -> tuple[int, bytes]:
    with tempfile.TemporaryDirectory(prefix="peerd-found-") as directory:
        trainer = Trainer(
            Training(
                task=genesis.task,
                aggregator=genesis.aggregator,
                directory=Path(directory),
                options=genesis.task_options,
                local=request.local_options or {},
                constants=genesis.constants,
                partition=request.partition,
                model_seed=genesis.model_seed,
            )
        )
        async with trio.open_nursery() as nursery:
            with trio.fail_after(START_SECONDS):
                await nursery.start(trainer.run)
                model = await trainer.initial_model()
                if rooted:  # says now, and not in round 0, that the task has no root data
                    await trainer.root_step(0, model)
            nursery.cancel_scope.cancel()
    return len(model), model_hash(model)
