"""A peer restores an older backup of its store (fault 47): it sits out, and is never blamed."""

from __future__ import annotations

import pytest

from peerd.laboratory.adversaries.liar import Lie
from peerd.laboratory.simulation.node import Node
from peerd.laboratory.simulation.operations import Restore, parse
from peerd.laboratory.simulation.oracle import check, check_records, sits_out
from peerd.laboratory.simulation.swarm import FOUR, NINE, swarm
from peerd.laboratory.simulation.watch import Watch
from peerd.laboratory.simulation.world import World
from protocols.plan import CommitteePlan
from protocols.record.effects import Completed, Effect, Persist
from protocols.session.answers import Answers
from protocols.session.standing import (
    CRASH_LAG,
    SIGNS,
    restored_until,
    sat_out,
    sat_out_key,
    suspected_until,
)
from protocols.wire.frames import RecalledFrame, decode_frame
from tests.tiers import later

ROUNDS = 10
VICTIM = 2


def restored(plan: CommitteePlan, liars: int, number: int, later: int, **more: int) -> World:
    world = swarm(plan, liars, rounds=ROUNDS, parameters=3, traced=False, **more)  # type: ignore[arg-type]
    Restore(VICTIM, number, later, 200).install(world)
    watch = Watch(world)
    world.run(until=600_000)
    check_records(world, watch)
    return world


@pytest.mark.parametrize("number", [24, *later([5, 43, 62, 81, 100, 119])])
@pytest.mark.parametrize(("plan", "liars"), [(FOUR, 1), (NINE, 2)], ids=["4", "9"])
def test_a_backup_of_rounds_ago(plan: CommitteePlan, liars: int, number: int) -> None:
    """Made at any effect of the first rounds, put back two or more rounds later."""
    world = restored(plan, liars, number, 18_000, seed=number)
    assert world.faults["restore"] == 1 and not world.faults["exposed"]
    node = world.nodes[VICTIM]
    assert node.honest and node.lives == 2 and node.session is not None
    assert node.session.permit._suspect > CRASH_LAG, "further behind than after a crash"
    check(world, guilty=(), away=(VICTIM,))
    assert not any(blame.peer == VICTIM for other in world.nodes for blame in other.blamed)
    assert sits_out(node) or sorted(node.completed) == list(range(ROUNDS))


def test_it_takes_part_again_once_the_round_that_it_sat_out_is_over() -> None:
    world = restored(FOUR, 1, 20, 7_000, seed=3)
    node = world.nodes[VICTIM]
    assert node.session is not None
    sat_out = node.session.permit._sit_out
    assert CRASH_LAG < sat_out < ROUNDS - 1
    others = world.nodes[0].completed
    assert VICTIM not in others[sat_out].dealers
    assert any(VICTIM in others[later].dealers for later in range(sat_out + 1, ROUNDS))


@pytest.mark.parametrize("after", [500, *later([120, 1300, 2_600])])
@pytest.mark.parametrize(
    ("plan", "liars", "step"), [(FOUR, 1, 6), (NINE, 2, 24), *later([(NINE, 2, 6)])]
)
def test_a_backup_of_the_round_in_progress_or_of_the_one_before(
    plan: CommitteePlan, liars: int, step: int, after: int
) -> None:
    """To the store it looks like a crash. The others show what it has signed since."""
    told = 0
    for number in range(3, 105, step):
        world = swarm(plan, liars, rounds=4, parameters=3, seed=number, traced=False)
        Restore(VICTIM, number, after, 500).install(world)
        Watch(world)
        world.run(until=600_000)
        assert world.faults["restore"] == 1
        assert not world.faults["exposed"], f"signed anew, from effect {number} on"
        check(world, guilty=(), away=(VICTIM,))
        node = world.nodes[VICTIM]
        assert node.session is not None
        told += node.session.permit._sit_out >= 0
    assert told > 18 // step, "what others showed kept it from signing"


