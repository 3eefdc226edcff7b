"""Peers that are away for a part of a round, stand still or keep silent for many: they are absent,
and nobody is to blame (faults 40, 73, 77, 86).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from peerd.laboratory.simulation.node import Node
from peerd.laboratory.simulation.operations import Freeze, Pace
from peerd.laboratory.simulation.world import World
from protocols.plan import CommitteePlan
from protocols.record.effects import Effect, Persist, Send
from protocols.version import EARLIEST, LATEST
from protocols.wire.frames import DealingFrame, SumFrame, decode_frame
from protocols.wire.payloads import Kind
from protocols.wire.statement import decode_statement
from tests.simulation.adversaries import ELECTORS
from tests.simulation.oracle import Watch, check
from tests.simulation.swarm import EIGHT, FOUR, NINE, TEN, swarm
from tests.tiers import later

VICTIM = 2
END = 900_000
PLANS = pytest.mark.parametrize(("plan", "liars"), [(EIGHT, 2), (NINE, 2), (TEN, 1)])


def nobody_blamed(world: World) -> None:
    assert not any(node.blamed for node in world.nodes)


# -- row 73: away during the check, back for the opening ---------------------------------------


def away_during_the_check(world: World) -> list[str]:
    """Dies ahead of its report, and starts again once somebody gives a sum. What it says then."""
    said: list[str] = []
    before = world.before

    def listening(node: Node, effect: Effect) -> None:
        before(node, effect)
        frame = decode_frame(effect.frame) if isinstance(effect, Send) else None
        victim = world.nodes[VICTIM]
        signed = effect.key.split("/") if isinstance(effect, Persist) else []
        if node is victim and node.lives == 1 and signed[2:3] == [str(int(Kind.REPORT))]:
            said.append("died")
            world.crash(node)
        if node is not victim and isinstance(frame, SumFrame) and not victim.up:
            said.append("back")
            world.happen(world.now + 1, lambda: world.boot(victim))
        if node is victim and node.lives == 2 and isinstance(frame, SumFrame):
            said.append("sum")

    world.before = listening
    return said


@PLANS
@pytest.mark.parametrize("seed", [0, *later([1, 2])])
def test_away_during_the_check_and_back_for_the_opening(
    plan: CommitteePlan, liars: int, seed: int
) -> None:
    world = swarm(plan, liars, seed=seed, rounds=2)
    said = away_during_the_check(world)
    Watch(world)
    world.run(until=END)
    assert said[:2] == ["died", "back"]
    check(world, guilty=())
    nobody_blamed(world)
    for node in world.nodes:
        assert node.index == VICTIM or len(node.completed[0].dealers) == plan.committee
        assert VICTIM in node.completed[1].dealers, "and it is back in the next round"


# -- row 40: clocks ----------------------------------------------------------------------------


@PLANS
def test_a_peer_that_stands_still_is_absent_and_comes_back(plan: CommitteePlan, liars: int) -> None:
    world = swarm(plan, liars, seed=3, rounds=4)
    Freeze(VICTIM, 100, 60_000).install(world)
    Watch(world)
    world.run(until=END)
    check(world, guilty=(), away=(VICTIM,))
    nobody_blamed(world)
    assert VICTIM in world.nodes[0].completed[0].absent
    assert sorted(world.nodes[VICTIM].completed) == list(range(4))


@PLANS
@pytest.mark.parametrize("percent", [5, 3000])
def test_a_clock_at_another_speed_costs_its_owner_no_more_than_its_place(
    plan: CommitteePlan, liars: int, percent: int
) -> None:
    world = swarm(plan, liars, seed=3, rounds=2)
    Pace(VICTIM, percent).install(world)
    Watch(world)
    world.run(until=END)
    check(world, guilty=(), away=(VICTIM,))
    nobody_blamed(world)


# -- row 77: retraining gives other values -----------------------------------------------------


def dies_between_draw_and_dealing(world: World, number: int) -> dict[bytes, set[bytes]]:
    """At its effect with this number; trains to something else in its next life. Its packages, by
    the header under which they were dealt.
    """
    dealt: dict[bytes, set[bytes]] = {}
    count = [0]
    update = world.update

    def another(peer: int, round_: int, model: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        life = world.nodes[peer].lives
        moved = update(peer, round_, model)
        return moved if life == 1 else (2 * model - moved).astype(np.float32)

    def listening(node: Node, effect: Effect) -> None:
        if node.index != VICTIM:
            return
        count[0] += 1
        if count[0] == number and node.lives == 1:
            world.crash(node)
            world.happen(world.now + 50, lambda: world.boot(node))
            return
        frame = decode_frame(effect.frame) if isinstance(effect, Send) else None
        if isinstance(frame, DealingFrame):
            header = decode_statement(frame.header, world.setting.group)
            if header.signer == VICTIM:
                dealt.setdefault(header.body, set()).add(frame.package)

    world.update = another
    world.before = listening
    return dealt


def test_who_trains_again_to_other_values_deals_them_under_no_mask_twice() -> None:
    """Killed at every effect of the round: one header a slot, and never two packages of one seat
    that share a seed under two headers.
    """
    trained_twice = 0
    for number in range(1, 90):
        world = swarm(FOUR, 1, seed=5, traced=False)
        dealt = dies_between_draw_and_dealing(world, number)
        trained = []
        train = world._train

        def training(
            node: Node,
            round_: int,
            model: npt.NDArray[np.float32],
            train: object = train,
            trained: list[int] = trained,
        ) -> None:
            if node.index == VICTIM:
                trained.append(node.lives)
            train(node, round_, model)  # type: ignore[operator]

        world._train = training  # type: ignore[method-assign]
        Watch(world)
        world.run(until=END)
        # Which of its two updates it dealt is its own affair; that it dealt one is what counts.
        check(world, guilty=(), away=(VICTIM,), unknown_inputs=(VICTIM,), audited=False)
        assert len(dealt) <= 1
        trained_twice += len(set(trained)) == 2
        seeds = [package[:32] for packages in dealt.values() for package in packages]
        assert len(seeds) == len(set(seeds)), f"killed at effect {number}"
    assert trained_twice > 5


# -- row 86: silent, round after round ---------------------------------------------------------


@pytest.mark.parametrize("silent", ["all", "reveals"])
@pytest.mark.parametrize(("plan", "liars"), [(FOUR, 1), (EIGHT, 2), (NINE, 2)])
def test_rounds_complete_with_as_many_silent_as_the_plan_bears(
    plan: CommitteePlan, liars: int, silent: str
) -> None:
    """Six rounds, and the whole roster sits."""
    who = frozenset(range(1, 1 + liars))
    lies = dict.fromkeys(who, ELECTORS["SilentRevealer"]) if silent == "reveals" else {}
    world = swarm(
        plan,
        liars,
        seed=2,
        rounds=6,
        lies=lies,
        silent=who if silent == "all" else frozenset(),
        parameters=3,
        traced=False,
        version=EARLIEST if silent == "reveals" else LATEST,
    )
    Watch(world)
    world.run(until=2 * END)
    check(world, guilty=())
    for node in world.nodes:
        if node.honest:
            assert sorted(node.completed) == list(range(6))
            for record in node.completed.values():
                assert set(record.dealers) == set(range(plan.committee)) - who
