"""The table's contents from the daemons' events, and what is printed without a terminal."""

from __future__ import annotations

import io

import pytest

from peerd.laboratory.swarm.screen import Screen, render
from peerd.laboratory.swarm.watch import Watch

PEERS = [("12D3KooWAAAA0000aaaaaaaa", None), ("12D3KooWBBBB0000bbbbbbbb", None)]
LIAR = ("12D3KooWCCCC0000cccccccc", "bad-share")


def make_watch(rounds: int = 2) -> Watch:
    return Watch([*PEERS, LIAR], rounds=rounds, first=0)


def finish(number: int, **changes: object) -> dict[str, object]:
    return {
        "kind": "round",
        "round": number,
        "outcome": "completed",
        "reason": None,
        "model_hash": "ab" * 32,
        "accuracy": 0.875,
        "blamed": [],
        "absent": [],
        "seconds": 1.25,
        "bytes": 2_500_000,
    } | changes


def test_done_when_every_honest_peer_has_finished() -> None:
    watch = make_watch()
    for number in (0, 1):
        watch.event(0, finish(number))
        assert not watch.done()
    watch.event(1, finish(1))
    assert watch.done()


def test_a_row_follows_its_peers_events() -> None:
    watch = make_watch()
    watch.event(0, {"kind": "phase", "round": 0, "attempt": 0, "phase": "deal"})
    assert (watch.views[0].state, watch.views[0].phase) == ("running", "deal")
    watch.event(0, finish(0))
    watch.event(0, finish(1, bytes=500_000))
    assert watch.views[0].bytes == 3_000_000
    assert watch.views[0].accuracy == 0.875
    watch.event(0, {"kind": "evaluation", "round": 1, "accuracy": 0.9, "loss": 0.1})
    assert watch.views[0].accuracy == 0.9
    text = render(watch, io.StringIO(), 120)
    assert "3.0 MB" in text
    assert "bad-share" in text.splitlines()[-1]


def test_each_thing_is_told_once() -> None:
    watch = make_watch()
    accusation = {"peer": LIAR[0], "reason": "bad share", "evidence": "00"}
    for index in (0, 1):
        watch.event(index, {"kind": "blame", "round": 0, **accusation})
        watch.event(index, finish(0, blamed=[accusation], absent=[PEERS[1][0]]))
    assert watch.take_lines() == [
        "round 0: peer 2 is blamed: bad share",
        "round 0: completed, accuracy 0.875, model …abababab, 1.2 s, 2.5 MB sent by a peer, "
        "absent: peer 1",
    ]
    assert watch.take_lines() == []
    assert watch.views[0].blamed == {LIAR[0]: "bad share"}


def test_a_round_is_told_with_its_accuracy_once_that_is_known() -> None:
    watch = make_watch(rounds=3)
    watch.event(0, finish(0, accuracy=None))
    assert watch.take_lines() == []
    watch.event(0, {"kind": "evaluation", "round": 0, "accuracy": 0.5, "loss": 1.0})
    watch.event(1, {"kind": "evaluation", "round": 0, "accuracy": 0.5, "loss": 1.0})
    assert ["accuracy 0.500" in line for line in watch.take_lines()] == [True]
    watch.event(1, finish(1, accuracy=None))
    watch.event(1, finish(2, accuracy=None))
    assert [line.split(",")[0] for line in watch.take_lines()] == ["round 1: completed"]
    assert not watch.settled(1)
    assert [line.split(",")[0] for line in watch.take_lines(everything=True)] == [
        "round 2: completed"
    ]
    watch.event(1, {"kind": "evaluation", "round": 2, "accuracy": 0.5, "loss": 1.0})
    assert watch.settled(1)


def test_a_peer_that_missed_a_round_does_not_tell_it_again() -> None:
    watch = make_watch()
    watch.event(0, finish(0))
    watch.event(1, finish(0, reason="caught up by certificate"))
    assert len(watch.take_lines()) == 1


def test_what_a_liar_tells_is_not_told() -> None:
    watch = make_watch()
    watch.event(2, finish(0))
    watch.event(2, {"kind": "blame", "round": 0, "peer": PEERS[0][0], "reason": "nonsense"})
    assert watch.take_lines() == []


def test_odd_events_change_nothing() -> None:
    watch = make_watch()
    before = render(watch, io.StringIO())
    for event in (
        {},
        {"kind": "gap", "missed": 3},
        {"kind": "round", "round": "one"},
        {"kind": "peer", "peer": PEERS[1][0], "connected": True},
    ):
        watch.event(0, event)
    assert render(watch, io.StringIO()) == before


def test_plain_output_has_lines_and_no_escapes() -> None:
    watch, stream = make_watch(), io.StringIO()
    screen = Screen(stream)
    watch.event(0, finish(0))
    screen.draw(watch)
    screen.draw(watch)
    screen.close(watch)
    assert stream.getvalue().count("\n") == 1
    assert "\x1b" not in stream.getvalue()


def test_a_terminal_is_redrawn_in_place() -> None:
    watch, stream = make_watch(), io.StringIO()
    screen = Screen(stream, live=True)
    screen.draw(watch)
    screen.draw(watch)
    assert stream.getvalue().count("\x1b[5F\x1b[J") == 1  # title, header, three daemons


@pytest.mark.parametrize("way", ["event", "summary"])
def test_an_evaluation_that_failed_is_one(way: str) -> None:
    """The swarm does not wait for a number that never comes, nor shows an old one."""
    watch = make_watch(rounds=3)
    watch.event(0, {"kind": "evaluation", "round": 0, "accuracy": 0.9, "loss": 0.1})
    failed = {"accuracy": None, "loss": None, "warnings": ["accuracy is unknown: …"]}
    if way == "event":
        watch.event(0, finish(2, accuracy=None))
        assert not watch.settled(0)
        watch.event(0, {"kind": "evaluation", "round": 2} | failed)
    else:
        watch.event(0, finish(2, **failed))
    assert watch.settled(0)
    assert watch.views[0].accuracy is None
    assert ["accuracy unknown" in line for line in watch.take_lines()] == [True]


def test_a_task_without_accuracy_is_told_by_its_metrics() -> None:
    """A regression: its round is evaluated all the same, and nobody waits for a number."""
    watch = make_watch(rounds=3)
    found = {"accuracy": None, "loss": 0.1, "warnings": [], "metrics": {"rmse": 52.75, "r2": 0.4}}
    watch.event(0, finish(0, accuracy=None))
    watch.event(0, {"kind": "evaluation", "round": 0} | found)
    watch.event(0, finish(2, **found))
    assert watch.settled(0)
    lines = watch.take_lines()
    assert [("rmse 52.8, r2 0.4" in line, "accuracy" in line) for line in lines] == [
        (True, False)
    ] * 2
