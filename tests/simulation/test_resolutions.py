"""A group that rests, and one that hands over: what operators order, and what liars make of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from peerd.laboratory.adversaries import RESOLVERS
from peerd.laboratory.adversaries.lies import LIES
from peerd.laboratory.simulation.groups import group_of
from peerd.laboratory.simulation.node import Node
from peerd.laboratory.simulation.operations import Handover, Rest, parse
from peerd.laboratory.simulation.operations.operators import draft
from peerd.laboratory.simulation.oracle import certified_by
from peerd.laboratory.simulation.scenario import Scenario, run
from peerd.laboratory.simulation.successor import Draft, ledger_behind, succeed
from peerd.laboratory.simulation.world import World
from protocols.errors import WireError
from protocols.plan import CommitteePlan
from protocols.record.certificate import Close, ResolutionCertificate, verify_certificate
from protocols.record.door import read_statement
from protocols.record.effects import Effect, Spent, Step
from protocols.record.resolution import NO_DRAFT, Resolution
from protocols.record.votes import outcome_hash
from protocols.session.events import Approval, Peer, Refused
from protocols.session.states import Standing
from protocols.wire.frames import CertificateFrame, StatementFrame, encode_frame
from protocols.wire.payloads import Act, Approve, Ballot, Kind, Topic
from protocols.wire.statement import Slot, sign
from tests.simulation.oracle import Watch, check, check_records
from tests.simulation.swarm import FOUR, swarm

END = 400_000


def judged(world: World, **known: Any) -> World:
    watch = Watch(world)
    world.run(until=END)
    check(world, **known)
    check_records(world, watch)
    return world


def ends(world: World) -> list[str]:
    """How each round ended, as every honest peer that is up has it."""
    honest = [node for node in world.nodes if node.honest and node.up]
    told = [[node.completed[r].close.value for r in sorted(node.completed)] for node in honest]
    assert all(one == told[0] for one in told)
    return told[0]


def ordered(world: World, node: Node, approval: Approval) -> str:
    """Why its daemon refuses, or ""."""
    refused: list[str] = []

    def order(peer: Peer) -> list[Step]:
        try:
            return peer.on_order(approval)
        except Refused as error:
            refused.append(str(error))
            return []

    world.act(node, order)
    return "".join(refused)


# -- a pause -----------------------------------------------------------------------------------


def test_a_group_rests_and_goes_on_with_the_same_model() -> None:
    world = swarm(FOUR, 1, rounds=4)
    Rest(2500, 5000).install(world)
    judged(world)
    closes = ends(world)
    assert closes.count("paused") == 1 and closes.count("completed") == 3
    paused = closes.index("paused")
    node = world.nodes[0]
    before = node.completed[paused - 1].model if paused else world.model
    assert np.array_equal(before, node.completed[paused].model)
    assert node.completed[paused].dealers == () == node.completed[paused].absent


def spent(world: World) -> list[tuple[int, int]]:
    """Who learns that an approval was of which round's pause, once the world runs."""
    told, before = list[tuple[int, int]](), world.before

    def looking(node: Node, effect: Effect) -> None:
        before(node, effect)
        if isinstance(effect, Spent):
            told.append((node.index, effect.round))

    world.before = looking
    return told


@pytest.mark.parametrize("behind", [False, True])
def test_whose_approval_was_of_a_pause_learns_of_which(behind: bool) -> None:
    """One that is behind a pause and approves one means another, which it has to say again."""
    world = swarm(FOUR, 1, rounds=6)
    Rest(3000, 9000).install(world)
    told, node, refused = spent(world), world.nodes[3], list[str]()
    if behind:
        world.happen(1000, lambda: world.crash(node))
        world.happen(20_000, lambda: world.boot(node))
        order = Approval(Act.PAUSE)
        world.happen(20_000, lambda: refused.append(ordered(world, node, order)))
    judged(world, away={3})
    (paused,) = (at for at, close in enumerate(ends(world)) if close == "paused")
    assert (3, paused) in told and not any(refused)
    assert len(told) == len(set(told))


def test_a_group_that_nobody_wakes_stays_at_rest_and_does_not_call_for_help() -> None:
    world = swarm(FOUR, 1, rounds=3)
    Rest(1, 0).install(world)
    judged(world)
    assert ends(world)[-1] == "paused"
    for node in world.nodes:
        assert node.session is not None and node.session.state is Standing.RESTING
        assert not node.stopped


