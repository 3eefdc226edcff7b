"""``peerd bench round``: real daemons, and how much they send, write and hop at most.

The counts don't depend on the machine, but for what waits for what: hence bounds.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.patience import HANG
from tests.unit.cli.json_schema import errors

pytestmark = pytest.mark.swarm

SCHEMA = Path(__file__).parents[2] / "docs" / "schemas" / "bench-round.json"
PEERS = 4
MOST = {"frames_sent": 80, "writes": 90, "thread_hops": 75, "bytes_sent": 60_000}
"""Of a daemon and round. 59 frames, 47 writes and 35 hops were counted."""


def test_a_round_of_four_stays_within_its_bounds() -> None:
    words = ["bench", "round", "--peers", str(PEERS), "--params", "1000", "--rounds", "4", "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "peerd", *words], capture_output=True, text=True, timeout=5 * HANG
    )
    assert done.returncode == 0, done.stderr
    measured = json.loads(done.stdout)
    assert errors(json.loads(SCHEMA.read_text()), measured) == []
    assert (measured["peers"], measured["params"], measured["rounds"]) == (PEERS, 1000, 3)
    for name, most in MOST.items():
        assert 0 < measured[name] <= most, name
    everybody = PEERS - 1
    for kind in ("commit", "reveal", "dealing", "report", "sum", "result"):
        assert measured["messages"][kind]["frames"] >= everybody, kind
