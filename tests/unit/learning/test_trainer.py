"""The worker process as the daemon sees it: real processes, real torch, hostile tasks."""

from __future__ import annotations

import errno
import os
import re
import signal
import subprocess
import sys
import time
import venv
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import trio

from peerd.errors import StorageError, TaskError
from peerd.learning import Partition, Trainer, Training
from peerd.learning.last_words import LastWords
from peerd.learning.repeatable import ENVIRONMENT
from tests.patience import HANG
from tests.tiers import later

USER_TASK = '''
import os, sys, time
import torch
from peerd.learning import Samples, Task

class Moody(Task):
    """Two weights; what it does wrong is told by the held-out file's name."""

    def model(self):
        if self.options.get("mood") == "unbuildable":
            raise ValueError("no such\\nlayer")
        return torch.nn.Linear(1, 2, bias=False)

    def data(self, partition):
        print("a task may print", flush=True)
        os.write(1, b"even so")
        assert sys.stdin.read() == ""
        assert "CREDENTIALS_DIRECTORY" not in os.environ  # as test_trainer.py sets it
        return Samples(torch.ones(4, 1), torch.zeros(4, dtype=torch.long))

    def held_out(self):
        return self.data(None)

    def loss(self, outputs, targets):
        if self.options.get("mood") == "slow":
            time.sleep(0.3)
        return super().loss(outputs, targets)

    def metric(self, outputs, targets):
        if self.options.get("mood") == "raises":
            raise RuntimeError("metric of the user")
        return 0.5
'''


@pytest.fixture
def user_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "moody_task.py").write_text(USER_TASK)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))  # of the service: the disk's key
    return "moody_task:Moody"


def training(
    directory: Path, task: str = "digits", aggregator: str = "rsa", **options: str
) -> Training:
    return Training(
        task=task,
        aggregator=aggregator,
        directory=directory / "learning",
        options=options,
        partition=Partition(1, 8) if task == "digits" else Partition(),
        seed=11,
        model_seed=4,
    )


@contextmanager
def one_error(kind: type[Exception], match: str) -> Iterator[None]:
    """The error as a caller outside the nursery gets it: trio wraps what a task raises."""
    with pytest.RaisesGroup(pytest.RaisesExc(kind, match=match)):
        yield


def test_importing_the_trainer_does_not_load_torch() -> None:
    program = "import sys, peerd.learning, peerd.tasks.schema; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.trio
async def test_digits_train_and_a_restart_resumes(tmp_path: Path) -> None:
    trainer = Trainer(training(tmp_path))
    async with trio.open_nursery() as nursery:
        await nursery.start(trainer.run)
        first = await trainer.initial_model()
        assert first.dtype == np.float32
        assert first.shape == (trainer.parameters,)
        one = await trainer.update(0, first)
        assert np.array_equal(one, await trainer.update(0, first))
        two = await trainer.update(1, one)
        found = await trainer.evaluate(first)
        assert found.accuracy is not None and 0 <= found.accuracy <= 1
        assert found.loss is not None and found.loss > 0
        assert found.warnings == ()
        nursery.cancel_scope.cancel()
    with pytest.raises(TaskError, match="stopped"):
        await trainer.initial_model()

    again = Trainer(training(tmp_path))
    async with trio.open_nursery() as nursery:
        await nursery.start(again.run)
        assert np.array_equal(first, await again.initial_model())
        # Trained before the restart: the same bytes, from disk.
        assert np.array_equal(two, await again.update(1, one))
        # Rounds that were missed: x goes on from what there is.
        five = await again.update(5, two)
        assert not np.array_equal(five, two)
        nursery.cancel_scope.cancel()

    # A peer that never stopped, and missed the same rounds, is where the restarted one is.
    other = Trainer(training(tmp_path / "other"))
    async with trio.open_nursery() as nursery:
        await nursery.start(other.run)
        for round, model in ((0, first), (1, one)):
            await other.update(round, model)
        assert np.array_equal(five, await other.update(5, two))
        # A damaged file is reported, not skipped.
        path = other.training.directory / "round-5.x"
        path.write_bytes(path.read_bytes()[:-1])
        with pytest.raises(StorageError, match=r"round-5\.x is damaged"):
            await other.update(6, two)
        nursery.cancel_scope.cancel()


@pytest.mark.trio
async def test_a_restart_goes_on_from_the_momentum(tmp_path: Path) -> None:
    """Round 1 after a restart is what it is without one, and not what it is without momentum."""
    models = {}
    for name, stops in (("once", False), ("twice", True)):
        async with running(training(tmp_path / name, aggregator="centered-clipping")) as trainer:
            first = await trainer.initial_model()
            one = await trainer.update(0, first)
            if not stops:
                models[name] = await trainer.update(1, first)
        if stops:
            async with running(trainer.training) as trainer:
                assert np.array_equal(one, await trainer.update(0, first))
                models[name] = await trainer.update(1, first)
    async with running(training(tmp_path / "new", aggregator="centered-clipping")) as trainer:
        fresh = await trainer.update(1, first)
    assert np.array_equal(models["once"], models["twice"])
    assert not np.array_equal(models["once"], fresh)