def test_without_asking_it_is_proven_to_have_signed_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: nobody shows it, and a backup of the round in progress convicts its owner."""
    monkeypatch.setattr(Answers, "what_was_said_by", lambda answers, peer: [])
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
def test_which_store_is_suspect(missed: int, remembers: bool) -> None:
    last = suspected_until(3, 3 + missed, remembers)
    crash = missed <= CRASH_LAG and (remembers or not missed)
    assert last == (SIGNS if crash else 3 + missed)
    assert restored_until(3 + missed) == 4 + missed


def test_that_a_round_is_sat_out_is_journaled_until_it_is_over() -> None:
    assert sat_out({}) == sat_out(["slot/0/1/0/0/2", "secret/0"]) == SIGNS
    assert sat_out([sat_out_key(3), "secret/0", sat_out_key(12)]) == 12
    world = swarm(FOUR, 1, seed=1, rounds=3, traced=False, parameters=3)
    node, kept = world.nodes[VICTIM], list[tuple[int, str]]()
    node.journal[0] = {sat_out_key(0): b""}

    def look(at: Node, effect: Effect) -> None:
        before(at, effect)
        if at is node and isinstance(effect, Persist):
            kept.append((effect.round, effect.key))

    before, world.before = world.before, look
    world.run(until=300_000)
    check(world, guilty=(), away=(VICTIM,))
    assert VICTIM not in world.nodes[0].completed[0].dealers
    assert {key for round_, key in kept if round_ == 0} == {sat_out_key(0)}
    assert {round_ for round_, _ in kept} == {0, 1, 2}
    assert 0 not in node.journal


@pytest.mark.parametrize(("plan", "liars", "down"), [(FOUR, 1, (0,)), (NINE, 2, (0, 1))])
@pytest.mark.parametrize("seed", [1, 2])
def test_who_was_away_for_rounds_is_not_kept_out_for_good(
    plan: CommitteePlan, liars: int, down: tuple[int, ...], seed: int
) -> None:
    """No backup: honest peers miss rounds, come back, and then the liars are silent for good. The
    others know of nothing that these signed, so they take part, and no round hangs.
    """
    last = range(plan.committee - liars, plan.committee)
    lies = dict.fromkeys(last, Lie())
    world = swarm(plan, liars, seed=seed, rounds=6, lies=lies, traced=False, parameters=3)
    returned: list[int] = []

    def back(node: Node, record: Completed) -> None:
        if record.round == 2 and not returned:
            returned.extend(down)
            for peer in (world.nodes[each] for each in down):
                world.happen(world.now + 10, lambda peer=peer: world.boot(peer))  # type: ignore[misc]
            for each in last:
                world.happen(world.now + 10, lambda each=each: world.crash(world.nodes[each]))  # type: ignore[misc]

    world.after = back
    for each in down:
        world.happen(1, lambda each=each: world.crash(world.nodes[each]))  # type: ignore[misc]
    Watch(world)
    world.run(until=600_000)
    sessions = [world.nodes[each].session for each in returned]
    assert len(sessions) == len(down)
    assert all(session is not None and session.permit._suspect > SIGNS for session in sessions)
    check(world, guilty=(), away=down)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_suspect_store_waits_for_a_quorum_s_word(seed: int) -> None:
    """Of three others one answers in time: too few to know, so it sits out until a second does."""
    world = swarm(FOUR, 1, seed=seed, rounds=3, traced=False, parameters=3)
    node, began = world.nodes[VICTIM], [0]
    late = world.setting.deadlines.recall + 1_000

    def delay(sender: int, to: int, data: bytes) -> int | None:
        slow = to == VICTIM and sender != 0 and isinstance(decode_frame(data), RecalledFrame)
        return late if slow else None

    def look(at: Node, effect: Effect) -> None:
        before(at, effect)
        signs = isinstance(effect, Persist) and effect.key.startswith("slot/")
        if at is node and signs and not began[0]:
            began[0] = world.now

    world.delay, before, world.before = delay, world.before, look
    load = world._load

    def suspect(each: Node, restored: bool | None = None) -> None:
        load(each, restored)
        assert each.session is not None
        each.session.permit.was_there = lambda round_: True  # type: ignore[method-assign]
        if each is node:
            each.session.permit._suspect = 0

    world._load = suspect  # type: ignore[method-assign]
    world.run(until=300_000)
    assert late < began[0] < late + 500, "not at its deadline, and not with the next round"
    check(world, guilty=(), away=(VICTIM,))


def test_an_operation_reads_back() -> None:
    assert parse("restore 2 30 9000 200") == [Restore(2, 30, 9000, 200)]