def test_it_rests_also_when_all_of_it_starts_again_and_goes_on_when_told() -> None:
    world = swarm(FOUR, 1, rounds=2)
    Rest(1, 60_000).install(world)

    def all_down() -> None:
        for turn, node in enumerate(world.nodes):
            world.crash(node)
            world.happen(world.now + 500 + turn, lambda node=node: world.boot(node))

    world.happen(20_000, all_down)
    world.happen(40_000, lambda: [demand_rest(node) for node in world.nodes] and None)
    judged(world)
    assert ends(world) == ["paused", "completed"]


def demand_rest(node: Node) -> None:
    assert node.session is not None and node.session.state is Standing.RESTING


def test_fewer_than_a_quorum_pause_nothing_and_wake_nobody() -> None:
    world = swarm(FOUR, 1, rounds=2)
    for node in world.nodes[:2]:
        world.happen(1, lambda node=node: ordered(world, node, Approval(Act.PAUSE)) and None)
    judged(world)
    assert ends(world) == ["completed", "completed"]
    world = swarm(FOUR, 1, rounds=2)
    Rest(1, 0).install(world)
    for node in world.nodes[:2]:
        world.happen(60_000, lambda node=node: ordered(world, node, Approval(Act.RESUME)) and None)
    judged(world)
    assert ends(world) == ["paused"]


def test_a_second_pause_needs_new_approvals() -> None:
    """Those of the first hold for a thousand rounds, and not behind the pause that they led to."""
    world = swarm(FOUR, 1, rounds=5)
    Rest(1, 1).install(world)
    judged(world)
    assert ends(world) == ["paused"] + ["completed"] * 4
    assert all(not node.session.rounds.approvals.held() for node in world.nodes if node.session)


def test_a_peer_that_was_away_comes_back_over_the_pause() -> None:
    world = swarm(FOUR, 1, rounds=4)
    Rest(4000, 8000).install(world)
    world.happen(3000, lambda: world.crash(world.nodes[2]))
    world.happen(70_000, lambda: world.boot(world.nodes[2]))
    judged(world, away=(2,))
    assert ends(world).count("paused") == 1


def test_one_that_sits_the_paused_round_out_hears_of_it() -> None:
    """Nobody is seen in a later round while the group rests."""
    world = swarm(FOUR, 1, rounds=3)
    node = world.nodes[3]
    world.happen(1, lambda: world.crash(node))
    world.happen(2, lambda: world.boot(node, restored=True))  # it sits out rounds 0 and 1
    Rest(4000, 0).install(world)
    world.run(until=END)
    paused = ends(world).index("paused")
    assert node.session is not None and node.session.position.round == paused + 1


def test_what_an_operator_orders_again_is_one_approval() -> None:
    world = swarm(FOUR, 1, rounds=3)
    for at in range(100, 9000, 300):
        world.happen(at, lambda: ordered(world, world.nodes[0], Approval(Act.PAUSE)) and None)
    judged(world)
    assert len(world.nodes[0].approvals) == 1


@pytest.mark.parametrize(
    ("approval", "why"),
    [
        (Approval(Act.RESUME), "does not rest"),
        (Approval(Act.PAUSE, first=5, last=4), "no window"),
        (Approval(Act.HANDOVER, draft(0), 0, 1 << 16), "no window"),
    ],
)
def test_what_makes_no_sense_is_refused(approval: Approval, why: str) -> None:
    world = swarm(FOUR, 1, rounds=1)
    said: list[str] = []
    world.happen(50, lambda: said.append(ordered(world, world.nodes[0], approval)))
    judged(world)
    assert why in said[0]


def test_one_draft_in_a_window() -> None:
    world = swarm(FOUR, 1, rounds=1)
    said: list[str] = []
    for first, number in ((0, 0), (3, 1), (9, 1)):
        wanted = Approval(Act.HANDOVER, draft(number), first, first + 5)
        world.happen(50 + first, lambda w=wanted: said.append(ordered(world, world.nodes[0], w)))
    judged(world)
    assert said[0] == said[2] == "" and "another draft" in said[1]


# -- a handover --------------------------------------------------------------------------------


