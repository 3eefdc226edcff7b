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
def swarm(folder: Path, rounds: int) -> Iterator[None]:
    """Four daemons, with their directories below ``folder`` and others' scratch beside them."""
    process = subprocess.Popen(
        [*PEERD, "swarm", "--peers", "4", "--rounds", str(rounds), "--no-baselines"],
        env={**os.environ, "TMPDIR": str(folder), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield
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


def test_two_stopped_daemons_are_named_by_both_others() -> None:
    """Two: without one alone the group soon goes on, and awaits it no more."""
    folder = Path("/tmp") / f"peerd-sight-{os.getpid()}"  # short: sockets have short paths
    folder.mkdir()
    with swarm(folder, 1000):
        sockets = until(lambda: (s := sorted(folder.glob("**/status.sock"))) and len(s) == 4 and s)
        until(lambda: all((status(socket).get("head") or 0) >= 1 for socket in sockets))
        others, stopped = sockets[:2], [status(socket) for socket in sockets[2:]]
        for each in stopped:
            os.kill(each["pid"], signal.SIGSTOP)
        at = time.time()
        try:
            names = {each["peer"] for each in stopped}
            for socket in others:
                until(lambda socket=socket: {peer for peer, _ in awaited(socket)} >= names)
                assert "connecting" not in {phase for _, phase in awaited(socket)}
                log = socket.parents[2] / "daemon.log"
                for name in names:
                    line = until(lambda log=log, name=name: told(log, at, name))
                    assert " s" in line["event"]
        finally:
            for each in stopped:
                os.kill(each["pid"], signal.SIGCONT)
    assert list(folder.glob("peerd-*")) == []
    folder.rmdir()


def awaited(socket: Path) -> list[tuple[str, str]]:
    """Peer and phase of each that a daemon waits for."""
    return [(each["peer"], each["phase"]) for each in status(socket).get("waiting", [])]


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
