"""Evaluations and training that never return: what is for display holds nothing up."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import structlog.testing
import trio
import trio.testing

from peerd.learning import Partition, Trainer, Training
from peerd.learning.trainer import MOST_OVERDUE
from tests.patience import HANG
from tests.tiers import later

TASK = """
import signal, time
from pathlib import Path
import numpy as np
import torch
from peerd.learning import FittedTask, Samples, Task

def sleeps():
    time.sleep(10**6)

def spins():
    while True:
        pass

def deaf():
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals) - {signal.SIGKILL})
    while True:
        try:
            time.sleep(10**6)
        except BaseException:
            pass

def hang(options, place):
    # the first ``calm`` of these calls return
    if place != options["where"]:
        return
    calls = Path(options["calls"])
    with calls.open("a") as file:
        file.write(".")
    if calls.stat().st_size > options.get("calm", 0):
        globals()[options["how"]]()

class Endless(Task):
    def model(self):
        return torch.nn.Linear(1, 2, bias=False)

    def data(self, partition):
        return Samples(torch.ones(4, 1), torch.zeros(4, dtype=torch.long))

    def held_out(self):
        hang(self.options, "held_out")
        return self.data(None)

    def loss(self, outputs, targets):
        if torch.is_grad_enabled():
            hang(self.options, "training")
        else:
            hang(self.options, "loss")
        return super().loss(outputs, targets)

    def metric(self, outputs, targets):
        hang(self.options, "metric")
        return super().metric(outputs, targets)

    def metrics(self, outputs, targets):
        hang(self.options, "metrics")
        return {"one": 1.0}

class Fitted(FittedTask):
    def first(self):
        return [np.zeros(3)]

    def fit(self, arrays, partition, round):
        return arrays

    def evaluate(self, arrays, partition):
        hang(self.options, "evaluate")
        return {"accuracy": 0.5}
