"""Real daemons under floods (faults 33, 38, 39, 51): rounds go on, and memory stays where it was.

scripts/flood.py has more kinds, runs longer and shows how long the rounds took; no time is asserted
here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
FLOODS = ("half-open", "streams", "requests", "lengths", "frames", "unread", "status")
LIMIT = 400  # seconds; only a hang takes so long
MOST_GROWTH = 64 << 20
"""Bytes beside what a daemon has: frames in flight, of at most four megabytes each, and slack. An
outbox that nobody reads may hold four times as much."""


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    out = tmp_path_factory.mktemp("flood") / "result.json"
    command = [sys.executable, str(ROOT / "scripts" / "flood.py"), "--rounds", "1"]
    command += ["--seconds", "3", "--floods", ",".join(FLOODS), "--json", str(out)]
    environment = {**os.environ, "TMPDIR": "/tmp", "OMP_NUM_THREADS": "1"}  # short socket paths
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=LIMIT)
    assert done.returncode == 0, done.stdout + done.stderr
    return {each["flood"]: each for each in json.loads(out.read_text())}


@pytest.mark.swarm
@pytest.mark.parametrize("name", FLOODS)
def test_rounds_go_on_and_memory_stays(measured: dict[str, dict[str, Any]], name: str) -> None:
    found = measured[name]
    assert found["completed"] and found["seconds"], "no round was completed under the flood"
    assert found["sent"] > 50, "that was no flood"
    assert found["most"] - found["before"] < MOST_GROWTH
