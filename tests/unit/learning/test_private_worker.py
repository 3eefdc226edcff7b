"""Rows' sums through a real worker process: fresh entropy, integers, and nothing on the disk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import structlog
import trio

from peerd.errors import TaskError
from peerd.learning import Partition, Trainer, Training, frames
from peerd.learning.client import Client
from peerd.learning.loading import load_torch_task
from peerd.learning.private.sample import ENTROPY_BYTES
from peerd.learning.private.sums import RowSums
from peerd.learning.worker import Worker
from protocols.aggregation import aggregator
from protocols.aggregation.contract import RowRule
from tests.unit.learning.private_tasks import entropy

CONSTANTS: dict[str, int | str] = {"rate": "1/8", "rows": 96, "steps": 256}
TASKS = "tests.unit.learning.private_tasks"


def training(directory: Path, task: str = "digits", **kept: object) -> Training:
    return Training(
        task=task,
        aggregator="dp-sgd",
        constants=CONSTANTS,
        directory=directory / "learning",
        partition=Partition(1, 8) if task == "digits" else Partition(),
        seed=11,
        model_seed=4,
        **kept,  # type: ignore[arg-type]
    )


class Drawn:
    """Entropy that a test knows."""

    def __init__(self) -> None:
        self.given: list[bytes] = []

    def __call__(self, size: int) -> bytes:
        assert size == ENTROPY_BYTES
        self.given.append(entropy(len(self.given)))
        return self.given[-1]


@pytest.mark.trio
async def test_each_update_is_the_sum_of_a_fresh_sample(tmp_path: Path) -> None:
    drawn = Drawn()
    trainer = Trainer(training(tmp_path), entropy=drawn)
    async with trio.open_nursery() as nursery:
        await nursery.start(trainer.run)
        first = await trainer.initial_model()
        assert await trainer.rehearse() == ()
        totals = [await trainer.update(round, first) for round in (0, 0, 1)]
        nursery.cancel_scope.cancel()
    assert len(set(drawn.given)) == 3 and trainer.trainings == 3
    assert list((tmp_path / "learning").iterdir()) == []
    client = Client(load_torch_task("digits", {}, {}), Partition(1, 8), 11, 4)
    rule = aggregator("dp-sgd", CONSTANTS)
    sums = RowSums(client, rule.local_rule(0))  # type: ignore[arg-type]
    for total, used in zip(totals, drawn.given, strict=True):
        assert total.dtype == np.int64 and total.shape == first.shape
        # one thread there, more of them here: floats round apart, by a step where they are rounded
        assert np.abs(total - sums.sum(first, used).total).max() <= 2
        rule.encode(first, total)


@pytest.mark.trio
async def test_a_worker_is_sent_what_was_certified_and_clips_by_it(tmp_path: Path) -> None:
    """Momentum and the clipping norm lie behind the model's own numbers."""
    kept: dict[str, int | str] = {**CONSTANTS, "momentum": "1/2", "quantile": "1/2"}
    given = replace(training(tmp_path), constants=kept)
    trainer = Trainer(given, entropy=Drawn())
    async with trio.open_nursery() as nursery:
        await nursery.start(trainer.run)
        first = await trainer.initial_model()
        narrow = first.copy()
        narrow[-1] = 2.0**-10
        wide, few = [await trainer.update(0, vector) for vector in (first, narrow)]
        measured = await trainer.evaluate(first)
        nursery.cancel_scope.cancel()
    client = Client(load_torch_task("digits", {}, {}), Partition(1, 8), 11, 4)
    own, rule = client.parameters, aggregator("dp-sgd", kept)
    assert trainer.parameters == first.size == 2 * own + 1
    assert np.array_equal(first[:own], client.first_model)
    assert not first[own:-1].any() and first[-1] == 1
    assert measured.accuracy == client.evaluate(client.first_model).accuracy
    for vector, total in ((first, wide), (narrow, few)):
        assert total.shape == (own + 1,)
        rule.encode(vector, total)
    # at a norm that no gradient is below, every drawn row says that it was clipped
    local = rule.local_rule(0)
    assert isinstance(local, RowRule) and local.count is not None
    row = local.count
    assert few[-1] > wide[-1]
    assert few[-1] == min(row.most, row.clipped * (few[-1] // row.clipped))


@pytest.mark.trio
async def test_entropy_is_the_system_s_unless_told_otherwise(tmp_path: Path) -> None:
    trainer = Trainer(training(tmp_path, f"{TASKS}:Small"))
    async with trio.open_nursery() as nursery:
        await nursery.start(trainer.run)
        first = await trainer.initial_model()
        totals = {(await trainer.update(0, first)).tobytes() for _ in range(4)}
        nursery.cancel_scope.cancel()
    assert len(totals) == 4


@pytest.mark.trio
async def test_a_model_that_left_the_numbers_is_told_in_the_log_alone(tmp_path: Path) -> None:
    trainer = Trainer(training(tmp_path, f"{TASKS}:Small"))
    warned: list[str] = []
    trainer.warn = warned.extend
    with structlog.testing.capture_logs() as logs:
        async with trio.open_nursery() as nursery:
            await nursery.start(trainer.run)
            first = await trainer.initial_model()
            total = await trainer.update(5, np.full_like(first, np.nan))
            nursery.cancel_scope.cancel()
    assert not total.any() and not warned
    (line,) = [log for log in logs if "finite" in log["event"]]
    assert (line["round"], line["rows"], line["log_level"]) == (5, 96, "warning")


@pytest.mark.trio
async def test_what_can_t_be_summed_is_told_at_the_start(tmp_path: Path) -> None:
    trainer = Trainer(training(tmp_path, f"{TASKS}:Averaging", statistics="averaged"))
    with pytest.RaisesGroup(pytest.RaisesExc(TaskError, match="running statistics")):
        async with trio.open_nursery() as nursery:
            await nursery.start(trainer.run)


def test_a_worker_keeps_no_sum_and_takes_no_other_step(tmp_path: Path) -> None:
    worker = Worker(training(tmp_path, f"{TASKS}:Small"))
    first = worker.client.first_model
    one, two = (worker.sum(0, first, entropy(number)).total for number in (1, 2))
    assert not np.array_equal(one, two)
    assert np.array_equal(one, worker.sum(1, first, entropy(1)).total)
    for ask in (worker.update, worker.root):
        with pytest.raises(TaskError, match="dp-sgd sums the clipped gradients"):
            ask(0, first)
    reply = worker.answer(
        {"do": "sum", "round": 0, "vector": frames.vector_bytes(first), "entropy": entropy(1)}
    )
    assert np.array_equal(frames.integers(reply["sum"], first.size), one)
    assert not list((tmp_path / "learning").iterdir())


def test_other_rules_sum_nothing(tmp_path: Path) -> None:
    settings = Training(f"{TASKS}:Small", "rsa", tmp_path)
    worker = Worker(settings)
    with pytest.raises(ValueError, match="rsa takes no sample"):
        worker.sum(0, worker.client.first_model, entropy(0))


def test_integers_pass_through_a_frame() -> None:
    values = np.array([0, -1, 1 << 40, -(1 << 62)])
    data = frames.integer_bytes(values)
    assert data[8:16] == b"\xff" * 8
    assert np.array_equal(frames.integers(data, 4), values)
    for wrong in (data[:-1], data + b"\0", None, "text"):
        with pytest.raises(TaskError, match="a vector of 4 parameters"):
            frames.integers(wrong, 4)