"""
UNLIMITED = 10.0**6


@pytest.fixture
def options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    (tmp_path / "endless_task.py").write_text(TASK)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return {"calls": str(tmp_path / "calls"), "how": "sleeps"}


@asynccontextmanager
async def running(
    tmp_path: Path,
    options: dict[str, Any],
    *,
    evaluation: float = 0.2,
    training: float = UNLIMITED,
    name: str = "Endless",
) -> AsyncIterator[Trainer]:
    settings = Training(
        task=f"endless_task:{name}",
        aggregator="weighted-mean" if name == "Fitted" else "rsa",
        directory=tmp_path / "learning",
        options=options,
        partition=Partition(),
        evaluation_seconds=evaluation,
        training_seconds=training,
    )

    async def pauses(seconds: float) -> None:
        pytest.fail(f"a worker that peerd ends is started at once, and not after {seconds} s")

    trainer = Trainer(settings, sleep=pauses)
    with trio.fail_after(HANG):
        async with trio.open_nursery() as nursery:
            await nursery.start(trainer.run)
            yield trainer
            nursery.cancel_scope.cancel()


@pytest.mark.trio
@pytest.mark.parametrize(
    ("where", "how"),
    [
        ("metric", "deaf"),
        ("held_out", "sleeps"),
        ("evaluate", "spins"),
        *later(
            [("metric", "sleeps"), ("metrics", "sleeps"), ("loss", "spins"), ("metric", "spins")]
        ),
    ],
)
async def test_an_evaluation_that_never_returns_is_ended_and_training_goes_on(
    where: str, how: str, tmp_path: Path, options: dict[str, Any]
) -> None:
    name = "Fitted" if where == "evaluate" else "Endless"
    async with running(tmp_path, options | {"where": where, "how": how}, name=name) as trainer:
        worker, first = trainer.process_id, await trainer.initial_model()
        one = await trainer.update(0, first)
        found = await trainer.evaluate(first)
        assert (found.accuracy, found.loss, found.metrics) == (None, None, {})
        (line,) = found.warnings
        assert line.startswith(
            "accuracy and loss are unknown: the evaluation did not finish in 0 s;"
        )
        assert "evaluation_seconds" in line and "\n" not in line
        assert np.array_equal(one, await trainer.update(0, first))  # no second update of a round
        assert (await trainer.update(1, one)).shape == one.shape
        assert trainer.process_id != worker


@pytest.mark.trio
@pytest.mark.acceptance
async def test_after_a_few_in_a_row_there_are_no_more(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    calls = Path(options["calls"])
    async with running(tmp_path, options | {"where": "metric"}) as trainer:
        first = await trainer.initial_model()
        for _ in range(MOST_OVERDUE):
            assert "did not finish" in (await trainer.evaluate(first)).warnings[0]
        assert calls.stat().st_size == MOST_OVERDUE
        await trainer.update(0, first)
        worker = trainer.process_id
        for _ in range(3):
            (line,) = (await trainer.evaluate(first)).warnings
            assert "evaluation is off until peerd is started again" in line and "3 times" in line
        assert calls.stat().st_size == MOST_OVERDUE and trainer.process_id == worker
        assert any("evaluation is off" in line for line in await trainer.rehearse())


@pytest.mark.trio
@pytest.mark.acceptance
async def test_one_whose_caller_has_left_is_one_of_them(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    """A count is asked for as long as its round can wait, which is less than it may take. Were it
    forgotten, every round's training would wait for it anew.
    """
    async with running(tmp_path, options | {"where": "metric"}) as trainer:
        first = await trainer.initial_model()
        for _ in range(MOST_OVERDUE):
            worker = trainer.process_id
            with trio.move_on_after(0.05):
                await trainer.count(first, 50)
            await trainer.update(0, first)
            while trainer.process_id == worker:
                await trio.sleep(0.01)
        assert trainer._requests.patience == 0
        assert "evaluation is off" in (await trainer.evaluate(first)).warnings[0]


@pytest.mark.trio
async def test_one_that_finishes_is_forgiven(tmp_path: Path, options: dict[str, Any]) -> None:
    options |= {"where": "metric"}
    calls = Path(options["calls"])
    async with running(tmp_path, options | {"calm": 1}) as trainer:
        first, hasty = await trainer.initial_model(), trainer.training
        for _ in range(MOST_OVERDUE + 1):
            calls.unlink(missing_ok=True)
            trainer.training = replace(hasty, evaluation_seconds=HANG)
            assert (await trainer.evaluate(first)).warnings == ()
            trainer.training = hasty
            assert "did not finish" in (await trainer.evaluate(first + 1)).warnings[0]


@pytest.mark.trio
@pytest.mark.parametrize("overdue", [True, *later([False])])
async def test_training_waits_for_half_of_its_time_and_not_again(
    overdue: bool, tmp_path: Path, options: dict[str, Any]
) -> None:
    """The limit is never reached here: it is training that ends the evaluation."""
    options |= {"where": "metric"}
    said: list[str] = []
    seconds = 2 * UNLIMITED if overdue else 0.4
    async with running(tmp_path, options, evaluation=UNLIMITED, training=seconds) as trainer:
        first = await trainer.initial_model()

        async def evaluates() -> None:
            said.extend((await trainer.evaluate(first)).warnings)

        if overdue:
            trainer._requests.patience = 0
        async with trio.open_nursery() as nursery:
            nursery.start_soon(evaluates)
            while not Path(options["calls"]).exists():
                await trio.sleep(0.01)
            assert (await trainer.update(0, first)).shape == (2,)
        assert trainer._requests.patience == 0
    assert "and training waits for it" in said[0]


@pytest.mark.trio
async def test_no_evaluation_comes_between_what_a_round_trains(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    """Asked for first, and served last; also between an update and what follows it."""
    order: list[str] = []
    async with running(tmp_path, options | {"where": "nowhere"}, evaluation=HANG) as trainer:
        first = await trainer.initial_model()

        async def evaluates() -> None:
            await trainer.evaluate(first)
            order.append("evaluated")

        async with trio.open_nursery() as nursery:
            with trainer.training_first():
                nursery.start_soon(evaluates)
                await trio.testing.wait_all_tasks_blocked()
                await trainer.update(0, first)
                await trio.testing.wait_all_tasks_blocked()
                await trainer.update(1, first)
                order.append("trained")
    assert order == ["trained", "evaluated"]


@pytest.mark.trio
@pytest.mark.parametrize("where", ["metric", "held_out", "metrics"])
async def test_a_rehearsal_warns_once_and_goes_on(
    where: str, tmp_path: Path, options: dict[str, Any]
) -> None:
    async with running(tmp_path, options | {"where": where}) as trainer:
        (line,) = await trainer.rehearse(at_home=True)
        assert "the evaluation did not finish" in line
        first, worker = await trainer.initial_model(), trainer.process_id
        calls = Path(options["calls"]).stat().st_size
        assert (await trainer.update(0, first)).shape == (2,)
        (line,) = (await trainer.evaluate(first)).warnings
        assert "is off until" in line and Path(options["calls"]).stat().st_size == calls
        assert trainer.process_id == worker


@pytest.mark.trio
@pytest.mark.parametrize("rehearsed", [True, *later([False])])
async def test_training_that_never_returns_is_told_once(
    rehearsed: bool, tmp_path: Path, options: dict[str, Any]
) -> None:
    warned: list[list[str]] = []
    told = trio.Event()
    options |= {"where": "training"}
    with structlog.testing.capture_logs() as logged:
        async with running(tmp_path, options, training=0.2) as trainer:

            def warn(lines: object) -> None:
                warned.append(list(lines))  # type: ignore[call-overload]
                told.set()

            trainer.warn = warn
            first = await trainer.initial_model()
            async with trio.open_nursery() as nursery:
                if rehearsed:
                    nursery.start_soon(trainer.rehearse)
                else:
                    nursery.start_soon(trainer.update, 0, first)
                await told.wait()
                await trio.sleep(0.5)
                nursery.cancel_scope.cancel()
    ((line,),) = warned
    assert line.startswith(f"training in {'the rehearsal' if rehearsed else 'round 0'} is not done")
    assert [each["event"] for each in logged if each["log_level"] == "warning"] == [line]


@pytest.mark.trio
async def test_the_warning_of_training_that_is_late_goes_when_it_is_done(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    warned: list[list[str]] = []
    async with running(tmp_path, options | {"where": "nowhere"}, training=0) as trainer:
        trainer.warn = lambda lines: warned.append(list(lines))
        first = await trainer.initial_model()
        await trainer.update(0, first)
    (one, nothing) = warned
    assert "is not done after 0 s" in one[0] and nothing == []
