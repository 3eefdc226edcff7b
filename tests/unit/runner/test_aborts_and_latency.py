"""What an operator is told when time was short: who was awaited, how long, and what to raise."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from peerd.errors import NetworkError
from peerd.identity import peer_id_of
from peerd.runner.aborts import explain
from peerd.runner.sight.latency import Latency, check_times
from peerd.status.board import StatusBoard
from peerd.transport.links import Link
from protocols.record.deadlines import Deadlines
from protocols.record.effects import Abort, Aborted

ROSTER = ["ann", "bob", "cia", "dan"]
SCHEMA = json.loads((Path(__file__).parents[3] / "docs" / "schemas" / "round.json").read_text())[
    "properties"
]["aborted"]["items"]


@pytest.mark.parametrize(
    ("reason", "waited", "inputs"),
    [
        (Abort.FLIP, 4, "raise delta_ms"),
        (Abort.QUORUM, 4, "raise delta_ms"),
        (Abort.COHORT, 20, "raise training_seconds or bandwidth_bytes_per_second"),
        (Abort.TIMEOUT, 48, "raise bandwidth_bytes_per_second or delta_ms"),
    ],
)
def test_an_abort_names_who_how_long_and_what_to_raise(
    reason: Abort, waited: int, inputs: str
) -> None:
    shown = explain(Aborted(3, 1, reason, (1, 3)), Deadlines(), ROSTER)
    assert set(shown) == set(SCHEMA["required"]) == set(SCHEMA["properties"])
    assert (shown["attempt"], shown["reason"]) == (1, reason.value)
    assert shown["awaited"] == ["bob", "dan"] and shown["waited_seconds"] == waited
    assert f"within {waited} s, of bob, dan" in shown["advice"] and inputs in shown["advice"]
    nobody = explain(Aborted(3, 1, reason), Deadlines(), ROSTER)
    assert inputs in nobody["advice"] and " of " not in nobody["advice"].split(";")[0]


def link(number: int, rtt: float | None, *, connected: bool = True) -> Link:
    return Link(bytes([number]) * 32, "", connected, 0, 0, rtt, None, 0, 0)


def test_a_peer_that_is_too_far_away_is_named_once() -> None:
    links: list[Link] = []
    board = StatusBoard()
    latency = Latency(lambda: links, 250, board)
    far = peer_id_of(bytes([2]) * 32)

    def look(*now: Link) -> list[str]:
        links[:] = now
        with capture_logs() as logs:
            latency.look()
        return [f"{entry['peer']} {entry['rtt_ms']} {entry['delta_ms']}" for entry in logs]

    assert look(link(1, 0.2), link(2, 0.3), link(3, None)) == []
    assert look(link(1, 0.3), link(2, 0.4)) == [f"{far} 300 250"], "twice in a row"
    assert look(link(1, 0.1), link(2, 0.5)) == []
    said = f"{far} takes 300 ms there and back"
    assert said in str(board.snapshot()["warnings"])
    assert look(link(2, 0.1)) == []
    assert board.snapshot()["warnings"] == []
    assert look(link(2, 0.5), link(4, 9.0, connected=False)) == []
    assert look(link(2, 0.5)) == [f"{far} 500 250"], "and again, as it had been near enough"


def test_the_doctor_compares_the_longest_way() -> None:
    assert check_times({}, 1000) == "nobody is connected yet"
    found = check_times({"ann": 0.02, "bob": 0.9}, 1000)
    assert found == "900.0 ms there and back at most; delta_ms is 1000"
    with pytest.raises(NetworkError, match="bob takes 1200 ms") as caught:
        check_times({"ann": 1.1, "bob": 1.2}, 1000)
    assert "a larger --delta" in str(caught.value)
