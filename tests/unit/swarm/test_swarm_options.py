"""What ``peerd swarm`` accepts, and the line it gives for what it does not."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from peerd.cli.promise import Promise
from peerd.cli.task_arguments import TaskRequest
from peerd.errors import ConfigError
from peerd.laboratory.swarm.kills import EARLIEST, LATEST, Kills, moment
from peerd.laboratory.swarm.options import Kill, SwarmOptions, swarm_options
from protocols.plan import plan_group
from protocols.privacy import Budget

WORK = TaskRequest("digits", "rsa", {}, {})


def options(**changes: Any) -> SwarmOptions:
    asked: dict[str, Any] = {
        "peers": 8,
        "rounds": 30,
        "work": WORK,
        "liars": 2,
        "attack": "sign-flip",
        "seed": 1,
    }
    return swarm_options(**(asked | changes))


def test_the_last_peers_lie_and_the_plan_covers_them() -> None:
    checked = options()
    lies = [checked.lie_of(index) for index in range(8)]
    assert lies == [None] * 6 + ["sign-flip"] * 2
    assert checked.plan.threshold == 2
    assert int(checked.adversary * 8) == 2
    assert int(checked.dropout * 8) == checked.plan.absent
    assert checked.attack == "sign-flip"


def test_one_attack_for_each_liar() -> None:
    checked = options(attack="sign-flip, bad-share")
    assert checked.lie_of(6) == "sign-flip"
    assert checked.lie_of(7) == "bad-share"
    assert checked.attack == "sign-flip,bad-share"


def test_weights_one_a_peer() -> None:
    assert options(weights="3,1,1,1,1,1,1,12").weights == (3, 1, 1, 1, 1, 1, 1, 12)
    assert options().weights == ()
    for wrong in ("3,1", "0,1,1,1,1,1,1,1", "1,1,1,1,1,1,1,-1", "a,1,1,1,1,1,1,1", ""):
        with pytest.raises(ConfigError, match="positive whole numbers"):
            options(weights=wrong)


def test_without_liars_a_plan_still_covers_one() -> None:
    checked = options(liars=0)
    assert checked.attacks == ()
    assert checked.attack == "none"
    assert checked.plan.threshold == 1
    assert int(checked.adversary * 8) == 1


def test_room_for_an_absent_peer_where_the_size_allows_it() -> None:
    assert options(peers=9).plan.absent == 1
    assert options(peers=8).plan.absent == 0


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"attack": "nonsense"}, "--attack nonsense.*known ones.*equivocate"),
        ({"attack": "sign-flip,silent", "liars": 3}, "names 2 attacks for 3 liars"),
        ({"peers": 0}, "--peers 0"),
        ({"peers": -1}, "--peers -1: must be in"),
        ({"peers": 2, "liars": 0}, "--peers 2: a group has at least 4; every plan covers one liar"),
        ({"peers": 65}, "--peers 65"),
        ({"rounds": 0}, "--rounds 0"),
        ({"liars": -1}, "--liars -1"),
        ({"seed": -1}, "--seed -1"),
        ({"gone": -1}, "--gone -1"),
        ({"kills": ["three@5"]}, "PEER@ROUND"),
        ({"kills": ["8@5"]}, "peer 8"),
        ({"kills": ["1@29"]}, "round 29"),
    ],
)
def test_a_bad_request_is_refused(changes: dict[str, Any], what: str) -> None:
    with pytest.raises(ConfigError, match=what):
        options(**changes)


def test_sizes_without_a_plan_are_refused_with_sizes_that_would_do() -> None:
    with pytest.raises(ConfigError, match=r"--peers 8 --liars 3.*would do"):
        options(liars=3)


def test_a_drawn_committee_is_what_every_member_derives_from_the_genesis() -> None:
    checked = options(liars=1, gone=1, absent=0)
    plan = checked.plan
    assert plan.committee == 6 < checked.peers
    assert (int(checked.dropout * 8), checked.genesis_absent) == (1, 0)
    assert plan == plan_group(8, checked.adversary, checked.dropout, absent=0)
    assert options(gone=None).plan.committee == 8
    with pytest.raises(ConfigError, match=r"--peers 8 --liars 2: the election needs"):
        options(gone=1, absent=0)


def test_a_kill_happens_once_in_the_middle_of_its_round() -> None:
    assert options(kills=["3@5"]).kills == (Kill(3, 5),)
    kills = Kills([Kill(3, 5)])
    assert moment(Kill(3, 5)) == 3
    assert {moment(Kill(3, number)) for number in range(30)} == set(range(EARLIEST, LATEST + 1))

    def phase(number: int, name: str) -> dict[str, object]:
        return {"kind": "phase", "round": number, "phase": name}

    before = [(3, phase(4, "deal")), (2, phase(5, "commit")), (3, phase(5, "commit"))]
    repeated = [(3, phase(5, "commit")), (3, {"kind": "blame", "round": 5}), (3, phase(5, "deal"))]
    assert not any(kills.event(index, event) for index, event in before + repeated)
    assert kills.event(3, phase(5, "check"))
    assert not kills
    assert not kills.event(3, phase(5, "open"))


def test_drawn_clients_need_a_plan() -> None:
    assert options(clients=7, peers=8, liars=2).clients == 7
    with pytest.raises(ConfigError, match="7 dealers would do"):
        options(clients=3, peers=8, liars=2)
    with pytest.raises(ConfigError, match="--clients 9: must be in"):
        options(clients=9, peers=8, liars=2)


NOISY = TaskRequest("digits", "dp-sgd", {}, {})


def test_a_lie_needs_what_it_is_about() -> None:
    assert options(work=NOISY, attack="poisoned-noise,no-noise").attacks[1] == "no-noise"
    with pytest.raises(ConfigError, match="no-noise: rsa adds no noise"):
        options(attack="no-noise")
    assert options(attack="overcount")
    for silent in ({"work": NOISY}, {"evaluates": False}):
        with pytest.raises(ConfigError, match="overcount: the group counts no held-out rows"):
            options(attack="overcount", **silent)


def test_a_promise_brings_the_noise() -> None:
    ball = TaskRequest("digits", "centered-clipping-l2", {}, {})
    promise = Promise(Budget(Fraction(8), Fraction(1, 10**5)), 3)
    assert options(work=ball, attack="no-noise", promise=promise).attacks == ("no-noise",) * 2
    with pytest.raises(ConfigError, match="counts no held-out rows"):
        options(work=ball, attack="overcount", promise=promise)
