"""What a round asks of this machine, tried at home: from a model to a dealing."""

from __future__ import annotations

import secrets
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import trio

from peerd.config import TaskConfig
from peerd.errors import GroupError, TaskError
from peerd.group import Genesis
from peerd.learning import Trainer
from peerd.learning.settings import Partition, Training
from peerd.runner.counting import own_counts, rows_warnings
from peerd.runner.failures import only_error
from peerd.runner.first import check_first, check_start
from peerd.runner.resume import setting_of
from peerd.sealing import PLAIN, Vault
from protocols.aggregation import model_hash
from protocols.aggregation.contract import Model, Referenced
from protocols.hashing import digest
from protocols.privacy import ENTROPY_BYTES
from protocols.proof import check_many, deal
from protocols.record.setting import Setting

START_SECONDS = 120.0  # for the worker to import torch and build the task
CONTEXT = digest("peerd/rehearsal")  # of no round: nothing of this is ever sent


def training_of(
    genesis: Genesis, task: TaskConfig, directory: Path, vault: Vault = PLAIN
) -> Training:
    """A peer's training as its daemon does it. GroupError where genesis and configuration differ
    on whether there is a file to start from.
    """
    check_start(genesis, task.start_from)
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
        statistics=genesis.statistics,
        device=task.device,
        python=task.python,
        start_from=task.start_from,
        evaluation_seconds=task.evaluation_seconds,
        training_seconds=genesis.training_seconds,
        vault=vault,
    )


@asynccontextmanager
async def worker(training: Training) -> AsyncIterator[Trainer]:
    """A training worker with a directory of its own, for as long as the block lasts.

    TaskError, StorageError: alone, and not in a group.
    """
    with tempfile.TemporaryDirectory(prefix="peerd-rehearsal-") as directory:
        # A person waits: a worker that dies is told, not tried again and again.
        trainer = Trainer(
            replace(training, directory=Path(directory), vault=Vault.passing()), tries=1
        )
        try:
            async with trio.open_nursery() as nursery:
                await _start(nursery, trainer)
                yield trainer
                nursery.cancel_scope.cancel()
        except BaseExceptionGroup as group:
            raise only_error(group) from None


async def _start(nursery: trio.Nursery, trainer: Trainer) -> None:
    try:
        with trio.fail_after(START_SECONDS):
            await nursery.start(trainer.run)
    except trio.TooSlowError:
        raise TaskError(
            f"the task is not built after {START_SECONDS:.0f} s",
            "make its constructor, model() and data() quicker",
        ) from None


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """Seconds: from a model to a dealing, and for the check of everybody's dealings.

    ``warnings``: what does not keep this peer from training, and should be known before it signs.
    """

    dealing: float
    checking: float
    warnings: tuple[str, ...] = ()


async def try_round(trainer: Trainer, setting: Setting, model: Model, member: int = 0) -> Rehearsal:
    """One real update from ``model`` (d,), encoded and dealt, and its check in one seat."""
    rule = setting.aggregator
    began = time.monotonic()
    update = await trainer.update(0, model)
    reference = None
    if rule.uses_reference:
        step = await trainer.root_step(0, model)
        reference = cast(Referenced, rule).reference(step)
    counts = await own_counts(trainer, setting, member, model)
    fresh = secrets.token_bytes(ENTROPY_BYTES)
    values = setting.encode(member, model, update, reference, counts, fresh)
    shape = setting.shape if reference is None else setting.shape_for(reference)
    public = setting.public_inputs(member)
    dealt = deal(shape, values, CONTEXT, CONTEXT, public)
    dealing = time.monotonic()
    seat = setting.plan.committee - 1
    item = CONTEXT, dealt.root, dealt.proof, dealt.packages[seat]
    check_many(shape, seat, [item], [public])
    checking = time.monotonic() - dealing
    return Rehearsal(dealing - began, checking * (setting.clients or setting.peers))


async def rehearse(genesis: Genesis, task: TaskConfig, public: bytes) -> Rehearsal:
    """What a round would ask of the member with this key, from the first model and on its own data.

    TaskError: why it can't train. GroupError: its first model is not the group's.
    """
    setting = setting_of(genesis)
    async with worker(training_of(genesis, task, Path())) as trainer:
        warnings = await trainer.rehearse(at_home=True)
        first = await trainer.initial_model()
        check_first(genesis, task.start_from, model_hash(first), trainer.fixed)
        setting, member = setting_of(genesis), genesis.index(public)
        found = await try_round(trainer, setting, first, member)
        rows = await rows_warnings(trainer, setting, member, first)
        return replace(found, warnings=(*warnings, *rows))


def check_time(found: Rehearsal, genesis: Genesis) -> str:
    """What was measured; GroupError where it is more than the genesis allows."""
    allowed, hurry = genesis.training_seconds, setting_of(genesis).deadlines.hurry / 1000
    if found.dealing > allowed:
        raise GroupError(
            f"this machine takes {found.dealing:.1f} s from a model to a dealing, and the genesis"
            f" allows training_seconds {allowed}",
            "found the group with a larger --training, or a smaller task",
        )
    if found.checking > hurry:
        raise GroupError(
            f"this machine takes {found.checking:.1f} s to check everybody's dealings, and"
            f" delta_ms with bandwidth_bytes_per_second allows {hurry:.1f} s",
            "found the group with a smaller --bandwidth, or a smaller task",
        )
    return (
        f"{found.dealing:.1f} s from a model to a dealing here, and the genesis allows {allowed};"
        f" {found.checking:.1f} s to check everybody's, and it allows {hurry:.1f}"
    )
