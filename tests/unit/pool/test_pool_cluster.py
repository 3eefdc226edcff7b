"""Pieces of work on a real cluster of this machine: what comes out, and what goes wrong."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pieces
import pytest

pytest.importorskip("distributed", reason="the extra 'cluster' is not installed")

from peerd.cli.main import main
from peerd.errors import ConfigError, NetworkError, TaskError
from peerd.laboratory.pool import cluster as module
from peerd.laboratory.pool.cluster import Cluster
from peerd.laboratory.pool.work import Work
from tests.patience import HANG
from tests.unit.pool.local_cluster import ROOT, LocalCluster, gone, until

EXPERIMENT = """
title = "The same anywhere"
task.name = "digits"
task.options = { hidden = 4 }
peers = 5
liars = [1]
rounds = 2
seeds = [1]
attacks = ["backdoor"]
rules = ["rsa", { clear = "median" }]
secured = 1
"""


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    with LocalCluster(tmp_path_factory.mktemp("cluster")) as local:
        local.add()
        local.add()
        yield local


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may take long to start a worker."""
    monkeypatch.setattr(module, "ANSWER_SECONDS", HANG)


def work(function: Callable[[Any], Any], *items: Any) -> Work:
    return Work(function, items, [f"piece {number}" for number, _ in enumerate(items)], "pieces")


# -- the same results ------------------------------------------------------------------------------