@pytest.mark.trio
@pytest.mark.acceptance
async def test_peers_compute_one_root_step_with_kernels_that_every_machine_has(
    tmp_path: Path,
) -> None:
    steps = []
    for peer in (1, 2):
        base = training(tmp_path / str(peer), aggregator="fltrust")
        mine = replace(base, partition=Partition(peer, 8), seed=peer, group=b"g" * 32)
        async with running(mine) as trainer:
            variables = environment_of(trainer)
            assert ENVIRONMENT.items() <= variables.items()
            first = await trainer.initial_model()
            if peer == 2:
                await trainer.update(0, first)
            steps.append(await trainer.root_step(0, first))
    assert steps[0].any()
    assert np.array_equal(*steps)
    async with running(training(tmp_path / "rsa")) as trainer:
        assert not ENVIRONMENT.keys() & environment_of(trainer).keys()


@pytest.mark.trio
async def test_a_task_without_root_data_costs_one_answer(tmp_path: Path, user_task: str) -> None:
    async with running(training(tmp_path, user_task, aggregator="fltrust", mood="calm")) as trainer:
        first = await trainer.initial_model()
        with pytest.raises(TaskError, match="no public root data"):
            await trainer.root_step(0, first)
        assert np.array_equal(first, await trainer.initial_model())


@asynccontextmanager
async def running(settings: Training) -> AsyncIterator[Trainer]:
    trainer = Trainer(settings)
    async with trio.open_nursery() as nursery:
        await nursery.start(trainer.run)
        yield trainer
        nursery.cancel_scope.cancel()


def environment_of(trainer: Trainer) -> dict[str, str]:
    """What the worker was started with."""
    pairs = Path(f"/proc/{trainer.process_id}/environ").read_text().split("\0")
    return dict(pair.split("=", 1) for pair in pairs if "=" in pair)


@pytest.mark.trio
async def test_a_task_that_raises_costs_one_answer_and_not_the_worker(
    tmp_path: Path, user_task: str
) -> None:
    trainer = Trainer(training(tmp_path, user_task, mood="raises"))
    async with trio.open_nursery() as nursery:
        await nursery.start(trainer.run)
        first = await trainer.initial_model()
        found = await trainer.evaluate(first, quoting=True)
        assert found.accuracy is None and found.loss is not None
        (line,) = found.warnings
        assert "metric() failed: RuntimeError: metric of the user (moody_task" in line
        assert "\n" not in line
        # What is stored and shown by the status quotes nothing.
        assert (await trainer.evaluate(first)).warnings == (
            line.replace(": metric of the user", ""),
        )
        with pytest.raises(TaskError, match="2 parameters"):
            await trainer.update(0, np.zeros(3, dtype=np.float32))
        assert (await trainer.update(0, first)).shape == (2,)
        nursery.cancel_scope.cancel()


@pytest.mark.trio
async def test_a_task_that_cannot_be_built_ends_run_with_one_line(
    tmp_path: Path, user_task: str
) -> None:
    trainer = Trainer(training(tmp_path, user_task, mood="unbuildable"))
    with pytest.raises(TaskError, match="failed while starting: ValueError: no such layer"):
        await trainer.run()
    with pytest.raises(TaskError):
        await trainer.initial_model()


@pytest.mark.trio
async def test_a_caller_that_gives_up_does_not_confuse_the_next(
    tmp_path: Path, user_task: str
) -> None:
    trainer = Trainer(training(tmp_path, user_task, mood="slow"))
    async with trio.open_nursery() as nursery:
        await nursery.start(trainer.run)
        first = await trainer.initial_model()
        with trio.move_on_after(0.05) as gave_up:
            await trainer.update(0, first)
        assert gave_up.cancelled_caught
        assert np.array_equal(await trainer.initial_model(), first)
        assert not np.array_equal(await trainer.update(0, first), first)
        nursery.cancel_scope.cancel()


class Pauses:
    """Sleeps not at all, and remembers for how long it should have; ``most`` of them."""

    def __init__(self, most: int) -> None:
        self.seconds: list[float] = []
        self._most = most
        self.enough = trio.Event()

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        if len(self.seconds) == self._most:
            self.enough.set()
            await trio.sleep_forever()


