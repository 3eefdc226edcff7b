"""Liars that know each other: one lie in t parts, told first, fitted to what honest members say."""

from __future__ import annotations

import pytest

from peerd.laboratory.adversaries.liar import Lie
from peerd.laboratory.adversaries.openers import ring_of
from peerd.laboratory.simulation.node import Node
from peerd.laboratory.simulation.world import World
from protocols.plan import CommitteePlan
from protocols.record.effects import Effect, Send, Stop
from protocols.wire.frames import SumFrame, decode_frame
from tests.simulation.oracle import Watch, check
from tests.simulation.swarm import EIGHT, FOUR, NINE, TEN, swarm
from tests.tiers import later

END = 600_000


def ring(who: tuple[int, ...]) -> dict[int, Lie]:
    return dict.fromkeys(who, Lie(ring_of(who)))


def heard_first(world: World, who: tuple[int, ...]) -> None:
    world.delay = lambda sender, to, data: 1 if sender in who else None


@pytest.mark.parametrize("seed", [0, *later(range(1, 4))])
@pytest.mark.parametrize(
    ("plan", "who"), [(EIGHT, (2, 6)), (NINE, (0, 5)), (TEN, (4,))], ids=["8", "9", "10"]
)
def test_t_sums_that_lie_on_one_wrong_polynomial(
    plan: CommitteePlan, who: tuple[int, ...], seed: int
) -> None:
    world = swarm(plan, len(who), seed=seed, rounds=3, lies=ring(who))  # late words are compared
    heard_first(world, who)
    Watch(world)
    world.run(until=END)
    check(world, guilty=who)
    for node in world.nodes:
        if node.honest:
            assert not set(who) & set(node.completed[2].dealers)


@pytest.mark.parametrize("seed", [0, *later(range(1, 4))])
def test_and_an_honest_member_dies_ahead_of_its_own(seed: int) -> None:
    """Within t + e: the sum is right, the liars are named, and the dead one is not."""
    who, victim = (0, 5), 3
    world = swarm(NINE, 2, seed=seed, rounds=2, lies=ring(who))  # late words are compared, too
    heard_first(world, who)

    def before(node: Node, effect: Effect) -> None:
        frame = decode_frame(effect.frame) if isinstance(effect, Send) else None
        if node.index == victim and isinstance(frame, SumFrame):
            world.crash(node)

    world.before = before
    Watch(world)
    world.run(until=END)
    assert not world.nodes[victim].up
    check(world, guilty=who, away=(victim,))
    assert victim in world.nodes[1].completed[0].dealers


@pytest.mark.parametrize("seed", [0, 1, *later(range(2, 6))])
def test_one_more_of_them_than_t_opens_nothing_and_nobody_is_blamed(seed: int) -> None:
    """Beyond the bound: with two honest sums they are five, and six of eight must agree."""
    who = (1, 2, 6)
    world = swarm(EIGHT, 2, seed=seed, lies=ring(who))
    heard_first(world, who)
    Watch(world)
    world.run(until=END)
    for node in world.nodes:
        if node.honest:
            assert not node.completed and not node.blamed
            assert {stop.reason for stop in node.stopped} == {Stop.UNDECODABLE}


@pytest.mark.parametrize("seed", [0, 1, *later(range(2, 6))])
def test_the_limit_t_and_one_more_of_a_committee_that_is_no_larger_than_it_must_be(
    seed: int,
) -> None:
    """Where Q = δ + t + 1 the code can't tell them from t liars and the honest: what is left is
    that nobody takes another model than the others.
    """
    who = (1, 2)
    world = swarm(FOUR, 1, seed=seed, lies=ring(who))
    heard_first(world, who)
    world.run(until=END)
    honest = [node for node in world.nodes if node.honest]
    assert len({node.completed[0].model_hash for node in honest if 0 in node.completed}) <= 1
    assert all(node.completed or node.stopped for node in honest)
