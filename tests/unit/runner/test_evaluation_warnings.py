"""An evaluation that fails, from the worker to what a person reads: a warning on its round."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import structlog.testing
import trio

from peerd.cli import rounds
from peerd.laboratory.simulation.swarm import FOUR, setting_of
from peerd.learning import Trainer, Training
from peerd.runner.records import Records
from peerd.runner.sight.latency import Latency
from peerd.runner.teller import Teller
from peerd.status.board import StatusBoard
from peerd.storage import Store
from peerd.transport.links import Link

TASKS = Path(__file__).parent.parent / "learning"
SECRET = "Mustermann"
SUMMARY = {"round": 0, "outcome": "completed", "accuracy": None, "blamed": [], "absent": []}
CASES = {
    "metric-nan": "accuracy is unknown: metric() gave nan, which is no finite number",
    "metric-string": "accuracy is unknown: metric() gave a str, and not a number",
    "metric-exception": "accuracy is unknown: metric() failed: ValueError (hostile_tasks.py:",
    "held_out-system-exit": "accuracy and loss are unknown: held_out() failed: SystemExit (host",
}


@pytest.mark.parametrize("name", CASES)
def test_it_is_logged_shown_and_stored_without_a_value(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(TASKS))
    board = StatusBoard()
    with Store.open(tmp_path / "data") as store:
        store.put_round(0, SUMMARY)
        with structlog.testing.capture_logs() as logged:
            trio.run(evaluated, store, board, name, tmp_path / "training")
        record = store.round(0)
    assert record is not None
    (line,) = record["warnings"]
    assert line.startswith(CASES[name])
    assert record["accuracy"] is None
    told = [each for each in logged if each["event"] == "a round's evaluation failed"]
    assert [(each["round"], each["reason"]) for each in told] == [(0, line)]
    assert board.snapshot()["warnings"] == [f"round 0: {line}"]
    # As the commands print it.
    assert "unknown" in rounds.row(record)
    assert rounds.warnings([record]) == [f"round 0: {line}"]
    assert any(line in shown for shown in rounds.lines(record))
    assert SECRET not in json.dumps([record, board.snapshot(), told])


async def evaluated(store: Store, board: StatusBoard, name: str, directory: Path) -> None:
    """Round 0 of a real worker."""
    setting = setting_of(FOUR, 1)
    trainer = Trainer(Training("hostile_tasks:Hostile", "rsa", directory, options={"name": name}))
    session: Any = None  # an evaluation is none of its business
    teller = Teller(setting, session, store, board, Records(store, setting.roster))
    async with trio.open_nursery() as nursery:
        await nursery.start(trainer.run)
        teller.evaluated(0, await trainer.evaluate(await trainer.initial_model()))
        nursery.cancel_scope.cancel()


def test_a_round_that_is_not_evaluated_yet_is_none_that_failed() -> None:
    for accuracy, warnings, shown in [
        (None, [], None),
        (0.5, [], 0.5),
        (0.5, ["loss is unknown: …"], 0.5),
        (None, ["accuracy is unknown: …"], "unknown"),
    ]:
        assert rounds.row(SUMMARY | {"accuracy": accuracy, "warnings": warnings})[3] == shown
    assert rounds.row(SUMMARY)[3] is None
    assert rounds.warnings([dict(SUMMARY)]) == []


def test_one_warning_does_not_wipe_out_another() -> None:
    board = StatusBoard()
    links: Sequence[Link] = []
    board.warn("evaluation", ["round 3: accuracy is unknown"])
    board.warn("training worker", ["it is gone", "twice"])
    Latency(lambda: links, 100, board).look()
    assert board.snapshot()["warnings"] == ["round 3: accuracy is unknown", "it is gone", "twice"]
    board.warn("training worker", [])
    assert board.snapshot()["warnings"] == ["round 3: accuracy is unknown"]
    board.warn("evaluation", [])
    assert board.snapshot()["warnings"] == []
