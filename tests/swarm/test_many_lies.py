"""Real daemons with every lie at once, and with a committee that is drawn anew in each round."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from peerd.laboratory.adversaries.names import ABSENT, PROVEN
from peerd.runner.evidence.audit import audit

LIMIT = 900  # seconds; only a hang takes so long
ROUNDS = 3

pytestmark = pytest.mark.swarm


def swarm(tmp_path: Path, *asked: str) -> tuple[dict[str, Any], Path]:
    """The swarm's own oracle has to be content: exit code 0. Its result, and its files."""
    kept, result = tmp_path / "kept", tmp_path / "result.json"
    command = [sys.executable, "-m", "peerd.cli.main", "swarm", "--rounds", str(ROUNDS)]
    command += [*asked, "--no-baselines", "--json", str(result), "--keep", str(kept)]
    environment = {**os.environ, "TMPDIR": "/tmp", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=LIMIT)
    assert done.returncode == 0, done.stdout + done.stderr
    document: dict[str, Any] = json.loads(result.read_text())
    assert [each["outcome"] for each in document["rounds"]] == ["completed"] * ROUNDS
    honest = [peer for peer in document["peers"] if peer["honest"]]
    assert len({peer["model_hash"] for peer in honest}) == 1
    return document, kept


@pytest.mark.acceptance
def test_all_lies_at_once(tmp_path: Path) -> None:
    """Nineteen peers, six of them liars, each with another lie: five are proven, one is absent."""
    lies = (*PROVEN, *ABSENT)
    document, _ = swarm(
        tmp_path, "--peers", "19", "--liars", str(len(lies)), "--attack", ",".join(lies)
    )
    liars = dict(zip(lies, (p["id"] for p in document["peers"] if not p["honest"]), strict=True))
    guilty = sorted(liars[lie] for lie in PROVEN)
    for peer in document["peers"]:
        if peer["honest"]:
            assert peer["blamed"] == guilty
    for round_ in document["rounds"]:
        assert liars["silent"] in round_["absent"]
        assert round_["group"]["sites"] == len(document["peers"]) - len(lies)


def test_a_committee_that_is_drawn_from_the_group(tmp_path: Path) -> None:
    """Six of eight sit; a liar among the eight is proven guilty whether it sits or not."""
    ask = ["--peers", "8", "--liars", "1", "--attack", "bad-share", "--gone", "1", "--absent", "0"]
    document, kept = swarm(tmp_path, *ask)
    (liar,) = (peer["id"] for peer in document["peers"] if not peer["honest"])
    assert all(peer["blamed"] == [liar] for peer in document["peers"] if peer["honest"])
    seated = []
    for number in range(ROUNDS):
        transcript = kept / "transcripts" / f"round-{number}.transcript"
        seated.append(tuple(audit(transcript, kept / "genesis.json")["committee"]))
    assert {len(set(seats)) for seats in seated} == {6}
    assert len(set(seated)) == ROUNDS, "one of 7!/1! orders each: they don't come twice"
    assert not any(liar in seats for seats in seated[1:]), "the guilty sit no more"