WAYS = {
    "SIGKILL": ("os.kill(os.getpid(), 9)", r"killed \(SIGKILL\): the machine may have run out"),
    "SIGSEGV": ("os.kill(os.getpid(), 11)", "ended by SIGSEGV"),
    "_exit": ("os._exit(3)", "ended with status 3"),
    "quietly": ("os._exit(0)", "ended with status 0"),
    "no pipe": ("os.closerange(3, 64); os._exit(4)", "ended with status 4"),
    "babble": ("[os.write(fd, b'x' * 99) for fd in pipes()]", "channel is corrupt"),
}
DEADLY = """
import os, stat
import torch
from pathlib import Path
from peerd.learning import Samples, Task

def pipes():
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            if int(name) > 2 and stat.S_ISFIFO(os.fstat(int(name)).st_mode):
                os.write(int(name), b"")
                found.append(int(name))
        except OSError:
            pass
    return found

def die():
    {how}

class Deadly(Task):
    def _maybe(self, place):
        if place != self.options["where"]:
            return
        if self.options.get("once"):
            flag = Path(self.options["once"])
            if flag.exists():
                return
            flag.touch()
        die()

    def model(self):
        self._maybe("model")
        return torch.nn.Linear(1, 2, bias=False)

    def data(self, partition):
        return Samples(torch.ones(4, 1), torch.zeros(4, dtype=torch.long))

    def held_out(self):
        self._maybe("held_out")
        return self.data(None)

    def loss(self, outputs, targets):
        if torch.is_grad_enabled():
            self._maybe("loss")
        return super().loss(outputs, targets)

    def metric(self, outputs, targets):
        self._maybe("metric")
        return super().metric(outputs, targets)
"""


def deadly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str, where: str, *, once: bool
) -> Training:
    (tmp_path / "deadly_task.py").write_text(DEADLY.replace("{how}", WAYS[way][0]))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    options = {"where": where} | ({"once": str(tmp_path / "died")} if once else {})
    return training(tmp_path, "deadly_task:Deadly", **options)


@pytest.mark.trio
@pytest.mark.parametrize("way", ["SIGKILL", *later(sorted({*WAYS} - {"SIGKILL"}))])
async def test_a_worker_that_dies_is_started_again_and_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """The same bytes come as from a worker that never died, and the warning goes."""
    settings = deadly(tmp_path, monkeypatch, way, "loss", once=True)
    pauses = Pauses(3)
    trainer = Trainer(settings, sleep=pauses)
    warned: list[list[str]] = []
    trainer.warn = lambda lines: warned.append(list(lines))
    async with trio.open_nursery() as nursery:
        await nursery.start(trainer.run)
        first = await trainer.initial_model()
        update = await trainer.update(0, first)
        (line,), nothing = warned
        assert re.search(WAYS[way][1], line)
        assert "it is started again after 1 s" in line
        assert nothing == []
        assert pauses.seconds == [1.0]
        nursery.cancel_scope.cancel()
    # "died" is there now: nothing kills this one.
    async with running(replace(settings, directory=tmp_path / "calm")) as calm:
        assert np.array_equal(update, await calm.update(0, first))


@pytest.mark.trio
@pytest.mark.acceptance
async def test_a_worker_that_always_dies_leaves_the_daemon_alive_and_pauses_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses = Pauses(4)
    trainer = Trainer(deadly(tmp_path, monkeypatch, "SIGKILL", "loss", once=False), sleep=pauses)

    async def asks() -> None:
        await trainer.update(0, await trainer.initial_model())
        pytest.fail("nobody can have trained")

    async with trio.open_nursery() as nursery:
        await nursery.start(trainer.run)
        nursery.start_soon(asks)
        await pauses.enough.wait()
        nursery.cancel_scope.cancel()
    assert pauses.seconds == [1.0, 2.0, 4.0, 8.0]


