"""Pieces of work in processes of this machine."""

from __future__ import annotations

import os
import signal
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pieces
import pytest

from peerd.cli.simulate import _pool
from peerd.errors import ConfigError, TaskError
from peerd.laboratory.pool.cluster import Cluster
from peerd.laboratory.pool.processes import Processes, usable_cores
from peerd.laboratory.pool.work import Alone, Pool, Work
from tests.unit.pool.local_cluster import gone, until


def work(function: Callable[[Any], Any], *items: Any) -> Work:
    return Work(function, items, [f"piece {item}" for item in items], "pieces")


@pytest.mark.parametrize("pool", [Alone(), Processes(1), Processes(3)])
def test_every_piece_comes_back_once(pool: Pool) -> None:
    found = dict(pool.run(work(pieces.process, *range(7))))
    assert {index: item for index, (item, _) in found.items()} == {i: i for i in range(7)}
    processes = {pid for _, pid in found.values()}
    assert processes == {os.getpid()} if isinstance(pool, Alone) else len(processes) == 7


def test_a_piece_has_one_thread_whatever_the_run_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the server that starts it: this process keeps what it had."""
    before = os.environ.get("OMP_NUM_THREADS")
    assert dict(Processes(1).run(work(pieces.environment, "OMP_NUM_THREADS"))) == {0: "1"}
    assert os.environ.get("OMP_NUM_THREADS") == before


def test_a_refusal_is_an_error_with_its_title() -> None:
    with pytest.raises(TaskError, match=r"^piece 2: two is refused; ask for another$"):
        list(Processes(1).run(work(pieces.refuse, *range(5))))


def test_a_bug_comes_with_its_traceback(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(TaskError, match=r"^piece 7: it raised what is above$"):
        list(Processes(1).run(work(pieces.stumble, 7)))
    told = capfd.readouterr().err
    assert "in stumble" in told and "ZeroDivisionError: piece 7 has a bug" in told


def test_a_process_that_is_killed_is_named() -> None:
    with pytest.raises(TaskError, match=r"^piece 7: its process was killed by signal 9; memory"):
        list(Processes(2).run(work(pieces.be_killed, 7)))


def test_who_asks_for_no_more_leaves_no_process(tmp_path: Path) -> None:
    marker = tmp_path / "pid"
    results = Processes(2).run(work(pieces.hang, "", str(marker)))
    assert next(results) == (0, None)
    until(lambda: marker.exists() and marker.read_text() != "")
    results.close()
    assert gone(int(marker.read_text()))


def test_there_are_as_many_processes_as_cores_that_may_be_used() -> None:
    all_cores = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(all_cores)})
        assert usable_cores() == 1
    finally:
        os.sched_setaffinity(0, all_cores)
    assert usable_cores() == len(all_cores)


def test_a_cluster_needs_an_extra_which_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("peerd.extras.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"--cluster needs distributed; pip install 'peerd\[cl"):
        Cluster("tcp://127.0.0.1:8786")


def test_sigterm_ends_a_run_of_one_process_as_one_of_several() -> None:
    """It ended at once, without what it had so far."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        assert isinstance(_pool(Namespace(processes=1, cluster=None), ()), Alone)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
