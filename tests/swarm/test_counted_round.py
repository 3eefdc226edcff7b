"""``peerd bench round`` and ``wire``: how much real daemons send, write and hop at most.

The counts don't depend on the machine, but for what waits for what: hence bounds.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.patience import HANG
from tests.unit.cli.json_schema import errors

pytestmark = pytest.mark.swarm

SCHEMAS = Path(__file__).parents[2] / "docs" / "schemas"
PEERS = 4
MOST = {"frames_sent": 60, "writes": 90, "thread_hops": 40, "bytes_sent": 45_000}
"""Of a daemon and round. 44 frames, 37 to 65 writes and 13 hops were counted."""


def bench(role: str, rounds: int) -> dict[str, Any]:
    """Of four daemons, held against the role's schema."""
    words = ["bench", role, "--peers", str(PEERS), "--params", "1000", "--rounds", str(rounds)]
    done = subprocess.run(
        [sys.executable, "-m", "peerd", *words, "--json"],
        capture_output=True,
        text=True,
        timeout=5 * HANG,
    )
    assert done.returncode == 0, done.stderr
    measured: dict[str, Any] = json.loads(done.stdout)
    schema = json.loads((SCHEMAS / f"bench-{role}.json").read_text())
    assert errors(schema, measured) == []
    assert (measured["peers"], measured["params"], measured["rounds"]) == (PEERS, 1000, rounds - 1)
    return measured


def test_a_round_of_four_stays_within_its_bounds() -> None:
    measured = bench("round", 4)
    for name, most in MOST.items():
        assert 0 < measured[name] <= most, name
    everybody = PEERS - 1
    for kind in ("commit", "dealing", "report", "sum", "result"):
        assert measured["messages"][kind]["frames"] >= everybody, kind


def test_all_that_four_send_has_the_size_that_the_document_says() -> None:
    measured = bench("wire", 3)
    assert measured["total"]["off"] == 0 and measured["total"]["ratio"] == 1
    assert measured["total"]["count"] <= MOST["frames_sent"]
    assert measured["total"]["bytes"] < measured["bytes_sent"] <= MOST["bytes_sent"]
    assert measured["messages"]["dealing"]["count"] == PEERS - 1
