"""The board: JSON only, events numbered, everything bounded."""

from __future__ import annotations

import pytest
import trio

from peerd.status import board as board_module
from peerd.status.board import RING_EVENTS, SUBSCRIBER_QUEUE, StatusBoard, TooManySubscribers
from protocols.secret import Secret


def make_board() -> StatusBoard:
    return StatusBoard(clock=lambda: 1000.0, boot="b" * 16)


def test_snapshot_has_the_fields_and_is_a_copy() -> None:
    board = make_board()
    phases = ["deal"]
    board.update(state="running", phases=phases)
    phases.append("check")
    snapshot = board.snapshot()
    assert snapshot["phases"] == ["deal"]
    assert snapshot["boot"] == "b" * 16
    assert snapshot["uptime_seconds"] == 0.0
    snapshot["state"] = "changed"
    assert board.snapshot()["state"] == "running"


@pytest.mark.parametrize("value", [b"bytes", Secret(b"k" * 32), {1, 2}])
def test_what_is_not_json_is_refused_where_it_is_published(value: object) -> None:
    board = make_board()
    with pytest.raises(TypeError):
        board.update(field=value)
    with pytest.raises(TypeError):
        board.publish("phase", field=value)
    assert board.snapshot() == {"boot": "b" * 16, "uptime_seconds": 0.0, "seq": 0}


def test_nan_giant_events_and_reserved_names_are_refused() -> None:
    board = make_board()
    with pytest.raises(ValueError, match="JSON compliant"):
        board.publish("evaluation", loss=float("nan"))
    with pytest.raises(ValueError, match="at most"):
        board.publish("blame", evidence="x" * board_module.MAX_EVENT_BYTES)
    with pytest.raises(ValueError, match="seq"):
        board.publish("phase", seq=4)


@pytest.mark.trio
async def test_events_are_numbered_and_reach_every_subscriber() -> None:
    board = make_board()
    with board.subscribe() as first, board.subscribe() as second:
        board.publish("phase", round=0, phase="commit")
        board.publish("phase", round=0, phase="deal")
        for channel in (first, second):
            assert [(await channel.receive())["seq"] for _ in range(2)] == [1, 2]


@pytest.mark.trio
async def test_since_replays_what_is_kept_then_new_events() -> None:
    board = make_board()
    for number in range(5):
        board.publish("phase", round=number)
    with board.subscribe(since=3) as events:
        board.publish("phase", round=5)
        assert [(await events.receive())["round"] for _ in range(3)] == [3, 4, 5]
    with board.subscribe(since=99) as events, pytest.raises(trio.WouldBlock):
        events.receive_nowait()


@pytest.mark.trio
async def test_a_gap_is_reported_when_the_ring_has_forgotten() -> None:
    board = make_board()
    for number in range(RING_EVENTS + 10):
        board.publish("phase", round=number)
    with board.subscribe(since=4) as events:
        gap = await events.receive()
        assert (gap["kind"], gap["missed"], gap["seq"]) == ("gap", 6, 10)
        assert (await events.receive())["seq"] == 11


@pytest.mark.trio
async def test_a_lagging_subscriber_is_dropped_and_the_others_are_not() -> None:
    board = make_board()
    with board.subscribe() as slow, board.subscribe() as quick:
        for number in range(SUBSCRIBER_QUEUE + 1):
            board.publish("phase", round=number)
            await quick.receive()
        received = [event async for event in slow]
    assert len(received) == SUBSCRIBER_QUEUE
    assert board.dropped_subscribers == 1


def test_subscribers_are_capped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board_module, "MAX_SUBSCRIBERS", 1)
    board = make_board()
    with board.subscribe(), pytest.raises(TooManySubscribers), board.subscribe():
        pass
    with board.subscribe():
        pass
