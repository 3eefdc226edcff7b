"""Commands that ask a daemon, against the real status server; and their JSON's schemas."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import json_schema
import numpy as np
import pytest
import trio

from peerd.cli.main import main
from peerd.config import render_config
from peerd.status import StatusBoard, Views, serve_status
from peerd.storage import Store
from protocols.aggregation import model_hash

SCHEMAS = Path(__file__).parents[3] / "docs" / "schemas"
PEER = "12D3KooW9ut7GJCm1TskCNwM3N2QBa7J32AJAoiBRRL8dwq8sbnz"
MODEL = np.arange(5, dtype=np.float32)


def record(number: int) -> dict[str, Any]:
    return {
        "round": number,
        "outcome": "completed",
        "reason": None,
        "model_hash": model_hash(MODEL).hex(),
        "group": {
            "rows": 1080,
            "sites": 3,
            "accuracy": 0.75,
            "within": 0.25,
            "loss": 1.25,
            "classes": [{"rows": 100, "right": 50}],
        },
        "accuracy": 0.5,
        "blamed": [{"peer": PEER, "reason": "bad share", "evidence": "00"}],
        "absent": [],
        "seconds": 1.5,
        "bytes": 1234,
        "phases": {
            "deal": {"wall_seconds": 1.0, "cpu_seconds": 0.1, "bytes_in": 1, "bytes_out": 2}
        },
    }


VIEWS = Views(
    peers=lambda: [{"peer": PEER, "connected": True, "rtt": 0.001}],
    rounds=lambda limit: [record(0), record(1)],
    round=lambda number: record(number) if number < 2 else None,
    transcript=lambda number: b"transcript" if number < 2 else None,
    model=lambda number: MODEL if number < 2 else None,
)


@pytest.fixture
def place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="peerd-") as name:
        (Path(name) / "peerd.toml").write_text(render_config())
        yield Path(name)


def schema_errors(name: str, document: object) -> list[str]:
    schema = json.loads((SCHEMAS / f"{name}.json").read_text())
    return json_schema.errors(schema, document)


async def peerd(place: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    command = [
        sys.executable,
        "-m",
        "peerd.cli.main",
        *words,
        "--config",
        str(place / "peerd.toml"),
    ]
    return await trio.run_process(
        command, capture_stdout=True, capture_stderr=True, check=False, stdin=subprocess.DEVNULL
    )


async def with_daemon(place: Path, *commands: tuple[str, ...]) -> list[str]:
    """Standard output of each command while a status server runs; each must succeed."""
    board = StatusBoard()
    board.update(state="running", round=1, attempt=0, phase="deal", peer=PEER)
    found: dict[tuple[str, ...], str] = {}
    (place / "data").mkdir(mode=0o700)

    async def ask(words: tuple[str, ...]) -> None:
        done = await peerd(place, *words)
        assert done.returncode == 0, done.stderr
        found[words] = done.stdout.decode()

    async with trio.open_nursery() as nursery:
        path = place / "data" / "run" / "status.sock"
        await nursery.start(partial(serve_status, board, path, VIEWS))
        async with trio.open_nursery() as asking:
            for words in commands:
                asking.start_soon(ask, words)
        nursery.cancel_scope.cancel()
    return [found[words] for words in commands]


@pytest.mark.trio
async def test_status_rounds_peers_in_json_and_for_people(place: Path) -> None:
    model, transcript = str(place / "model.npz"), str(place / "transcript")
    status, rounds, one, peers, table, exported, written = await with_daemon(
        place,
        ("status", "--json"),
        ("rounds", "--json"),
        ("rounds", "1", "--json"),
        ("peers", "--json"),
        ("rounds",),
        ("model", "export", "--round", "1", "--out", model, "--json"),
        ("rounds", "1", "--transcript", transcript),
    )
    assert schema_errors("status", json.loads(status)) == []
    assert schema_errors("rounds", json.loads(rounds)) == []
    assert schema_errors("round", json.loads(one)) == []
    assert schema_errors("peers", json.loads(peers)) == []
    assert schema_errors("model", json.loads(exported)) == []
    lines = table.splitlines()
    assert lines[0].split()[:4] == ["ROUND", "OUTCOME", "GROUP", "HERE"]
    assert "0.750 ±0.250 of 1080  0.5" in lines[1]
    assert "…dwq8sbnz (bad share)" in lines[1]
    assert Path(transcript).read_bytes() == b"transcript"
    assert transcript in written
    with np.load(model) as saved:
        np.testing.assert_array_equal(saved["parameters"], MODEL)
        assert int(saved["round"]) == 1


def test_events_fit_their_schema() -> None:
    board = StatusBoard()
    with board.subscribe() as events:
        board.publish("phase", round=0, attempt=0, phase="deal")
        assert schema_errors("event", events.receive_nowait()) == []


def test_nobody_answers(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["status"], ["rounds"], ["peers"]):
        assert main([*command, "--config", str(place / "peerd.toml")]) == 8
        assert "no daemon answers" in capsys.readouterr().err


def test_a_model_from_a_stopped_daemons_directory(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Store.open(place / "data") as store:
        store.put_model(0, MODEL)
        store.put_round(0, record(0))
        store.put_model(1, MODEL + 1)
        store.put_round(1, record(1))
    export = ["model", "export", "--config", str(place / "peerd.toml"), "--out"]
    assert main([*export, str(place / "m.npz"), "--round", "0"]) == 0
    assert main([*export, str(place / "m.npz"), "--round", "0"]) == 2
    assert "exists already" in capsys.readouterr().err
    assert main([*export, str(place / "n.npz")]) == 9
    assert "not the certified one" in capsys.readouterr().err
    assert main([*export, str(place / "n.npz"), "--round", "7"]) == 5
    assert main([*export, str(place / "n.txt")]) == 2
    assert not (place / "n.npz").exists()
