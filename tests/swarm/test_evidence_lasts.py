"""A liar of round 0 is still proven when the transcripts of its time are pruned: real daemons."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
import trio

from peerd.cli.task_arguments import TaskRequest
from peerd.errors import PeerdError
from peerd.laboratory.swarm.layout import Layout, Place, lay_out
from peerd.laboratory.swarm.options import SwarmOptions
from peerd.laboratory.swarm.process import Daemon
from peerd.status.client import get
from tests.patience import HANG
from tests.tiers import later

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/unit/cli"))
json_schema = importlib.import_module("json_schema")
PEERS = 4

pytestmark = pytest.mark.swarm


def peerd(*words: str | Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "peerd.cli.main", *map(str, words)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment, timeout=HANG, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done


def document(name: str, *words: str | Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(peerd(*words, "--json").stdout)
    schema = json.loads((ROOT / "docs/schemas" / f"{name}.json").read_text())
    assert json_schema.errors(schema, found) == []
    return found


async def play(layout: Layout, rounds: int, evidence: Path) -> tuple[dict[str, Any], int | None]:
    """Until an honest peer has so many rounds; what it then says of blame and of transcripts, with
    the proof in a file, as it runs."""
    first = next(place for place in layout.places if place.lie is None)
    daemons = [Daemon(place) for place in layout.places]
    async with trio.open_nursery() as nursery:
        for daemon in daemons:
            nursery.start_soon(daemon.run)
        with trio.fail_after(HANG * (1 + rounds / 5)):
            while await done_by(first) < rounds:
                await trio.sleep(0.5)
        listed = await trio.to_thread.run_sync(
            document, "blame", "blame", "list", "--config", first.config
        )
        export = ("blame", "export", "1", "--out", evidence, "--config", first.config)
        told = await trio.to_thread.run_sync(document, "blame-export", *export)
        assert told["evidence"] == listed["blamed"][0]["evidence"]
        storage: Any = (await get(first.socket, "/v1/status"))["storage"]
        for daemon in daemons:
            nursery.start_soon(daemon.stop)
    return listed, storage["oldest_transcript"]


async def done_by(place: Place) -> int:
    try:
        head = (await get(place.socket, "/v1/status")).get("head")
    except PeerdError:
        return 0  # it is starting
    return head + 1 if isinstance(head, int) else 0


@pytest.mark.parametrize(("rounds", "keep"), [(6, 3), *later([(135, 128)])])
def test_a_liar_of_round_0(rounds: int, keep: int) -> None:
    work = TaskRequest("digits", "rsa", {}, {})
    options = SwarmOptions(PEERS, rounds, work, ("bad-share",), 1, evaluates=False)
    with tempfile.TemporaryDirectory(prefix="peerd-", dir="/tmp") as name:
        layout = trio.run(lay_out, options, Path(name))
        for place in layout.places:
            text = place.config.read_text()
            assert "keep = 128" in text
            place.config.write_text(text.replace("keep = 128", f"keep = {keep}"))
        (liar,) = (place for place in layout.places if place.lie is not None)
        evidence = Path(name) / "evidence"
        listed, oldest = trio.run(play, layout, rounds, evidence)
        assert oldest == rounds - keep > 0, "its time is pruned"
        (one,) = listed["blamed"]
        assert (one["round"], one["peer"]) == (0, liar.identity.peer_id)
        assert one["verified"] and one["transcript"]
        honest = [place for place in layout.places if place.lie is None]
        for place in honest:
            told = document("blame", "blame", "list", "--config", place.config)
            assert [each["peer"] for each in told["blamed"]] == [liar.identity.peer_id]
            assert all(each["verified"] for each in told["blamed"])
        again = Path(name) / "again"
        shown = peerd("blame", "export", "1", "--out", again, "--config", honest[0].config).stdout
        assert liar.identity.peer_id[-8:] in shown and str(again) in shown
        assert again.read_bytes() == evidence.read_bytes(), "the same, running or not"
        check_the_file(again, layout.genesis_path, one)
        refusals(honest[0].config, again)


def check_the_file(evidence: Path, genesis: Path, one: dict[str, Any]) -> None:
    found = json.loads(peerd("audit", evidence, "--genesis", genesis, "--json").stdout)
    (proven,) = found["blamed"]
    assert {name: proven[name] for name in ("peer", "round", "reason")} == {
        name: one[name] for name in ("peer", "round", "reason")
    }
    data = bytearray(evidence.read_bytes())
    data[len(data) // 3] ^= 1
    forged = evidence.with_name("forged")
    forged.write_bytes(data)
    assert "does not hold" in peerd("audit", forged, "--genesis", genesis, code=9).stderr


def refusals(config: Path, taken: Path) -> None:
    at = ("--config", config)
    new = taken.with_name("new")
    told = peerd("blame", "export", "7", "--out", new, *at, code=2).stderr
    assert "there is no blame 7" in told and "peerd blame list" in told
    assert "exists already" in peerd("blame", "export", "1", "--out", taken, *at, code=2).stderr
    assert not new.exists()
