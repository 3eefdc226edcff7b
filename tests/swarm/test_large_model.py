"""Four real daemons and a model of 10^6 parameters: its dealings fit the deadlines that follow.

Each dealing has 8 MB. With deadlines that were constants every attempt ended with the reason
``cohort``, after three minutes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

LIMIT = 1800  # seconds; only a hang takes so long

pytestmark = pytest.mark.acceptance


def test_a_round_completes_at_the_first_attempt(tmp_path: Path) -> None:
    kept, result = tmp_path / "kept", tmp_path / "result.json"
    ask = ["--peers", "4", "--rounds", "1", "--liars", "0", "--task", "wide:Wide"]
    rule = ["--aggregator", "centered-clipping-l2", "--constant", "theta=14"]
    where = ["--no-baselines", "--json", str(result), "--keep", str(kept)]
    done = subprocess.run(
        [sys.executable, "-m", "peerd.cli.main", "swarm", *ask, *rule, *where],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parent)},
        capture_output=True,
        text=True,
        timeout=LIMIT,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (only,) = json.loads(result.read_text())["rounds"]
    assert (only["outcome"], only["absent"]) == ("completed", [])
    assert "attempt aborted" not in "".join(p.read_text() for p in kept.glob("*/daemon.log"))
