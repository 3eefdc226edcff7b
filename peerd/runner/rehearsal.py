"""What a round asks of this machine, tried at home: from a model to a dealing."""

from __future__ import annotations

import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import cast

import trio

from peerd.config import TaskConfig
from peerd.errors import GroupError
from peerd.group import Genesis
from peerd.learning import Trainer
from peerd.learning.settings import Partition, Training
from peerd.runner.resume import setting_of
from protocols.aggregation.contract import Model, Referenced
from protocols.hashing import digest
from protocols.proof import deal
from protocols.record.setting import Setting

START_SECONDS = 120.0  # for the worker to import torch and build the task


def training_of(genesis: Genesis, task: TaskConfig, directory: Path) -> Training:
    """A peer's training as its daemon does it."""
    return Training(
        task=genesis.task,
        aggregator=genesis.aggregator,
        directory=directory,
        options=genesis.task_options,
        local=task.local,
        constants=genesis.constants,
        partition=Partition(task.partition, task.partitions),
        seed=task.seed,
        model_seed=genesis.model_seed,
        group=genesis.group_id,
    )


@asynccontextmanager
async def worker(training: Training) -> AsyncIterator[Trainer]:
    """A training worker with a directory of its own, for as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix="peerd-rehearsal-") as directory:
        trainer = Trainer(replace(training, directory=Path(directory)))
        async with trio.open_nursery() as nursery:
            with trio.fail_after(START_SECONDS):
                await nursery.start(trainer.run)
            yield trainer
            nursery.cancel_scope.cancel()


async def dealing_seconds(trainer: Trainer, setting: Setting, model: Model) -> float:
    """One real update from ``model`` (d,), encoded and dealt, as in a round."""
    rule = setting.aggregator
    began = time.monotonic()
    update = await trainer.update(0, model)
    reference = None
    if rule.uses_reference:
        step = await trainer.root_step(0, model)
        reference = cast(Referenced, rule).reference(step)
    values = rule.encode(model, update, reference)
    shape = setting.shape if reference is None else setting.shape_for(reference)
    deal(shape, values, digest("peerd/rehearsal"), digest("peerd/rehearsal"))
    return time.monotonic() - began


async def rehearse(genesis: Genesis, task: TaskConfig) -> float:
    """Seconds from the first model to this peer's dealing, on its own data."""
    async with worker(training_of(genesis, task, Path())) as trainer:
        return await dealing_seconds(trainer, setting_of(genesis), await trainer.initial_model())


def check_time(seconds: float, allowed: int) -> str:
    """What was measured; GroupError where it is more than the genesis allows."""
    if seconds > allowed:
        raise GroupError(
            f"this machine takes {seconds:.1f} s from a model to a dealing, and the genesis allows"
            f" training_seconds {allowed}",
            "found the group with a larger --training, or a smaller task",
        )
    return f"{seconds:.1f} s from a model to a dealing here; the genesis allows {allowed} s"
