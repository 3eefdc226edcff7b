"""A peer restores an older backup of its store (fault 47): it sits out, and is never blamed."""

from __future__ import annotations

import pytest

from peerd.simulation.operations import Restore, parse
from peerd.simulation.oracle import check, check_records, sits_out
from peerd.simulation.swarm import FOUR, NINE, swarm
from peerd.simulation.watch import Watch
from peerd.simulation.world import World
from protocols.plan import CommitteePlan
from protocols.round.session import Session
from protocols.round.standing import CRASH_LAG, SIGNS, sits_out_until

ROUNDS = 10
VICTIM = 2


def restored(plan: CommitteePlan, liars: int, number: int, later: int, **more: int) -> World:
    world = swarm(plan, liars, rounds=ROUNDS, parameters=3, traced=False, **more)  # type: ignore[arg-type]
    Restore(VICTIM, number, later, 200).install(world)
    watch = Watch(world)
    world.run(until=600_000)
    check_records(world, watch)
    return world


@pytest.mark.parametrize("number", range(5, 120, 19))
@pytest.mark.parametrize(("plan", "liars"), [(FOUR, 1), (NINE, 2)], ids=["4", "9"])
def test_a_backup_of_rounds_ago(plan: CommitteePlan, liars: int, number: int) -> None:
    """Made at any effect of the first rounds, put back two or more rounds later."""
    world = restored(plan, liars, number, 18_000, seed=number)
    assert world.faults["restore"] == 1 and not world.faults["exposed"]
    node = world.nodes[VICTIM]
    assert node.honest and node.lives == 2 and node.session is not None
    assert node.session._sit_out > CRASH_LAG, "further behind than after a crash"
    check(world, guilty=(), away=(VICTIM,))
    assert not any(blame.peer == VICTIM for other in world.nodes for blame in other.blamed)
    assert sits_out(node) or sorted(node.completed) == list(range(ROUNDS))


def test_it_takes_part_again_once_the_round_that_it_sat_out_is_over() -> None:
    world = restored(FOUR, 1, 30, 10_000, seed=3)
    node = world.nodes[VICTIM]
    assert node.session is not None
    sat_out = node.session._sit_out
    assert CRASH_LAG < sat_out < ROUNDS - 1
    others = world.nodes[0].completed
    assert VICTIM not in others[sat_out].dealers
    assert any(VICTIM in others[later].dealers for later in range(sat_out + 1, ROUNDS))


@pytest.mark.parametrize("later", [120, 500, 1300, 2_600])
@pytest.mark.parametrize(("plan", "liars"), [(FOUR, 1), (NINE, 2)], ids=["4", "9"])
def test_a_backup_of_the_round_in_progress_or_of_the_one_before(
    plan: CommitteePlan, liars: int, later: int
) -> None:
    """To the store it looks like a crash. The others show what it has signed since."""
    told = 0
    for number in range(3, 75, 6):
        world = swarm(plan, liars, rounds=4, parameters=3, seed=number, traced=False)
        Restore(VICTIM, number, later, 500).install(world)
        Watch(world)
        world.run(until=600_000)
        assert world.faults["restore"] == 1
        assert not world.faults["exposed"], f"signed anew, from effect {number} on"
        check(world, guilty=(), away=(VICTIM,))
        node = world.nodes[VICTIM]
        assert node.session is not None
        told += node.session._sit_out >= 0
    assert told > 3, "what others showed kept it from signing"


def test_without_asking_it_is_proven_to_have_signed_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: nobody answers, and a backup of the round in progress convicts its owner."""
    monkeypatch.setattr(Session, "_on_recall", lambda session, sender, frame: None)
    guilty = 0
    for number in range(5, 65, 6):
        world = swarm(FOUR, 1, rounds=4, parameters=3, seed=number, traced=False)
        Restore(VICTIM, number, 2_600, 50).install(world)
        Watch(world)
        world.run(until=600_000)
        check(world, away=(VICTIM,), completes=False)
        named = {blame.peer for node in world.nodes if node.honest for blame in node.blamed}
        assert named <= ({VICTIM} if world.faults["exposed"] else set())
        assert all(len(node.completed) == 4 for node in world.nodes if node.index != VICTIM)
        guilty += bool(named)
    assert guilty


@pytest.mark.parametrize("missed", range(6))
@pytest.mark.parametrize("remembers", [True, False])
def test_who_sits_out(missed: int, remembers: bool) -> None:
    last = sits_out_until(3, 3 + missed, remembers)
    crash = missed <= CRASH_LAG and (remembers or not missed)
    assert last == (SIGNS if crash else 3 + missed)
    assert sits_out_until(3, 3 + missed, remembers, restored=True) == 4 + missed


def test_an_operation_reads_back() -> None:
    assert parse("restore 2 30 9000 200") == [Restore(2, 30, 9000, 200)]