@pytest.mark.trio
async def test_a_pause_has_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no process can be started at all, too."""

    async def no_process(*_: object, **__: object) -> None:
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    monkeypatch.setattr(trio.lowlevel, "open_process", no_process)
    pauses = Pauses(40)
    trainer = Trainer(training(tmp_path), sleep=pauses)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trainer.run)
        await pauses.enough.wait()
        nursery.cancel_scope.cancel()
    assert pauses.seconds == sorted(pauses.seconds)
    assert set(pauses.seconds[6:]) == {60.0}


@pytest.mark.trio
@pytest.mark.parametrize("where", ["metric", *later(["held_out"])])
async def test_an_evaluation_that_kills_is_a_warning_and_the_update_behind_it_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    pauses = Pauses(40)
    trainer = Trainer(deadly(tmp_path, monkeypatch, "SIGKILL", where, once=False), sleep=pauses)
    updates = []
    async with trio.open_nursery() as nursery:
        await nursery.start(trainer.run)
        first = await trainer.initial_model()

        async def trains() -> None:
            updates.append(await trainer.update(0, first))

        nursery.start_soon(trains)
        found = await trainer.evaluate(first)
        assert updates[0].shape == (2,)
        nursery.cancel_scope.cancel()
    assert found.accuracy is None and found.loss is None
    assert "SIGKILL" in found.warnings[0]


@pytest.mark.trio
async def test_an_idle_worker_that_is_killed_is_missed_at_once(
    tmp_path: Path, user_task: str
) -> None:
    pauses = Pauses(40)
    trainer = Trainer(training(tmp_path, user_task, mood="calm"), sleep=pauses)
    async with trio.open_nursery() as nursery:
        await nursery.start(trainer.run)
        first = await trainer.initial_model()
        killed = trainer.process_id
        assert killed is not None
        os.kill(killed, signal.SIGKILL)
        with trio.fail_after(HANG):
            while trainer.process_id == killed:
                await trio.sleep(0.01)
        assert np.array_equal(await trainer.initial_model(), first)
        nursery.cancel_scope.cancel()


@pytest.mark.trio
async def test_a_rehearsal_tells_a_death_instead_of_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for where, match in (
        ("model", "while it built the task"),
        ("loss", "is gone, asked to rehearse"),
    ):
        pauses = Pauses(40)
        settings = deadly(tmp_path, monkeypatch, "_exit", where, once=False)
        trainer = Trainer(settings, tries=1, sleep=pauses)
        with one_error(TaskError, f"{match}: it ended with status 3"):
            async with trio.open_nursery() as nursery:
                await nursery.start(trainer.run)
                await trainer.rehearse()


@pytest.mark.trio
async def test_a_death_is_told_with_what_the_worker_said_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crash = r"it was ended by SIGSEGV; it said last: Fatal Python error: Segmentation fault"
    without = Path(tmp_path / "bin" / "python")
    venv.create(tmp_path, with_pip=False, symlinks=True)
    cases = [
        (deadly(tmp_path, monkeypatch, "SIGSEGV", "model", once=False), crash),
        (replace(training(tmp_path), python=without), r"status 1, .*; it said last: .*No module"),
    ]
    for settings, match in cases:
        trainer = Trainer(settings, tries=1, sleep=Pauses(40))
        with one_error(TaskError, match):
            async with trio.open_nursery() as nursery:
                await nursery.start(trainer.run)


@pytest.mark.trio
async def test_nothing_can_be_asked_before_it_runs(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="not been started"):
        await Trainer(training(tmp_path)).initial_model()


def said(*lines: str) -> str:
    words = LastWords()
    for line in lines:
        words.hear(line)
    return words.said


RAISED = ["Traceback (most recent call last):", '  File "t.py", line 3, in f', "    f()"]


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ([], ""),
        (["Maria Müller,1957,HIV+", "  what a row"], ""),
        ([*RAISED, "OSError: disk", "Maria Müller,1957,HIV+"], "OSError: disk"),
        ([*RAISED, "KeyError: 1", "", *RAISED, "ValueError: 2"], "ValueError: 2"),
        (
            [
                "terminate called after throwing an instance of 'std::bad_alloc'",
                *("  what():  std::bad_alloc", "Fatal Python error: Aborted", "", "Thread 0x1:"),
            ],
            "terminate called after throwing an instance of 'std::bad_alloc';"
            " what(): std::bad_alloc; Fatal Python error: Aborted",
        ),
        (["/usr/bin/python3: No module named peerd"], "/usr/bin/python3: No module named peerd"),
        ([*RAISED, "ValueError: \x1b[2J" + "x" * 999], "ValueError: �[2J" + "x" * 284 + "…"),
    ],
    ids=["nothing", "a row", "a row behind", "chained", "C++", "interpreter", "long and hostile"],
)
def test_last_words_are_what_tells_of_an_end_and_no_rows(lines: list[str], found: str) -> None:
    assert said(*lines) == found


DAEMON = """
import sys, trio
from pathlib import Path
from peerd.learning import Trainer, Training

async def main():
    trainer = Trainer(Training(task="digits", aggregator="rsa", directory=Path(sys.argv[1])))
    async with trio.open_nursery() as nursery:
        await nursery.start(trainer.run)
        print(trainer.process_id, flush=True)
        await trio.sleep_forever()

trio.run(main)
"""


def alive(process_id: int) -> bool:
    """Whether it runs; a zombie that nobody has reaped yet does not."""
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.acceptance
def test_a_daemon_that_is_killed_leaves_no_worker_behind(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", DAEMON, str(tmp_path)], stdout=subprocess.PIPE
    ) as daemon:
        assert daemon.stdout is not None
        worker = int(daemon.stdout.readline())
        assert alive(worker)
        daemon.kill()
    for _ in range(200):
        if not alive(worker):
            return
        time.sleep(0.05)
    os.kill(worker, signal.SIGKILL)
    pytest.fail("the worker outlived its daemon by ten seconds")
