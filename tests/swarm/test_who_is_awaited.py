"""A daemon whose process is stopped is named by the others, in the status and in their logs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from peerd.errors import PeerdError
from peerd.status.client import get
from tests.patience import HANG

PEERD = [sys.executable, "-m", "peerd.cli.main"]

pytestmark = pytest.mark.swarm


@contextmanager
def swarm(folder: Path, rounds: int) -> Iterator[Path]:
    """Four daemons; where their directories are."""
    process = subprocess.Popen(
        [*PEERD, "swarm", "--peers", "4", "--rounds", str(rounds), "--no-baselines"],
        env={**os.environ, "TMPDIR": str(folder), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield until(lambda: next(folder.glob("peerd-*"), None))
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(HANG)


def until(found: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + HANG
    while not (value := found()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return value


def status(socket: Path) -> dict[str, Any]:
    try:
        return trio.run(get, socket, "/v1/status")
    except PeerdError:
        return {}


def test_a_stopped_daemon_is_named_by_all_others() -> None:
    folder = Path("/tmp") / f"peerd-sight-{os.getpid()}"  # short: sockets have short paths
    folder.mkdir()
    with swarm(folder, 1000) as home:
        sockets = until(lambda: (s := sorted(home.glob("**/status.sock"))) and len(s) == 4 and s)
        until(lambda: all((status(socket).get("head") or 0) >= 1 for socket in sockets))
        stopped, others = status(sockets[3]), sockets[:3]
        os.kill(stopped["pid"], signal.SIGSTOP)
        at = time.time()
        try:

            def names(socket: Path) -> list[dict[str, Any]]:
                waiting = status(socket).get("waiting", [])
                return [each for each in waiting if each["peer"] == stopped["peer"]]

            for socket in others:
                (entry,) = until(lambda socket=socket: names(socket)[:1])
                assert entry["phase"] != "connecting"
            for socket in others:
                log = next(
                    place for place in home.glob("**/*.log") if place.parent in socket.parents
                )
                line = until(lambda log=log: told(log, at, stopped["peer"]))
                assert " s" in line["event"]
        finally:
            os.kill(stopped["pid"], signal.SIGCONT)
    assert list(folder.glob("peerd-*")) == []
    folder.rmdir()


def told(log: Path, since: float, peer: str) -> dict[str, Any] | None:
    """A line that says that the peer is awaited, written since then."""
    for text in log.read_text().splitlines():
        try:
            line = json.loads(text)
        except ValueError:
            continue
        stamp = line.get("timestamp", "")
        later = stamp >= time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(since))
        if later and "waiting for" in str(line.get("event")) and peer[-8:] in line["event"]:
            return line
    return None
