"""Every task of ``hostile_tasks`` at the worker's door: each request gets an answer."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hostile_tasks as hostile
import numpy as np
import pytest
import torch
import trio

from peerd.errors import TaskError
from peerd.learning import Partition, Trainer, Training, frames
from peerd.learning.worker import read_frame, serve

PARAMETERS = sum(each.numel() for each in hostile.Calm({}, {}).model().parameters())
UPDATE = {"do": "update", "round": 0}


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    """A task may leave torch in another state: that is the worker's, and not the tests'."""
    yield
    torch.set_grad_enabled(True)


def training(name: str, directory: Path, aggregator: str = "rsa") -> Training:
    return Training(
        task="hostile_tasks:Hostile",
        aggregator=aggregator,
        directory=directory,
        options={"name": name},
        partition=Partition(),
    )


def answers(name: str, directory: Path, *asked: dict[str, Any]) -> list[dict[str, Any]]:
    """The replies to the first request and to ``asked``; a vector of zeros goes with each."""
    zeros = frames.vector_bytes(np.zeros(PARAMETERS, dtype=np.float32))
    sent = [{"training": training(name, directory).packed()}]
    sent += [{"vector": zeros} | each for each in asked]
    requests = b"".join(frames.encode({"id": n, **each}) for n, each in enumerate(sent))
    replies = io.BytesIO()
    serve(io.BytesIO(requests), replies)
    replies.seek(0)
    found = []
    while (reply := read_frame(replies)) is not None:
        assert reply["id"] == len(found)
        shown = {key: value for key, value in reply.items() if key != "vector"}
        json.dumps(shown, allow_nan=False)
        found.append(reply)
    return found


def check_line(line: str) -> None:
    assert line.isprintable() and len(line) < 3000


@contextmanager
def lines_of(reply: dict[str, Any]) -> Iterator[list[str]]:
    lines = reply["warnings"]
    for line in lines:
        check_line(line)
    yield lines


@pytest.mark.parametrize("name", hostile.UNKNOWN)
def test_a_metric_that_is_no_number_is_a_warning(name: str, tmp_path: Path) -> None:
    _, found, update = answers(f"metric-{name}", tmp_path, {"do": "evaluate"}, UPDATE)
    assert found["accuracy"] is None
    assert isinstance(found["loss"], float)
    with lines_of(found) as (line,):
        assert line.startswith("accuracy is unknown: metric() gave ")
        assert hostile.UNKNOWN[name][1] in line
        assert hostile.SECRET not in line
    assert len(update["vector"]) == 4 * PARAMETERS


@pytest.mark.parametrize("name", hostile.KNOWN)
def test_a_metric_that_is_one_number_is_it(name: str, tmp_path: Path) -> None:
    _, found, update = answers(f"known-{name}", tmp_path, {"do": "evaluate"}, UPDATE)
    assert type(found["accuracy"]) is float and found["accuracy"] == 0.5
    assert found["warnings"] == []
    assert "vector" in update


@pytest.mark.parametrize("name", hostile.RAISING)
def test_whatever_is_raised_costs_an_answer_and_not_the_worker(name: str, tmp_path: Path) -> None:
    start, *rest = answers(name, tmp_path, {"do": "evaluate"}, UPDATE, {"do": "initial"})
    place = name.partition("-")[0]
    if place in ("model", "data"):
        assert "error" in start and rest == []
        check_line(start["error"])
        assert start["kind"] == "task"
        return
    found, update, initial = rest
    assert "vector" in initial
    assert ("error" in update) == (place == "loss")
    with lines_of(found) as (line,):
        assert "failed: " in line and hostile.SECRET not in line
    assert (found["accuracy"] is None) == (place != "loss")
    assert (found["loss"] is None) == (place != "metric")


def test_several_labels_a_row_are_told_what_to_write() -> None:
    task = hostile.Calm({}, {})
    outputs = torch.zeros(5, 3, 2)
    assert task.metric(outputs, torch.zeros(5, 2, dtype=torch.long)) == 1
    for targets in (torch.zeros(5, 3), torch.zeros(5, 1), torch.zeros(4)):
        with pytest.raises(TaskError, match=r"one class a row; write metric\(\) and correct"):
            task.metric(torch.zeros(5, 3), targets)


@pytest.mark.parametrize("name", hostile.UNTRAINABLE)
def test_what_cannot_train_is_named(name: str, tmp_path: Path) -> None:
    start, *rest = answers(name, tmp_path, {"do": "rehearse"}, {"do": "evaluate"})
    refused = start if "error" in start else rest[0]
    assert hostile.UNTRAINABLE[name][1] in refused["error"]
    check_line(refused["error"])
    assert ("error" in start) == (rest == [])


@pytest.mark.parametrize("name", [*hostile.WARNED, *hostile.FINE])
def test_what_trains_passes_and_is_warned_of(name: str, tmp_path: Path) -> None:
    evaluate = {"do": "evaluate", "quoting": True}
    asked = ({"do": "rehearse"}, {"do": "held_out"}, evaluate, UPDATE)
    _, *seen, update = answers(name, tmp_path, *asked)
    lines = [line for found in seen for line in found["warnings"]]
    if name in hostile.FINE:
        assert lines == []
    else:
        assert any(hostile.WARNED[name][1] in line for line in lines), lines
    assert "error" not in update


@pytest.mark.parametrize("at_home", [False, True])
@pytest.mark.parametrize("name", ["unseeded-task", "drawn-by-torch", "one-object", "calm"])
def test_a_task_that_draws_when_it_is_built_is_found_at_home(
    name: str, at_home: bool, tmp_path: Path
) -> None:
    """Torch's own generator is the same in every worker; elsewhere the genesis' hash tells."""
    _, found = answers(name, tmp_path, {"do": "rehearse", "at_home": at_home})
    if name == "unseeded-task" and at_home:
        assert "the first model is unseeded" in found["error"]
    else:
        assert found.get("warnings") == []


def test_a_rehearsal_leaves_no_trace_in_training(tmp_path: Path) -> None:
    plain = answers("calm", tmp_path / "a", UPDATE)[1]["vector"]
    asked = ({"do": "rehearse"}, {"do": "evaluate"}, UPDATE)
    assert answers("calm", tmp_path / "b", *asked)[3]["vector"] == plain


@pytest.mark.trio
@pytest.mark.parametrize("name", ["metric-system-exit", "held_out-keyboard", "metric-nan"])
async def test_a_real_worker_lives_on(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    trainer = Trainer(training(name, tmp_path))
    async with trio.open_nursery() as nursery:
        await nursery.start(trainer.run)
        worker = trainer.process_id
        first = await trainer.initial_model()
        found = await trainer.evaluate(first)
        assert found.accuracy is None and "accuracy" in found.warnings[0]
        assert len(await trainer.rehearse()) == 1
        assert (await trainer.update(0, first)).shape == (PARAMETERS,)
        assert trainer.process_id == worker
        nursery.cancel_scope.cancel()


@pytest.mark.trio
@pytest.mark.parametrize("name", ["data-system-exit", "model-keyboard", "loss-base"])
async def test_a_real_worker_names_what_cannot_train(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    trainer = Trainer(training(name, tmp_path))
    with pytest.RaisesGroup(pytest.RaisesExc(TaskError, match=r"failed.*hostile_tasks\.py")):
        async with trio.open_nursery() as nursery:
            await nursery.start(trainer.run)
            await trainer.rehearse()
