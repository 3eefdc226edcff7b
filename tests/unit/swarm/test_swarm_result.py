"""The verdict on a swarm: each broken promise is found, and a kept one is not reported."""

from __future__ import annotations

from typing import Any

import pytest

from peerd.cli.task_arguments import TaskRequest
from peerd.laboratory.swarm.options import SwarmOptions
from peerd.laboratory.swarm.result import Record, Witness, check, document, witness
from peerd.laboratory.swarm.story import tell

PEERS = [f"12D3KooW{letter * 44}" for letter in "ABCDEFGH"]
MODELS = [letter * 64 for letter in "0123"]


def options(*attacks: str, rounds: int = 2) -> SwarmOptions:
    work = TaskRequest("digits", "rsa", {}, {})
    return SwarmOptions(peers=8, rounds=rounds, work=work, attacks=attacks, seed=1)


def record(number: int, **changes: Any) -> dict[str, Any]:
    kept: dict[str, Any] = {
        "round": number,
        "outcome": "completed",
        "reason": None,
        "model_hash": MODELS[number],
        "accuracy": 0.5 + number / 10,
        "blamed": [],
        "absent": [],
        "seconds": 2.0,
        "bytes": 100,
        "phases": {},
    }
    return kept | changes


def blame(index: int, reason: str = "bad share") -> dict[str, Any]:
    return {"peer": PEERS[index], "reason": reason, "evidence": "ab"}


def swarm(*attacks: str, **of_all: Any) -> list[Witness]:
    """Every daemon's records when all goes well; ``of_all`` changes each honest record."""
    lies = [None] * (8 - len(attacks)) + list(attacks)
    return [
        witness(peer, lie, [record(0, **of_all), record(1, **of_all)])
        for peer, lie in zip(PEERS, lies, strict=True)
    ]


def changed(witnesses: list[Witness], index: int, number: int, **changes: Any) -> list[Witness]:
    old = witnesses[index]
    rounds: dict[int, Record] = dict(old.rounds)
    rounds[number] = {**rounds[number], **changes}
    return [*witnesses[:index], Witness(old.peer, old.lie, rounds), *witnesses[index + 1 :]]


def test_a_swarm_that_kept_its_promises() -> None:
    assert check(options("sign-flip", "sign-flip"), swarm("sign-flip", "sign-flip")) == []
    assert check(options(), swarm()) == []


def test_two_models_in_one_round() -> None:
    found = check(options(), changed(swarm(), 3, 1, model_hash=MODELS[0]))
    assert len(found) == 1
    assert "round 1: honest peers hold 2 different models" in found[0]
    assert "against peer 3" in found[0]


def test_a_liar_may_hold_any_model() -> None:
    assert check(options("zero"), changed(swarm("zero"), 7, 1, model_hash=MODELS[0])) == []


def test_an_honest_peer_that_is_blamed() -> None:
    found = check(options(), changed(swarm(), 2, 0, blamed=[blame(4)]))
    assert found == ["round 0: peer 2 blames peer 4, which is honest: bad share"]


def test_what_a_liar_says_of_others_does_not_matter() -> None:
    assert check(options("zero"), changed(swarm("zero"), 7, 0, blamed=[blame(4)])) == []


@pytest.mark.parametrize("lie", ["bad-proof", "bad-share", "wrong-opening", "equivocate"])
def test_a_provable_lie_must_be_blamed_by_every_honest_peer(lie: str) -> None:
    caught = swarm(lie, blamed=[blame(7)])
    assert check(options(lie), caught) == []
    missed = changed(changed(caught, 5, 0, blamed=[]), 5, 1, blamed=[])
    assert check(options(lie), missed) == [f"peer 5 never blamed peer 7 ({lie})"]


def test_a_peer_that_was_away_when_the_liar_was_caught_need_not_name_it() -> None:
    caught = changed(swarm("bad-share"), 0, 0, blamed=[blame(7)])
    for index in range(1, 7):
        caught = changed(caught, index, 0, blamed=[blame(7)])
    away = changed(caught, 3, 0, blamed=[], reason="caught up by certificate")
    assert check(options("bad-share"), away) == []


