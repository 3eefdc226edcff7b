"""A group that stops by itself where its privacy budget is spent, and what a successor inherits."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from peerd.group.rhythm import Rhythm
from peerd.laboratory.adversaries import RESOLVERS
from peerd.laboratory.simulation.node import Node
from peerd.laboratory.simulation.operations import Handover, Rest
from peerd.laboratory.simulation.successor import Draft, succeed
from peerd.laboratory.simulation.world import World
from protocols.aggregation import aggregator
from protocols.aggregation.contract import private
from protocols.plan import CommitteePlan
from protocols.privacy import Budget, rounds_within
from protocols.record.budget import RoundBudget
from protocols.record.effects import Completed
from protocols.record.spending import charges_by, most_charged
from protocols.session.events import Approval, Refused
from protocols.session.states import Standing
from protocols.wire.payloads import Act
from tests.simulation.oracle import Watch, check, check_records
from tests.simulation.swarm import FOUR, SEATED, swarm
from tests.simulation.test_abandonment import LATE, order, wipe

END = 400_000
RULE = aggregator("dp-sgd", {"rows": 4, "steps": 256, "noise": "2", "rate": "1"})
PARAMETERS = 7
NOISY = private(RULE)
assert NOISY is not None
MECHANISM = NOISY.mechanism(PARAMETERS)
WIDE = Budget(Fraction(20), Fraction(1, 10**6))


def budget(rounds: int, within: Budget = WIDE) -> RoundBudget:
    return RoundBudget("record", within, MECHANISM, rounds)


def budgeted(rounds: int, *, plan: CommitteePlan = FOUR, tried: int = 8, **given: Any) -> World:
    return swarm(plan, 1, rounds=tried, rule=RULE, budget=budget(rounds), **given)


def judged(world: World, **known: Any) -> World:
    watch = Watch(world)
    world.run(until=world.now + END)
    check(world, **known)
    check_records(world, watch)
    return world


def closes(node: Node) -> list[str]:
    return [node.completed[round_].close.value for round_ in sorted(node.completed)]


def all_spent(world: World, charged: int) -> None:
    for node in world.nodes:
        assert node.session is not None and node.session.state is Standing.BUDGET_SPENT
        assert node.session.finished and not node.session.waits()
        assert node.session.position.ledger.charged == charged


@pytest.mark.parametrize("plan", [FOUR, SEATED], ids=["all sit", "some are drawn"])
def test_it_stops_by_itself_after_so_many_rounds(plan: CommitteePlan) -> None:
    peers = 24 if plan is SEATED else None
    world = judged(budgeted(2, plan=plan, peers=peers))
    assert closes(world.nodes[0]) == ["completed"] * 2
    all_spent(world, 2)


def test_a_budget_of_no_round_opens_nothing() -> None:
    world = budgeted(0)
    world.run(until=END)
    all_spent(world, 0)
    assert not any(node.completed for node in world.nodes)


def test_whoever_starts_again_there_signs_nothing() -> None:
    world = budgeted(2)
    for turn, node in enumerate(world.nodes):
        world.happen(60_000 + turn, lambda node=node: world.crash(node))
        world.happen(61_000 + turn, lambda node=node: world.boot(node))
    judged(world)
    all_spent(world, 2)
    assert all(node.lives == 2 and not any(node.journal.values()) for node in world.nodes)


def test_one_that_was_away_is_led_on_and_stops_there_too() -> None:
    world = budgeted(3)
    world.happen(1_000, lambda: world.crash(world.nodes[2]))
    world.happen(90_000, lambda: world.boot(world.nodes[2]))
    judged(world, away=(2,))
    all_spent(world, 3)


def test_an_emptied_directory_begins_no_count_of_its_own() -> None:
    world = budgeted(2)
    world.happen(60_000, lambda: wipe(world, world.nodes[1]))
    world.run(until=END)
    all_spent(world, 2)


def test_a_pause_costs_nothing() -> None:
    world = budgeted(2)
    Rest(1, 1).install(world)
    judged(world)
    assert sorted(closes(world.nodes[0])) == ["completed", "completed", "paused"]
    all_spent(world, 2)


def test_a_cohort_that_is_given_up_costs_a_round() -> None:
    """Whoever had the sums may know what they open."""
    world, lost = budgeted(2), {0, 1}

    def losing(node: Node, effect: Any) -> None:
        about = getattr(effect, "round", None), getattr(effect, "key", None) or ""
        if about[0] == 0 and str(about[1]).startswith("sum/") and node.index in lost:
            lost.remove(node.index)
            wipe(world, node)

    world.before = losing
    refused = order(world, (0, 2, 3))
    world.run(until=4 * LATE)
    assert not refused
    for node in world.nodes:
        assert closes(node) == ["abandoned", "completed"]
    all_spent(world, 2)


def test_nobody_is_led_on_beyond_the_budget() -> None:
    """By a certificate of a cohort that a quorum signed: more lie than anything is promised for."""
    other = judged(budgeted(3))
    further = other.nodes[0].completed[2]
    world = judged(budgeted(2))
    one, liar = world.nodes[:2]
    liar.completed[2] = further
    assert isinstance(further, Completed) and one.session is not None
    world.rounds += 5
    world.happen(world.now + 1, lambda: world.crash(one))
    world.happen(world.now + 2, lambda: world.boot(one))
    world.run(until=world.now + END)
    assert sorted(one.completed) == [0, 1]
    assert one.session is not None and one.session.state is Standing.BUDGET_SPENT


# -- handovers ---------------------------------------------------------------------------------


def test_it_hands_over_where_its_budget_is_spent_and_nobody_commits() -> None:
    world = budgeted(2)
    Handover(60_000, 0, 100, 0).install(world)
    judged(world)
    assert closes(world.nodes[0]) == ["completed", "completed", "handed over"]
    for node in world.nodes:
        assert node.session is not None and node.session.state is Standing.HANDED_OVER
        assert (2, node.index) not in world.inputs, "it trained for a round that opens nothing"


def test_one_whose_committees_are_drawn_hands_over_too() -> None:
    world = budgeted(1, plan=SEATED, peers=24)
    Handover(60_000, 0, 100, 0).install(world)
    judged(world)
    assert closes(world.nodes[0]) == ["completed", "handed over"]


@pytest.mark.parametrize("lie", ["ignores the budget", "silent"])
def test_liars_make_no_round_of_it(lie: str) -> None:
    """Nobody else is eligible, and a COMMIT of theirs counts for nothing."""
    world = budgeted(2, silent=frozenset({3}) if lie == "silent" else frozenset())
    Handover(60_000, 0, 100, 0).install(world)
    if lie != "silent":
        node = world.nodes[3]
        node.honest, node.lying = False, True
        greedy(world, node)
    judged(world)
    assert closes(world.nodes[0]) == ["completed", "completed", "handed over"]
    assert ((2, 3) in world.inputs) == (lie != "silent"), "the greedy one trains for a third round"


@pytest.mark.parametrize("liar", [0, 3])
@pytest.mark.parametrize("name", RESOLVERS)
def test_whoever_lies_of_approvals_has_nobody_commit(name: str, liar: int) -> None:
    """One that leads may leave them out, and puts the handover off: it opens nothing."""
    world = budgeted(2, lies={liar: RESOLVERS[name]})
    Handover(60_000, 0, 100, 0).install(world)
    watch = Watch(world)
    world.run(until=END)
    check(world)
    check_records(world, watch)
    honest = world.nodes[1]
    assert closes(honest)[-1] == "handed over" and closes(honest)[:2] == ["completed"] * 2
    assert not any(who for (round_, _), who in watch.committed.items() if round_ == 2)


def greedy(world: World, liar: Node) -> None:
    """This one's setting has no budget: it commits to a third round, alone."""
    bounded = world.setting
    load = world._load

    def loading(node: Node, restored: bool | None = None) -> None:
        world.setting = replace(bounded, budget=None) if node is liar else bounded
        load(node, restored)
        world.setting = bounded

    world._load = loading  # type: ignore[method-assign]


