"""`peerd swarm` that is interrupted: no process and no file is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

PEERD = [sys.executable, "-m", "peerd.cli.main"]
LIMIT = 240  # seconds; only a hang takes so long

pytestmark = pytest.mark.swarm


def environment(tmp: Path) -> dict[str, str]:
    """The daemons' directories go below ``tmp``, so that what is left behind is seen."""
    return {**os.environ, "TMPDIR": str(tmp), "OMP_NUM_THREADS": "1"}


def test_ctrl_c_leaves_nothing_behind(tmp_path: Path) -> None:
    tmp = Path("/tmp") / f"peerd-test-{os.getpid()}"  # short: sockets have short paths
    tmp.mkdir()
    swarm = subprocess.Popen(
        [*PEERD, "swarm", "--peers", "4", "--rounds", "1000"],
        env=environment(tmp),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,  # the signal goes to the swarm alone, as `kill` sends it
    )
    daemons: list[int] = []
    try:
        wait_for(lambda: len(daemons_of(swarm.pid)) == 4)
        daemons = daemons_of(swarm.pid)
        swarm.send_signal(signal.SIGINT)
        _, errors = swarm.communicate(timeout=LIMIT)
        assert swarm.returncode == 130
        assert b"Traceback" not in errors
        wait_for(lambda: not any(alive(pid) for pid in daemons))
        assert list(tmp.glob("peerd-*")) == []
    finally:
        swarm.kill()
        swarm.wait()
        for pid in filter(alive, daemons):
            os.kill(pid, signal.SIGKILL)
    tmp.rmdir()


def wait_for(condition: Any) -> None:
    deadline = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def daemons_of(pid: int) -> list[int]:
    """Children that run ``peerd run``, whichever thread of the swarm started them."""
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    children = [int(each) for file in lists for each in file.read_text().split()]
    return [child for child in children if b"\0run\0" in command_line(child)]


def command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
