"""A real cluster on loopback, scheduler and workers, as processes; and which processes live."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests.patience import HANG

ROOT = Path(__file__).resolve().parents[3]
HERE = Path(__file__).resolve().parent


class LocalCluster:
    """``path``: where its workers find code; by default that of the tests."""

    def __init__(self, folder: Path) -> None:
        self.workers: list[subprocess.Popen[bytes]] = []
        self._file = folder / "scheduler.json"
        self._log = (folder / "cluster.log").open("wb")
        self._said = folder / "cluster.log"
        self.scheduler = self._start("scheduler", "--port", "0")
        until(self._file.exists)
        self.address = str(json.loads(self._file.read_text())["address"])

    def add(self, path: str = f"{ROOT}{os.pathsep}{HERE}") -> None:
        self.workers.append(self._start("worker", "--nthreads", "1", "--no-nanny", path=path))
        until(lambda: self._said.read_text().count("Registered to:") >= len(self.workers))

    def __enter__(self) -> LocalCluster:
        return self

    def __exit__(self, *_: object) -> None:
        for process in [*self.workers, self.scheduler]:
            process.kill()
            process.wait()
        self._log.close()

    def _start(self, what: str, *options: str, path: str = "") -> subprocess.Popen[bytes]:
        words = [
            *(sys.executable, "-m", f"distributed.cli.dask_{what}", "--no-dashboard"),
            *("--host", "127.0.0.1", "--scheduler-file", str(self._file), *options),
        ]
        return subprocess.Popen(
            words,
            cwd=self._file.parent,
            env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "2"},
            stdout=self._log,
            stderr=self._log,
        )


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + HANG
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.05)


def group_of(leader: int) -> list[int]:
    """The processes of a group that are alive."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, _, group = entry.read_text().rpartition(")")[2].split()[:3]
            if int(group) == leader and state != "Z":
                found.append(int(entry.parent.name))
    return found


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True
