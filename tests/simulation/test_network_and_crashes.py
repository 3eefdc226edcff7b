"""Messages late, lost, repeated and out of order; peers that die at any effect and come back."""

from __future__ import annotations

import random

import pytest

from peerd.laboratory.simulation.node import Node
from peerd.laboratory.simulation.world import World
from protocols.record.effects import Effect
from tests.simulation.oracle import Watch, check, check_safety
from tests.simulation.swarm import FOUR, NINE, swarm
from tests.tiers import later

END = 900_000


def lossy(world: World, number: int) -> list[int]:
    """Lose the message with this number; gives a counter of all messages."""
    count = [0]

    def drop(sender: int, to: int, data: bytes) -> bool:
        count[0] += 1
        return count[0] == number

    world.drop = drop
    return count


@pytest.mark.parametrize("part", [1, *later([0, 2, 3])])
def test_any_single_message_may_be_lost(part: int) -> None:
    number, sent = part + 1, part + 1
    while number <= sent:
        world = swarm(FOUR, 1, seed=5)
        count = lossy(world, number)
        Watch(world)
        world.run(until=END)
        check(world, guilty=(), away=range(4), audited=False)
        sent = count[0]
        number += 4
    assert sent > 100


def crash_at(world: World, victim: int, number: int, back: int | None) -> list[int]:
    """Kill the peer ahead of its effect with this number; start it ``back`` ms later."""
    count = [0]

    def before(node: Node, effect: Effect) -> None:
        if node.index == victim and node.lives == 1:
            count[0] += 1
            if count[0] == number:
                world.crash(node)
                if back is not None:
                    world.happen(world.now + back, lambda: world.boot(node))

    world.before = before
    return count


@pytest.mark.parametrize("back", [9000, *later([1, 300])])
def test_a_peer_dies_at_any_effect_and_comes_back(back: int) -> None:
    number = 1
    while True:
        world = swarm(FOUR, 1, seed=5)
        count = crash_at(world, 0, number, back)
        Watch(world)
        world.run(until=END)
        check(world, guilty=(), away=(0,), audited=False)
        if count[0] < number:
            break
        number += 1 if back == 300 else 5
    assert number > 50


@pytest.mark.parametrize("number", range(3, 120, 13))
def test_a_crash_beside_two_liars(number: int) -> None:
    """Nine peers, two of them silent, and one that dies for good: e = 1 covers it."""
    world = swarm(NINE, 2, seed=number, silent=frozenset({3, 8}))
    crash_at(world, 0, number, None)
    Watch(world)
    world.run(until=END)
    check(world, guilty=(), away=(0,))


@pytest.mark.parametrize("seed", range(6))
def test_all_restart_at_once(seed: int) -> None:
    world = swarm(FOUR, 1, seed=seed, rounds=2)
    Watch(world)
    moment = random.Random(seed).randrange(50, 2500)

    def power_cut() -> None:
        for node in world.nodes:
            world.crash(node)
        for node in world.nodes:
            world.happen(world.now + 100 + node.index, lambda node=node: world.boot(node))

    world.happen(moment, power_cut)
    world.run(until=END)
    check(world, guilty=(), away=range(4))


@pytest.mark.parametrize("seed", range(4))
def test_messages_come_twice_and_late(seed: int) -> None:
    """Every third message once more, up to three deadlines later: nothing changes, nobody errs."""
    world = swarm(FOUR, 1, seed=seed, rounds=2)
    rng = random.Random(seed)

    def again(sender: int, to: int, data: bytes) -> bool:
        if rng.random() < 0.3:
            late = rng.randrange(1, 12_000)
            world.at(world.nodes[to], late, lambda session: session.on_message(sender, data))
        return False

    world.drop = again
    Watch(world)
    world.run(until=END)
    check(world, guilty=())


@pytest.mark.parametrize("victim", range(3))
def test_a_peer_beyond_every_deadline_is_left_out_unblamed(victim: int) -> None:
    world = swarm(FOUR, 1, seed=victim)

    def slow(sender: int, to: int, data: bytes) -> int | None:
        return 45_000 if sender == victim else None

    world.delay = slow
    Watch(world)
    world.run(until=END)
    check(world, guilty=(), away=(victim,), completes=False)
    assert all(0 in node.completed for node in world.nodes if node.index != victim)


@pytest.mark.parametrize("heals", [3_000, 30_000, 120_000])
@pytest.mark.parametrize("side", [1, 2])
def test_a_partition_heals(side: int, heals: int) -> None:
    """A side with a quorum goes on, one without waits; never two models. Links deliver late what
    the cut held back, as a transport that keeps frames until they are acknowledged does.
    """
    world = swarm(FOUR, 1, seed=side, rounds=1)
    cut = 600

    def delay(sender: int, to: int, data: bytes) -> int | None:
        apart = (sender < side) != (to < side)
        if apart and cut <= world.now < heals:
            return heals - world.now + 5
        return None

    world.delay = delay
    Watch(world)
    world.run(until=END)
    check(world, guilty=(), away=range(4), completes=False)
    assert all(0 in node.completed for node in world.nodes)


@pytest.mark.parametrize("seed", [0, 1, *later(range(2, 8))])
def test_safety_rests_on_no_clock(seed: int) -> None:
    """Delays without bound: rounds may fail, and nobody is blamed or takes another model."""
    world = swarm(FOUR, 1, seed=seed, slowest=20_000)
    Watch(world)
    world.run(until=400_000)
    check_safety(world, away=range(4))