def test_a_paced_group_waits_for_no_time_any_more() -> None:
    world = budgeted(2)
    world.setting = replace(world.setting, paced=True)
    world.rhythm = Rhythm(every=5)
    judged(world)
    all_spent(world, 2)


def test_an_order_that_decides_nothing_is_refused() -> None:
    world = judged(budgeted(1))
    session = world.nodes[0].session
    assert session is not None
    with pytest.raises(Refused, match="budget is spent"):
        session.on_order(Approval(Act.PAUSE))


def test_fewer_than_a_quorum_begin_no_round() -> None:
    world = budgeted(2)
    Handover(60_000, 0, 100, 1).install(world)
    judged(world)
    all_spent(world, 2)


def test_one_that_comes_late_to_the_handover_is_led_there() -> None:
    world = budgeted(2)
    Handover(60_000, 0, 100, 0).install(world)
    world.happen(1_000, lambda: world.crash(world.nodes[3]))
    world.happen(120_000, lambda: world.boot(world.nodes[3]))
    judged(world, away=(3,))
    assert closes(world.nodes[3])[-1] == "handed over"


def successor(old: World, draft: Draft, rounds: int = 8) -> World:
    return succeed(old, draft, rounds=rounds).world


def test_a_successor_has_what_is_left() -> None:
    """R rounds fit the budget; the old group makes two of them, and who joins counts those too."""
    within = Budget(Fraction(6), Fraction(1, 10**6))
    most = rounds_within(within, MECHANISM)
    assert most > 3
    old = swarm(FOUR, 1, rounds=8, rule=RULE, budget=budget(most, within))
    Handover(1, 2, 100, 0).install(old)
    judged(old)
    grown = CommitteePlan(5, 1, 1, 0)
    new = successor(old, Draft(newcomers=1, plan=grown), rounds=most)
    assert most_charged(new.setting) == most - 2
    judged(new)
    all_spent(new, most - 2)
    node = new.nodes[0]
    assert node.session is not None
    (charge,) = charges_by(new.setting, node.session.position.ledger.charged)
    assert charge.rounds == most


def test_a_successor_of_a_spent_group_makes_no_round_unless_its_promise_is_weaker() -> None:
    tight, wide = Budget(Fraction(4), WIDE.delta), Budget(Fraction(8), WIDE.delta)
    old = swarm(FOUR, 1, rounds=8, rule=RULE, budget=budget(2, tight))
    Handover(60_000, 0, 100, 0).install(old)
    judged(old)
    same = successor(old, Draft(budget=budget(9, tight)))
    same.run(until=END)
    all_spent(same, 0)
    weaker = judged(successor(old, Draft(budget=budget(1, wide))))
    all_spent(weaker, 1)