def test_a_simulation_is_the_same_in_one_process_in_several_and_on_a_cluster(
    two: LocalCluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Byte for byte, but for the CPU seconds, which no two runs have in common."""
    words = ["simulate", "--seeds", "0:30", "--peers", "4", "--rounds", "1", "--json"]
    found = []
    for who in (["--processes", "1"], ["--processes", "2"], ["--cluster", two.address]):
        path = tmp_path / "report.json"
        assert main([*words, str(path), *who]) == 0
        lines = path.read_text().splitlines()
        found.append([line for line in lines if "cpu_seconds" not in line])
    assert found[0] == found[1] == found[2]
    assert "30 seeds" in capsys.readouterr().out


def test_an_experiment_is_the_same_in_processes_and_on_a_cluster(
    two: LocalCluster, tmp_path: Path
) -> None:
    """All files, but for the CPU seconds of phases and members."""
    experiment = tmp_path / "e.toml"
    experiment.write_text(EXPERIMENT)
    places = {}
    for name, who in (("one", ["--processes", "1"]), ("cluster", ["--cluster", two.address])):
        places[name] = tmp_path / name
        assert main(["lab", "run", str(experiment), "--out", str(places[name]), *who]) == 0
    one, cluster = (everything(place) for place in places.values())
    assert one == cluster
    assert len(one) == 5, "two cells, the experiment and its two tables"


def everything(place: Path) -> dict[str, Any]:
    """The files of a run by name, without CPU seconds."""
    found: dict[str, Any] = {}
    for path in place.rglob("*.*"):
        text: Any = path.read_text()
        if path.parent.name == "cells":
            cell = json.loads(text)
            assert cell.pop("seconds") and isinstance(cell.pop("secured"), dict)
            text = json.dumps(cell)
        elif path.name == "results.csv":
            rows = csv.DictReader(text.splitlines())
            text = [{k: v for k, v in row.items() if "seconds" not in k} for row in rows]
        found[path.name] = text
    return found


def test_a_piece_has_a_process_of_its_own_and_one_thread(two: LocalCluster) -> None:
    """The workers here were started with two."""
    found = dict(Cluster(two.address).run(work(pieces.process, *range(4))))
    assert {index: item for index, (item, _) in found.items()} == {i: i for i in range(4)}
    workers = {worker.pid for worker in two.workers}
    assert len({pid for _, pid in found.values()} - workers) == 4
    assert dict(Cluster(two.address).run(work(pieces.environment, "OMP_NUM_THREADS"))) == {0: "1"}


# -- what goes wrong in a piece --------------------------------------------------------------------


def test_what_goes_wrong_comes_back_with_its_story(
    two: LocalCluster, capfd: pytest.CaptureFixture[str]
) -> None:
    pool, at = Cluster(two.address), r" \(at tcp://127\.0\.0\.1:\d+\): "
    with pytest.raises(TaskError, match=f"^piece 2{at}two is refused; ask for another$"):
        list(pool.run(work(pieces.refuse, *range(5))))
    with pytest.raises(TaskError, match=f"^piece 0{at}it raised what is above$"):
        list(pool.run(work(pieces.stumble, 7)))
    told = capfd.readouterr().err
    assert "in stumble" in told and "ZeroDivisionError: piece 7 has a bug" in told
    killed = "its process was killed by signal 9; memory may be short; run it again"
    with pytest.raises(TaskError, match=f"^piece 0{at}{killed}; it said: about to run out of"):
        list(pool.run(work(pieces.be_killed, 7)))


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_run_that_ends_leaves_no_process_anywhere(
    two: LocalCluster, tmp_path: Path, how: signal.Signals
) -> None:
    markers = [tmp_path / "one", tmp_path / "other"]
    program = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "import pieces, sys; from argparse import Namespace; from peerd.cli.pool import pool_of\n"
        "from peerd.laboratory.pool.work import Work\n"
        "pool = pool_of(Namespace(cluster=sys.argv[1], processes=None))\n"
        "list(pool.run(Work(pieces.hang, sys.argv[2:], ['a', 'b'], 'pieces')))"
    )
    words = [sys.executable, "-c", program, two.address, *map(str, markers)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), *sys.path))}
    with subprocess.Popen(words, env=environment, stderr=subprocess.DEVNULL) as process:
        until(lambda: all(marker.exists() and marker.read_text() for marker in markers))
        assert process.poll() is None
        process.send_signal(how)
        process.wait(HANG)
    until(lambda: all(gone(int(marker.read_text())) for marker in markers))


# -- what goes wrong with the cluster --------------------------------------------------------------


def test_a_worker_that_dies_is_named_and_others_do_what_it_did(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with LocalCluster(tmp_path) as local:
        local.add()
        local.add()
        items = [(number, str(tmp_path / "marker")) for number in range(6)]
        found = dict(Cluster(local.address).run(work(pieces.take_the_worker_along, *items)))
        assert found == {number: number for number in range(6)}
        assert [worker.poll() for worker in local.workers].count(-signal.SIGKILL) == 1


def test_a_worker_that_goes_is_told_and_so_is_that_none_is_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.2)
    monkeypatch.setattr(module, "GONE_SECONDS", 1.0)
    with LocalCluster(tmp_path) as local:
        local.add()
        items = [(number, str(tmp_path / "marker")) for number in range(2)]
        with pytest.raises(TaskError, match=r"has had no worker for 1 s; start some"):
            list(Cluster(local.address).run(work(pieces.take_the_worker_along, *items)))
    assert "is gone; others do what it did" in capsys.readouterr().err


def test_a_scheduler_that_goes_ends_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.2)
    marker = tmp_path / "marker"
    with LocalCluster(tmp_path) as local:
        local.add()

        results = Cluster(local.address).run(work(pieces.hang, "", str(marker)))
        assert next(results) == (0, None)
        local.scheduler.kill()
        with pytest.raises(TaskError, match=r"the scheduler at tcp://.* is gone, or has dropped"):
            next(results)


def test_a_worker_with_another_peerd_is_refused_by_name(tmp_path: Path) -> None:
    """Another version, other code of the same version, and one that has no such peerd."""
    newer, changed, foreign = (tmp_path / name for name in ("newer", "changed", "foreign"))
    for copy in (newer, changed):
        for package in ("peerd", "protocols"):
            shutil.copytree(
                ROOT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__")
            )
    with (newer / "peerd/__init__.py").open("a") as file:
        file.write('\n__version__ = "9.9"\n')
    with (changed / "protocols/errors.py").open("a") as file:
        file.write("\n# another line\n")
    (foreign / "peerd").mkdir(parents=True)
    (foreign / "peerd/__init__.py").touch()
    for path, said in (
        (newer, r"has peerd 9\.9 \(\w{8}\) where this has "),
        (changed, r"has peerd \S+ \(\w{8}\) where this has "),
        (foreign, r"has no such peerd: "),
    ):
        with LocalCluster(path) as local:
            local.add(str(path))
            with pytest.raises(NetworkError, match=said) as caught:
                list(Cluster(local.address).run(work(pieces.process, 1)))
            assert "worker tcp://127.0.0.1:" in caught.value.message
            assert caught.value.hint == "install there what is here, and start it again"


def test_a_cluster_without_workers_and_an_address_that_answers_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ANSWER_SECONDS", 1.0)
    with LocalCluster(tmp_path) as local, pytest.raises(NetworkError) as caught:
        list(Cluster(local.address).run(work(pieces.process, 1)))
    assert "has no worker; start some with: dask worker tcp://" in str(caught.value)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(NetworkError, match=f"{address}: no Dask scheduler answers there"):
            list(Cluster(address).run(work(pieces.process, 1)))


@pytest.mark.parametrize("address", ["", "nonsense", "inproc://1", "ucx://h:1", "tcp://h"])
def test_what_is_no_address_is_said_before_anything_is_tried(address: str) -> None:
    with pytest.raises(ConfigError, match="is no address of a scheduler; write tcp://HOST:PORT"):
        Cluster(address)
