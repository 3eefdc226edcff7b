"""Peers that have announced that they are away: nobody waits for them (docs/protocol.md §6)."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from peerd.laboratory.simulation.node import Node
from peerd.laboratory.simulation.swarm import EIGHT, FOUR, swarm
from peerd.laboratory.simulation.times import order
from peerd.laboratory.simulation.world import World
from protocols.record.certificate import verify_certificate
from protocols.record.door import open_message
from protocols.record.effects import Announced, Effect, Send, Staying, Step
from protocols.session.events import Peer, Return, Stay
from protocols.session.session import Session
from protocols.session.states import Standing
from protocols.wire.frames import AwayFrame, encode_frame
from tests.simulation.oracle import Watch, check

PAUSED = 2


class Deeds:
    """What one peer signs, and keeps, after a time."""

    def __init__(self, world: World, peer: int) -> None:
        self.signed: list[tuple[int, str]] = []
        self.stays: list[Staying] = []
        self.heard: dict[int, tuple[tuple[int, int], ...]] = {}
        before = world.before

        def looking(node: Node, effect: Effect) -> None:
            before(node, effect)
            if isinstance(effect, Announced):
                self.heard[node.index] = effect.since
            if node.index == peer and isinstance(effect, Staying):
                self.stays.append(effect)
            if node.index == peer and isinstance(effect, Send):
                said = open_message(world.setting, peer, effect.frame).statement
                if said is not None and said.signer == peer:
                    self.signed.append((said.slot.round, said.kind.name))

        world.before = looking


def paused(at: int, back: int | None = None, rounds: int = 6, seed: int = 1) -> World:
    world = swarm(FOUR, 1, rounds=rounds, seed=seed, traced=False)
    node = world.nodes[PAUSED]
    world.happen(at, lambda: order(world, node, Stay()))
    if back is not None:
        world.happen(back, lambda: order(world, node, Return()))
    return world


def takers(world: World, round_: int) -> set[int]:
    record = world.nodes[0].completed[round_]
    return set(verify_certificate(world.setting, record.certificate).election.keys)


def never_late(world: World, watch: Watch) -> bool:
    """Nobody waited out the deadline for commitments."""
    return all(waited < world.setting.deadlines.commit for waited in watch.waited.values())


@pytest.mark.parametrize("at", [0, 300, 1200, 2100, 5000])
@pytest.mark.parametrize("seed", [1, 5])
def test_nobody_waits_for_one_that_is_paused(at: int, seed: int) -> None:
    world = paused(at, seed=seed)
    watch, deeds = Watch(world), Deeds(world, PAUSED)
    world.run()
    check(world, away={PAUSED})
    assert never_late(world, watch)
    (stays,) = deeds.stays
    since = stays.since
    assert since is not None and all(round_ < since for round_, _ in deeds.signed)
    assert [PAUSED in takers(world, r) for r in range(6)] == [r < since for r in range(6)]
    assert all(heard == ((PAUSED, since),) for heard in deeds.heard.values())


@pytest.mark.parametrize("at", [600, 1500, 3000])
def test_what_has_begun_is_finished(at: int) -> None:
    """A member that left in its middle would be an erasure for the others."""
    world = paused(at)
    deeds = Deeds(world, PAUSED)
    world.run()
    (stays,) = deeds.stays
    assert stays.since is not None and stays.since >= 1
    assert (stays.since - 1, "RESULT") in deeds.signed
    check(world, away={PAUSED})


@pytest.mark.parametrize("seed", range(1, 5))
def test_one_that_is_back_takes_part_within_three_rounds(seed: int) -> None:
    world = paused(3000, 9000, rounds=8, seed=seed)
    watch = Watch(world)
    world.run()
    check(world, away={PAUSED})
    assert never_late(world, watch)
    over = max(round_ for round_, when in watch.over.items() if when <= 9000)
    assert any(PAUSED in takers(world, over + ahead) for ahead in (1, 2, 3))


def test_a_pause_outlives_a_restart_and_is_said_again() -> None:
    world = paused(3000, rounds=8)
    node = world.nodes[PAUSED]
    world.happen(9000, lambda: world.crash(node))
    world.happen(9500, lambda: world.boot(node))
    watch, deeds = Watch(world), Deeds(world, PAUSED)
    world.run()
    check(world, away={PAUSED})
    assert node.paused is not None and node.session is not None
    assert all(round_ < node.paused for round_, _ in deeds.signed)
    assert never_late(world, watch)
    assert node.session.state in (Standing.AWAY, Standing.FINISHED)


def test_one_that_drains_is_not_paused_by_its_next_life() -> None:
    world = swarm(FOUR, 1, rounds=9, traced=False)
    node = world.nodes[PAUSED]
    world.happen(3000, lambda: order(world, node, Stay(lasts=False)))
    world.happen(9000, lambda: world.crash(node))
    world.happen(9500, lambda: world.boot(node))
    world.run()
    check(world, away={PAUSED})
    assert node.paused is None
    assert PAUSED in takers(world, 8)


def test_more_than_may_be_away_hold_the_group_up_until_they_are_back() -> None:
    """Nobody is blamed, no attempt is lost for good."""
    world = swarm(FOUR, 1, rounds=4, traced=False)
    for peer in (1, 2):
        node = world.nodes[peer]
        world.happen(1000, partial(order, world, node, Stay()))
        world.happen(60_000, partial(order, world, node, Return()))
    world.run()
    check(world, away={1, 2})
    assert world.now > 60_000


@pytest.mark.parametrize("seed", range(1, 4))
def test_one_with_fewer_rounds_of_its_own_costs_the_others_nothing(seed: int) -> None:
    """Its configuration says so; it is connected, and answers."""
    world = swarm(FOUR, 1, rounds=7, seed=seed, traced=False)
    node, load = world.nodes[PAUSED], world._load

    def fewer(at: Node, restored: bool | None = None) -> None:
        rounds = world.rounds
        world.rounds = 2 if at is node else rounds
        load(at, restored)
        world.rounds = rounds

    world._load = fewer  # type: ignore[method-assign]
    watch = Watch(world)
    world.run()
    check(world, away={PAUSED})
    assert never_late(world, watch)
    assert [PAUSED in takers(world, r) for r in range(7)] == [r < 2 for r in range(7)]


def test_the_word_of_a_liar_takes_nobody_out_but_itself() -> None:
    """It says that it is away, to some, and takes part all the same: what it signs counts."""
    world = swarm(EIGHT, 2, rounds=3, traced=False)
    word = encode_frame(AwayFrame(0, 1))

    def tell(peer: Peer) -> list[Step]:
        return peer.on_message(7, word)

    for to in (0, 1, 2):
        world.happen(1, partial(world.at, world.nodes[to], 1, tell))
    world.run()
    check(world)
    assert all(set(range(7)) <= takers(world, round_) for round_ in range(3))


def test_a_leader_that_is_away_leads_no_view() -> None:
    """In the round after the pause it may be the first in the order: its view is over at once."""
    slow = []
    for seed in range(1, 13):
        world = paused(0, rounds=1, seed=seed)
        world.run()
        check(world, away={PAUSED}, audited=False)
        deadlines = world.setting.deadlines
        slow += [world.now] if world.now >= 2 * deadlines.agreement + deadlines.lead else []
    assert not slow


def test_frames_of_rounds_that_are_over_are_not_kept() -> None:
    world = paused(0, rounds=12)
    world.run()
    session = world.nodes[PAUSED].session
    assert isinstance(session, Session)
    rounds = set()
    for peer in range(4):
        for data in session.neighbours.ahead.of(peer):
            place = open_message(world.setting, peer, data).place
            assert place is not None
            rounds.add(place[0])
    assert min(rounds, default=12) >= 12


def test_a_paused_peer_in_a_group_whose_rounds_have_their_time() -> None:
    from peerd.group.rhythm import Rhythm

    world = paused(1000, 200_000, rounds=8)
    world.rhythm = Rhythm(30)
    world.setting = replace(world.setting, paced=True)
    watch = Watch(world)
    world.run()
    check(world, away={PAUSED})
    assert never_late(world, watch)
    assert PAUSED in takers(world, 7) and PAUSED not in takers(world, 1)
