"""A daemon that is told to stop again and again, from its first line to its last."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from peerd.cli.main import main
from peerd.identity import Identity
from peerd.runner.operators.signals import INTERRUPTED
from tests.patience import HANG
from tests.tiers import later

TASKS = Path(__file__).parent.parent / "learning"


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One of four, whose others never come."""
    folder = tmp_path_factory.mktemp("g")
    places = [folder / f"p{index}" for index in range(4)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parents[3]), str(TASKS)]))
        for place in places:
            assert main(["init", str(place), "--listen", "/ip4/127.0.0.1/tcp/0"]) == 0
        members = [Identity.load(place / "peer.key").peer_id for place in places]
        genesis = str(places[0] / "genesis.json")
        words = [
            *("group", "new", "--name", "t", "--members", *members),
            *("--task", "hostile_tasks:Hostile", "--task-option", "name=calm"),
            *("--adversary", "0.25", "--out", genesis),
        ]
        assert main(words) == 0
        for place in places:
            key = str(place / "peer.key")
            assert main(["group", "sign", genesis, "--key", key, "--unmeasured"]) == 0
        yield places[0]


@contextmanager
def daemon(peer: Path) -> Iterator[subprocess.Popen[bytes]]:
    with (peer / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "peerd", "run", "--config", str(peer / "peerd.toml")],
            stdout=log,
            stderr=log,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def wait_for_line(peer: Path, process: subprocess.Popen[bytes], what: bytes) -> None:
    deadline = time.monotonic() + HANG
    while what not in (peer / "log").read_bytes():
        assert time.monotonic() < deadline and process.poll() is None, (peer / "log").read_text()
        time.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGTERM, *later([signal.SIGINT])])
def test_however_often_it_is_told_while_it_stops(peer: Path, number: signal.Signals) -> None:
    with daemon(peer) as process:
        wait_for_line(peer, process, b"listening")
        while process.poll() is None:
            process.send_signal(number)
            time.sleep(0.002)
    # It is in no attempt: the first SIGTERM may have ended its draining before the second came.
    assert process.returncode in (0, INTERRUPTED), (peer / "log").read_text()
    log = (peer / "log").read_text()
    assert "Traceback" not in log and "Exception" not in log
    assert "stopping" in log


@pytest.mark.parametrize("number", [signal.SIGTERM, *later([signal.SIGINT])])
def test_at_whatever_moment_of_its_start_it_is_told(peer: Path, number: signal.Signals) -> None:
    for seconds in (0.5, 1.2):
        with daemon(peer) as process:
            time.sleep(seconds)
            process.send_signal(number)
            code = process.wait(HANG)
        log = (peer / "log").read_text()
        assert code in (0, INTERRUPTED, -number if not log else 0), (seconds, log)
        assert "Traceback" not in log