def test_a_silent_liar_is_absent_and_not_blamed() -> None:
    assert check(options("silent"), swarm("silent", absent=[PEERS[7]])) == []
    assert any("never found" in line for line in check(options("silent"), swarm("silent")))
    blamed = swarm("silent", absent=[PEERS[7]], blamed=[blame(7)])
    assert any("proves nothing" in line for line in check(options("silent"), blamed))


def test_missing_and_aborted_rounds() -> None:
    short = swarm()
    short[1] = witness(PEERS[1], None, [record(0)])
    assert check(options(), short) == ["peer 1 finished 1 of 2 rounds"]
    aborted = swarm(outcome="aborted", reason="quorum", model_hash=None)
    found = check(options(), aborted)
    assert found == [f"round {n} did not complete: quorum" for n in (0, 1)]


def test_a_peer_without_a_certificate_of_a_round_does_not_disagree() -> None:
    away = changed(swarm(), 3, 0, outcome="aborted", model_hash=None, reason="restarted")
    assert check(options(), away) == []


def test_the_document() -> None:
    witnesses = swarm("bad-share", blamed=[blame(7)], absent=[PEERS[6]])
    curves = {"plain_mean": [0.1, 0.2], "no_liars": [0.5, 0.7]}
    found: dict[str, Any] = document(options("bad-share"), witnesses, curves)
    assert found["peers"][0] == {
        "id": PEERS[0],
        "honest": True,
        "model_hash": MODELS[1],
        "blamed": [PEERS[7]],
        "absent": [PEERS[6]],
    }
    assert found["peers"][7]["honest"] is False
    assert found["rounds"][1] == {
        "round": 1,
        "outcome": "completed",
        "reason": None,
        "group": None,
        "accuracy": 0.6,
        "model_hash": MODELS[1],
        "blamed": [blame(7)],
        "absent": [PEERS[6]],
        "seconds": 2.0,
        "bytes": 800,
    }
    assert found["baselines"] == curves
    assert (found["seed"], found["task"], found["attack"]) == (1, "digits", "bad-share")


def test_one_that_missed_a_round_gives_no_reason_to_it_and_received_bytes_do_not_count() -> None:
    witnesses = swarm(bytes_out=60)
    late = changed(witnesses, 3, 1, reason="caught up by certificate", bytes_out=0)
    found: Any = document(options(), late, {})
    assert found["rounds"][1]["reason"] is None
    assert found["rounds"][1]["bytes"] == 7 * 60


def test_the_story_names_who_was_caught_and_who_was_not(tmp_path: Any) -> None:
    witnesses = swarm("sign-flip", "bad-share", blamed=[blame(7)])
    found = document(options("sign-flip", "bad-share"), witnesses, {"plain_mean": [0.1, 0.2]})
    text = "\n".join(tell(found, tmp_path, [0]))
    assert "accuracy of 60.0%" in text
    assert "Plain averaging with these liars ends at 20.0%" in text
    assert "Peer 7 (…HHHHHHHH) was caught in round 0: bad share; 6 of 6 honest peers" in text
    assert "Peer 6 (…GGGGGGGG) lied, and was not blamed" in text
    assert f" audit {tmp_path}/transcripts/round-0.transcript --genesis" in text


def test_what_a_task_measures_by_name_is_there_where_it_is_anything() -> None:
    found = swarm(accuracy=None, metrics={"rmse": 3.5, "r2": 0.25})
    found[0] = witness(PEERS[0], None, [record(n, accuracy=None, metrics={}) for n in (0, 1)])
    rounds: Any = document(options(), found, {})["rounds"]
    assert rounds[1]["accuracy"] is None
    assert rounds[1]["metrics"] == {"r2": 0.25, "rmse": 3.5}
    plain: Any = document(options(), swarm(metrics={}), {})["rounds"]
    assert "metrics" not in plain[0]
