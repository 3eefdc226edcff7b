"""A data directory is emptied or rolled back while a round goes on, and few are left who remember
(fault 94): its peer sits out, nothing is signed a second time, and the group goes on by itself.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from peerd.laboratory.simulation.groups import GROUPS, Group
from peerd.laboratory.simulation.node import Node
from peerd.laboratory.simulation.operations import Cut, Operation, Power, Rollback, Silent, parse
from peerd.laboratory.simulation.oracle import check, sits_out
from peerd.laboratory.simulation.scenario import Scenario, run
from peerd.laboratory.simulation.swarm import FOUR, NINE, swarm
from peerd.laboratory.simulation.watch import Watch
from peerd.laboratory.simulation.world import World
from protocols.plan import CommitteePlan
from protocols.record.effects import Effect, Persist, Stop

SMALL, SPARE = GROUPS[0][1], GROUPS[2][1]
VICTIM = 1
MOMENTS = range(3_700, 8_700, 800)
"""Over the rounds behind the first: in that one an emptied store is like a new one."""


def judged(group: Group, seed: int, *operations: Operation) -> Scenario:
    scenario = Scenario(seed, group, 4, operations)
    verdict = run(scenario)
    assert not verdict.rule, verdict.what
    assert not verdict.faults["exposed"]
    assert verdict.faults["rollback"] == len(operations[0].victims)
    return scenario


@pytest.mark.parametrize("moment", MOMENTS)
def test_it_is_emptied_and_all_that_remember_start_anew(moment: int) -> None:
    """Of what it has signed nobody is left who knows: what they say counts for nothing."""
    others = tuple(peer for peer in range(SMALL.peers) if peer != VICTIM)
    judged(SMALL, 3, Rollback((VICTIM,), 0, moment, 1), Power(others, moment + 100, 40))


@pytest.mark.parametrize("moment", MOMENTS)
def test_it_is_emptied_and_those_that_remember_are_cut_off(moment: int) -> None:
    """One other is left, and has started since; a liar says nothing."""
    operations = (
        Rollback((VICTIM,), 0, moment, 40),
        Silent(3),
        Power((0,), moment, 40),
        Cut((2,), moment, moment + 9_000, 2),
    )
    judged(SMALL, 3, *operations)


@pytest.mark.parametrize("moment", MOMENTS[::3])
def test_several_are_emptied_at_once(moment: int) -> None:
    """They know of nothing, and say so to each other; no more of them than a quorum lacks."""
    few = tuple(range(SPARE.peers - SPARE.plan.quorum + 1))
    operations = (Rollback(few, 0, moment, 40), Power((few[-1] + 1,), moment, 300))
    judged(SPARE, 3, *operations)


@pytest.mark.parametrize("moment", MOMENTS[1:])
def test_it_is_rolled_back_by_rounds_and_all_that_remember_start_anew(moment: int) -> None:
    others = tuple(peer for peer in range(SMALL.peers) if peer != VICTIM)
    rolled = Rollback((VICTIM,), 1, moment, 1)
    judged(SMALL, 3, rolled, Power(others, moment + 100, 40))


@pytest.mark.parametrize(("plan", "liars"), [(FOUR, 1), (NINE, 2)], ids=["4", "9"])
def test_one_that_is_emptied_misses_its_round_and_no_more(plan: CommitteePlan, liars: int) -> None:
    world = swarm(plan, liars, seed=3, rounds=4, parameters=3, traced=False)
    Rollback((VICTIM,), 0, 4_000, 40).install(world)
    signed = rounds_signed(world, VICTIM)
    Watch(world)
    world.run(until=300_000)
    check(world, guilty=(), away=(VICTIM,))
    lost = min(signed) - 1
    assert lost >= 1 and signed == set(range(lost + 1, 4)), "from the next one on"
    assert [VICTIM in world.nodes[0].completed[r].dealers for r in sorted(signed)] == [True] * (
        3 - lost
    )


@pytest.mark.parametrize("moment", [1, 400, *range(1_000, 7_000, 1_200)])
def test_a_power_cut_of_everybody_leaves_nobody_in_doubt(moment: int) -> None:
    """Nothing was lost: the group goes on without a person, and all take part."""
    group = replace(SMALL, rule="rsa")
    world = swarm(group.plan, group.liars, seed=moment, rounds=3, parameters=3, traced=False)
    Power(tuple(range(4)), moment, 40).install(world)
    Watch(world)
    world.run(until=300_000)
    check(world, guilty=())


def test_too_few_that_remember_call_their_operators() -> None:
    """Of four two lose their directories, and one is gone: the round waits for a person."""
    world = swarm(FOUR, 1, seed=2, rounds=4, parameters=3, traced=False)
    Silent(3).install(world)
    Rollback((0, 1), 0, 20_000, 40).install(world)
    watch = Watch(world)
    world.run(until=400_000)
    assert 1 not in world.nodes[2].completed, "it was in progress"
    check(world, guilty=(), completes=False)
    assert {stop.reason for node in world.nodes[:2] for stop in node.stopped} == {Stop.FORGOTTEN}
    assert not any(node.blamed for node in world.nodes) and watch.frames


def test_an_operator_s_word_lets_them_go_on() -> None:
    """As after weeks away, with the directory that was there all the time."""
    world = swarm(FOUR, 1, seed=2, rounds=6, parameters=3, traced=False)
    world.nodes[3].honest = False
    away, seen = world.nodes[0], list[bool]()
    world.happen(1, lambda: world.crash(away))
    world.happen(7_300, lambda: world.crash(world.nodes[3]))
    Power((1, 2), 7_400, 40).install(world)
    world.happen(12_000, lambda: world.boot(away))
    world.happen(99_000, lambda: seen.append(sits_out(away)))
    world.happen(100_000, lambda: world.crash(away))
    world.happen(101_000, lambda: world.boot(away, restored=False))
    Watch(world)
    signed = rounds_signed(world, 0)
    world.run(until=900_000)
    assert seen == [True], "of those that are left nobody was there when the round began"
    assert not signed and 0 in world.nodes[1].completed[5].dealers
    check(world, guilty=(), away=(0,))


def rounds_signed(world: World, peer: int) -> set[int]:
    """In which this one signs something in its second life."""
    before, found = world.before, set[int]()

    def look(node: Node, effect: Effect) -> None:
        before(node, effect)
        if (
            (node.index, node.lives) == (peer, 2)
            and isinstance(effect, Persist)
            and effect.key.startswith("slot/")
        ):
            found.add(effect.round)

    world.before = look
    return found


def test_an_operation_reads_back() -> None:
    assert parse("rollback 1,2 0 900 40") == [Rollback((1, 2), 0, 900, 40)]