def handed_over(**given: Any) -> World:
    world = swarm(FOUR, 1, rounds=4, **given)
    Handover(2500, 0, 100, 0).install(world)
    return judged(world)


def test_a_group_hands_over_once_and_for_all() -> None:
    world = handed_over()
    closes = ends(world)
    assert closes[-1] == "handed over" and closes.count("handed over") == 1
    for node in world.nodes:
        assert node.session is not None and node.session.state is Standing.HANDED_OVER
        assert "successor" in ordered(world, node, Approval(Act.PAUSE))


def test_two_drafts_with_half_each_hand_nothing_over() -> None:
    world = swarm(FOUR, 1, rounds=3)
    Handover(1, 0, 100, 1).install(world)
    judged(world)
    assert ends(world) == ["completed"] * 3


def test_nothing_happens_outside_the_window() -> None:
    world = swarm(FOUR, 1, rounds=3)
    Handover(1, 2, 2, 0).install(world)
    judged(world)
    assert ends(world) == ["completed", "completed", "handed over"]


def test_a_peer_many_rounds_behind_and_one_emptied_find_the_handover() -> None:
    world = swarm(FOUR, 1, rounds=6)
    Handover(1, 4, 100, 0).install(world)
    behind = world.nodes[1]
    world.happen(2000, lambda: world.crash(behind))
    world.happen(90_000, lambda: world.boot(behind))
    world.run(until=END)
    assert behind.position is not None and behind.position.ledger.handed_over
    assert ends(world)[-1] == "handed over"


def certified(world: World, end: Resolution, round_: int) -> bytes:
    """By a quorum of this group's keys."""
    setting = world.setting
    ballot = Ballot(outcome_hash(Topic.COMMITS, end.encode()))
    slots = (
        Slot(round_, 0, Kind.SECOND_VOTE, int(Topic.COMMITS), 0, peer)
        for peer in range(setting.roster_quorum)
    )
    votes = (
        sign(setting.crypto, world.nodes[slot.signer].secret.reveal(), setting.group, slot, ballot)
        for slot in slots
    )
    return ResolutionCertificate(round_, 0, end.encode(), tuple(v.wire for v in votes)).encode()


def test_nobody_is_led_past_a_handover() -> None:
    """Old keys of a quorum, stolen later, certify a round of a group that is over."""
    world = handed_over()
    one, other = world.nodes[:2]
    assert one.session is not None
    position = one.session.position
    last = one.completed[position.round - 1]
    pause = Resolution(int(Act.PAUSE), NO_DRAFT, position.previous, last.model_hash, (), (), ())
    data = certified(world, pause, position.round)
    assert verify_certificate(world.setting, data).close is Close.PAUSED
    other.completed[position.round] = replace(last, round=position.round, certificate=data)
    frame = encode_frame(CertificateFrame(data))
    world.act(one, lambda peer: peer.on_message(other.index, frame))
    world.rounds += 5  # so that time goes on
    world.run(until=world.now + END)
    assert max(one.completed) == last.round
    assert one.session is not None and one.session.position.round == position.round


# -- its successor -----------------------------------------------------------------------------

DRAFTS: dict[str, Draft] = {
    "the same": Draft(),
    "a rotated key": Draft(rotated=frozenset({1})),
    "one leaves and one joins": Draft(leavers=frozenset({2}), newcomers=1),
    "all rotate": Draft(rotated=frozenset(range(4))),
    "one joins": Draft(newcomers=1, plan=CommitteePlan(5, 1, 1, 0)),
}


@pytest.mark.parametrize("name", DRAFTS)
def test_a_successor_goes_on_behind_the_handover(name: str) -> None:
    old = handed_over()
    last = ends(old).index("handed over")
    new = judged(succeed(old, DRAFTS[name], rounds=2).world)
    assert sorted(new.nodes[0].completed) == [last + 1, last + 2]
    first = certified_by(new, new.nodes[0].completed[last + 1])
    assert first.end.previous == certified_by(old, old.nodes[0].completed[last]).hash
    assert ends(new) == ["completed"] * 2


