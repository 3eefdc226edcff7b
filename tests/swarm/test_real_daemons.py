"""`peerd swarm` with real daemons: processes, libp2p over loopback, torch, a liar, an audit."""

from __future__ import annotations

import json
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


def test_a_liar_is_caught_and_an_auditor_agrees(tmp_path: Path) -> None:
    kept, result = tmp_path / "kept", tmp_path / "result.json"
    ask = ["--peers", "5", "--rounds", "2", "--liars", "1", "--attack", "bad-share"]
    done = subprocess.run(
        [*PEERD, "swarm", *ask, "--json", str(result), "--keep", str(kept), "--no-baselines"],
        env=environment(Path("/tmp")),
        capture_output=True,
        text=True,
        timeout=LIMIT,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    document: dict[str, Any] = json.loads(result.read_text())
    honest = [peer for peer in document["peers"] if peer["honest"]]
    (liar,) = [peer["id"] for peer in document["peers"] if not peer["honest"]]
    assert len(honest) == 4
    assert len({peer["model_hash"] for peer in honest}) == 1
    assert all(peer["blamed"] == [liar] for peer in honest)
    assert [each["outcome"] for each in document["rounds"]] == ["completed"] * 2
    assert document["rounds"][-1]["accuracy"] > 0.3
    transcript, genesis = kept / "transcripts" / "round-0.transcript", kept / "genesis.json"
    audited = subprocess.run(
        [*PEERD, "audit", "--json", str(transcript), "--genesis", str(genesis)],
        capture_output=True,
        text=True,
        timeout=LIMIT,
    )
    assert audited.returncode == 0, audited.stderr
    found = json.loads(audited.stdout)
    assert [each["peer"] for each in found["blamed"]] == [liar]
    assert liar not in found["cohort"]
    assert found["model_hash"] == document["rounds"][0]["model_hash"]


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
