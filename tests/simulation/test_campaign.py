"""Many seeds with every fault, and beyond the plan; small cases one by one, all of them.

`make test` has the first seeds, and of the small cases those at each ninth place, other ninths
beside each liar; `make acceptance` has the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import pytest

from peerd.laboratory.simulation.campaign import Plan, run_seeds
from peerd.laboratory.simulation.dice import FAULTS
from peerd.laboratory.simulation.groups import GROUPS
from peerd.laboratory.simulation.node import Node
from peerd.laboratory.simulation.operations import parse
from peerd.laboratory.simulation.scenario import Scenario, Verdict, run, world_of
from protocols.record.effects import Effect, Send
from tests.tiers import later

SEEDS_A_TEST = 50
WITHIN = [*range(0, 200, SEEDS_A_TEST), *later(range(200, 1800, SEEDS_A_TEST))]
BEYOND = [0, *later(range(SEEDS_A_TEST, 200, SEEDS_A_TEST))]
FOUR = GROUPS[0][1]
OPENER = "lie 3 wrong-opening"
LIES = ("lie 3 Withholder", "lie 3 FalseAsker", OPENER)
STEPS = pytest.mark.parametrize("step", [9, *later([1])])
"""One place in so many."""


@pytest.mark.parametrize("first", WITHIN)
def test_no_rule_is_broken(first: int) -> None:
    report = run_seeds(Plan(None, 1, FAULTS), range(first, first + SEEDS_A_TEST))
    assert not report.violations, report.violations
    assert report.outcomes["completed"] > SEEDS_A_TEST // 2


@pytest.mark.parametrize("first", BEYOND)
def test_safety_holds_beyond_the_plan(first: int) -> None:
    plan = Plan(None, 1, FAULTS, beyond=True)
    report = run_seeds(plan, range(first, first + SEEDS_A_TEST))
    assert not report.violations, report.violations


def ends(lie: str, operation: str) -> Verdict:
    """A run that breaks no rule, and in which the round completes; or, where the liar is heard by
    one peer fewer than the plan is made for, all stop with a named reason.
    """
    verdict = run(Scenario(5, FOUR, 1, tuple(parse(f"{lie}; {operation}"))))
    assert not verdict.rule, (operation, verdict.what)
    stopped = any(name.startswith("stopped") for name in verdict.outcomes)
    assert stopped or verdict.outcomes["completed"] == 1, operation
    assert not stopped or lie == OPENER, operation
    return verdict


def every(lie: str, fault: str, operation: Callable[[int], str], step: int) -> list[int]:
    """The fault at one in ``step`` of its places in a round, until there is no such place: by
    number. Where it begins depends on the liar, so that all liars together have every place.
    """
    struck = []
    for number in count(1 + LIES.index(lie) % step, step):
        if not ends(lie, operation(number)).faults[fault]:
            break
        struck.append(number)
    return struck


@STEPS
@pytest.mark.parametrize("peer", range(3))
@pytest.mark.parametrize("lie", LIES)
def test_a_crash_at_every_event_beside_a_liar(lie: str, peer: int, step: int) -> None:
    struck = every(lie, "crash", lambda number: f"crash {peer} {number} 0 300", step)
    assert len(struck) > 70 // step


def messages(lie: str, peer: int) -> list[int]:
    """Which effects of a peer are a message to more than one, in a run in which nobody crashes."""
    scenario = Scenario(5, FOUR, 1, tuple(parse(lie)))
    world, effects = world_of(scenario), list[Effect]()
    before = world.before

    def note(node: Node, effect: Effect) -> None:
        before(node, effect)
        if node.index == peer:
            effects.append(effect)

    world.before = note
    run(scenario, world)
    numbered = enumerate(effects, 1)
    return [number for number, it in numbered if isinstance(it, Send) and len(it.peers) > 1]


@pytest.mark.parametrize("peer", [0, *later([1, 2])])
def test_a_crash_in_the_midst_of_every_send_beside_a_liar(peer: int) -> None:
    """Behind the first of a message's recipients: the others never got it."""
    sends = messages(LIES[0], peer)
    assert len(sends) > 10
    for number in sends:
        assert ends(LIES[0], f"crash {peer} {number} 1 300").faults["crash"], number


@STEPS
@pytest.mark.parametrize("peer", range(3))
@pytest.mark.parametrize("lie", LIES)
def test_a_disk_that_fails_at_every_write_beside_a_liar(lie: str, peer: int, step: int) -> None:
    struck = every(lie, "disk", lambda number: f"disk {peer} {number} 300", step)
    assert len(struck) > 20 // step


@STEPS
@pytest.mark.parametrize("peer", range(4))
@pytest.mark.parametrize("lie", LIES)
def test_every_message_lost_beside_a_liar(lie: str, peer: int, step: int) -> None:
    """By its sender; the liar is peer 3."""
    assert len(every(lie, "lose", lambda number: f"lose {peer} {number}", step)) > 60 // step


@pytest.mark.parametrize(
    ("lie", "delay", "step"),
    [
        (LIES[0], 3, 27),
        (OPENER, 9000, 27),
        *later([(LIES[0], 3, 1), (LIES[0], 9000, 1), (OPENER, 3, 1)]),
    ],
)
def test_every_message_twice_beside_a_liar(lie: str, delay: int, step: int) -> None:
    """Once more at once, and once more in another phase."""
    assert len(every(lie, "twice", lambda number: f"twice {number} {delay}", step)) > 250 // step