def test_a_successor_rests_and_hands_over_itself() -> None:
    new = succeed(handed_over(), DRAFTS["a rotated key"], rounds=3).world
    Rest(1, 1).install(new)
    Handover(4_000, 0, 100, 0).install(new)
    judged(new)
    assert ends(new)[0] == "paused" and ends(new)[-1] == "handed over"
    judged(succeed(new, DRAFTS["the same"], rounds=1).world)


def test_the_guilty_stay_so_under_whichever_key() -> None:
    old = swarm(FOUR, 1, rounds=4, lies={0: LIES["bad-share"]})
    Handover(1, 2, 100, 0).install(old)
    judged(old, unknown_inputs=(0,))
    assert ledger_behind(old).guilty == {0}
    named = DRAFTS["all rotate"]
    succession = succeed(old, named, rounds=2)
    guilty = succession.places[0]
    assert succession.world.setting.origin is not None
    assert succession.world.setting.origin.ledger.guilty == {guilty}
    new = judged(succession.world, away=(guilty,))
    for record in new.nodes[(guilty + 1) % 4].completed.values():
        assert guilty not in record.dealers


def test_what_old_keys_sign_counts_for_nothing_in_the_successor() -> None:
    old = handed_over()
    succession = succeed(old, DRAFTS["a rotated key"], rounds=2)
    new, rotated = succession.world, succession.places[1]
    other = (rotated + 1) % 4
    slot = Slot(new.first, 0, Kind.APPROVE, 0, 0, rotated)
    assert new.setting.origin is not None
    payload = Approve(int(Act.PAUSE), new.setting.origin.previous, new.first, new.first + 9)
    key = old.nodes[1].secret.reveal()
    said = sign(new.setting.crypto, key, new.setting.group, slot, payload)
    frame = encode_frame(StatementFrame(said.wire))
    new.happen(1, lambda: new.act(new.nodes[other], lambda peer: peer.on_message(rotated, frame)))
    watch = Watch(new)
    new.run(until=END)
    check_records(new, watch)
    assert any("did not sign" in item.reason for item in new.nodes[other].dropped)
    in_old = sign(new.setting.crypto, key, old.setting.group, slot, payload)
    with pytest.raises(WireError):
        read_statement(new.setting, in_old.wire)


# -- liars -------------------------------------------------------------------------------------


@pytest.mark.parametrize("liar", range(4))
@pytest.mark.parametrize("name", RESOLVERS)
def test_a_liar_among_those_who_order(name: str, liar: int) -> None:
    """In a pause, and in a handover some rounds later. One that leads may put either off."""
    world = swarm(FOUR, 1, rounds=8, lies={liar: RESOLVERS[name]})
    Rest(1500, 500).install(world)
    Handover(3000, 3, 100, 0).install(world)
    judged(world)
    closes = ends(world)
    assert closes.count("paused") <= 1 and closes[-1] == "handed over"
    node = next(node for node in world.nodes if node.honest)
    outcome = certified_by(world, node.completed[len(closes) - 1]).end
    assert isinstance(outcome, Resolution) and outcome.draft == draft(0)


@pytest.mark.parametrize("name", RESOLVERS)
def test_a_liar_where_nobody_orders_anything(name: str) -> None:
    world = swarm(FOUR, 1, rounds=4, lies={1: RESOLVERS[name]})
    judged(world)
    assert ends(world) == ["completed"] * 4


CAME_BACK_LATE = {
    81: "cut 2 6306 6906 1; drop 1 717 45717 100; rest 1 2000",
    165: "cut 1 1985 46985 2; crash 3 187 1 9000; rest 1 2000",
}
"""A peer was away from the pause on until the others were far beyond it, and silent again."""


@pytest.mark.parametrize("seed", CAME_BACK_LATE)
def test_one_that_rests_asks_whoever_comes_back(seed: int) -> None:
    operations = tuple(parse(CAME_BACK_LATE[seed]))
    verdict = run(Scenario(seed, group_of(seed), 3, operations))
    assert not verdict.rule, verdict.what


def test_one_that_the_pause_locked_out_is_let_in_behind_an_attempt_that_comes_to_nothing() -> None:
    """Its disk hung in a flip. Without it the liar's vote is needed for every cohort."""
    seed = 39811
    operations = tuple(parse("lie 4 FalseAsker; disk 1 15 60000; rest 275 1"))
    verdict = run(Scenario(seed, group_of(seed), 2, operations))
    assert not verdict.rule, verdict.what
