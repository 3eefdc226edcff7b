"""A member's name beside its id in records, logs, warnings and advice; reasons in sentences."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from peerd.identity import peer_id_of
from peerd.labels import label
from peerd.laboratory.simulation.swarm import FOUR, setting_of
from peerd.logging import configure
from peerd.runner.aborts import MEANINGS, STOPS, explain, stopped
from peerd.runner.records import Records
from peerd.runner.sight.latency import Latency
from peerd.runner.teller import Teller, shown_head
from peerd.status.board import StatusBoard
from peerd.storage import Store
from peerd.transport.links import Link
from protocols.record.deadlines import Deadlines
from protocols.record.effects import Abort, Aborted, Blame, Dropped, Stop, Stopped

SETTING = setting_of(FOUR, 1)
PEERS = [peer_id_of(public) for public in SETTING.roster]
NAMES = ("St. Mary's", "Köln", "Ward #3", "d")


def test_a_blame_has_the_name_beside_the_peer(tmp_path: Path) -> None:
    blame = Blame(0, 2, "share", b"evidence")
    with Store.open(tmp_path / "data") as store:
        shown = Records(store, SETTING.roster, NAMES).blamed(blame)
        assert (shown["peer"], shown["name"]) == (PEERS[2], "Ward #3")
        assert Records(store, SETTING.roster).blamed(blame)["name"] is None


def test_the_advice_of_an_abort_calls_members_by_name(tmp_path: Path) -> None:
    with Store.open(tmp_path / "data") as store:
        records = Records(store, SETTING.roster, NAMES)
        shown = records.aborted(Aborted(3, 1, Abort.COHORT, (0, 2)), Deadlines())
    assert shown["awaited"] == [PEERS[0], PEERS[2]]
    said = f"of {label(NAMES[0], PEERS[0])}, {label(NAMES[2], PEERS[2])};"
    assert said in shown["advice"]


def test_why_a_frame_is_dropped_calls_members_as_everybody_does(tmp_path: Path) -> None:
    session: Any = None  # this is none of its business
    with Store.open(tmp_path / "data") as store, capture_logs() as said:
        records = Records(store, SETTING.roster, NAMES)
        teller = Teller(SETTING, session, store, StatusBoard(), records)
        teller.tell(Dropped(2, "REPORT: not signed by peer 1"))
        teller.tell(Dropped(2, "peer 4 has no vote here"))
    assert [each["peer"] for each in said] == [PEERS[2]] * 2
    assert [each["reason"] for each in said] == [
        f"REPORT: not signed by {label(NAMES[1], PEERS[1])}",
        "peer 4 has no vote here",
    ]


@pytest.mark.parametrize("reason", Abort)
def test_every_abort_has_a_sentence_beside_its_reason(reason: Abort) -> None:
    shown = explain(Aborted(3, 1, reason, ()), Deadlines(), PEERS)
    assert shown["reason"] == reason.value
    assert shown["meaning"] == MEANINGS[reason] and len(shown["meaning"].split()) > 8
    assert len(set(MEANINGS.values())) == len(Abort)


@pytest.mark.parametrize("reason", Stop)
def test_every_stop_has_a_sentence_beside_its_reason(reason: Stop) -> None:
    for cohort in (b"", bytes(32)):
        shown = stopped(Stopped(3, reason, 0, cohort))
        assert shown["meaning"] == STOPS[reason] and len(shown["meaning"].split()) > 8


@pytest.mark.parametrize("peer", [PEERS[2], PEERS[2][-8:]])
def test_a_log_line_about_a_peer_says_its_name(peer: str) -> None:
    out = io.StringIO()
    names = dict(zip(PEERS, NAMES, strict=True))
    try:
        configure("info", "json", out, names=names)
        structlog.get_logger().info("peer lost", peer=peer)
        structlog.get_logger().info("peer lost", peer="12D3KooWstranger")
        structlog.get_logger().info("blamed", peer=peer, name=None)
        structlog.get_logger().info("no peer")
        configure("info", "json", out)
        structlog.get_logger().info("peer lost", peer=peer)
    finally:
        structlog.reset_defaults()
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [line.get("name") for line in lines] == ["Ward #3", None, "Ward #3", None, None]
    assert lines[0]["peer"] == peer


def test_a_warning_of_latency_calls_the_member_by_name() -> None:
    board, far = StatusBoard(), SETTING.roster[1]
    link = Link(far, "", True, 0, 0, 0.9, None, 0, 0)
    called = {PEERS[1]: label(NAMES[1], PEERS[1])}
    latency = Latency(lambda: [link], 250, board, called)
    latency.look()
    latency.look()
    (line,) = board.snapshot()["warnings"]  # type: ignore[misc]
    assert str(line).startswith(f"Köln (…{PEERS[1][-8:]}) takes 900 ms")


@pytest.mark.parametrize("finished", [True, False])
def test_a_daemon_that_has_finished_is_in_no_phase(finished: bool) -> None:
    board = StatusBoard()
    board.update(phase="result", attempt=0, round=7)
    board.update(**shown_head(7, bytes(32), finished=finished))
    shown = board.snapshot()
    assert shown["state"] == ("finished" if finished else "running")
    assert (shown["phase"], shown["attempt"]) == ((None, None) if finished else ("result", 0))
    assert shown["round"] == 7 and shown["meaning"] is None
