"""Many seeds with every fault, and beyond the plan; small cases one by one, all of them."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import pytest

from peerd.laboratory.simulation.campaign import Plan, run_seeds
from peerd.laboratory.simulation.dice import FAULTS, GROUPS
from peerd.laboratory.simulation.operations import parse
from peerd.laboratory.simulation.scenario import Scenario, Verdict, run

SEEDS_A_TEST = 50
WITHIN = range(0, 1800, SEEDS_A_TEST)
BEYOND = range(0, 200, SEEDS_A_TEST)
FOUR = GROUPS[0][1]
OPENER = "lie 3 wrong-opening"
LIES = ("lie 3 Withholder", "lie 3 FalseAsker", OPENER)


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


def every(lie: str, fault: str, operation: Callable[[int], str]) -> range:
    """The fault at its first, second, … place in a round, until there is no such place: all of
    them, by number.
    """
    number = next(n for n in count(1) if not ends(lie, operation(n)).faults[fault])
    return range(1, number)


@pytest.mark.parametrize("peer", range(3))
@pytest.mark.parametrize("lie", LIES)
def test_a_crash_at_every_event_beside_a_liar(lie: str, peer: int) -> None:
    assert len(every(lie, "crash", lambda number: f"crash {peer} {number} 0 300")) > 70


@pytest.mark.parametrize("peer", range(3))
def test_a_crash_in_the_midst_of_every_send_beside_a_liar(peer: int) -> None:
    """Behind the first of a message's recipients: the others never got it."""
    sends = sum(
        ends(LIES[0], f"crash {peer} {number} 1 300").faults["crash"] for number in range(1, 130)
    )
    assert sends > 10


@pytest.mark.parametrize("peer", range(3))
@pytest.mark.parametrize("lie", LIES)
def test_a_disk_that_fails_at_every_write_beside_a_liar(lie: str, peer: int) -> None:
    assert len(every(lie, "disk", lambda number: f"disk {peer} {number} 300")) > 20


@pytest.mark.parametrize("peer", range(4))
@pytest.mark.parametrize("lie", LIES)
def test_every_message_lost_beside_a_liar(lie: str, peer: int) -> None:
    """By its sender; the liar is peer 3."""
    assert len(every(lie, "lose", lambda number: f"lose {peer} {number}")) > 60


@pytest.mark.parametrize(("lie", "later"), [(LIES[0], 3), (LIES[0], 9000), (OPENER, 3)])
def test_every_message_twice_beside_a_liar(lie: str, later: int) -> None:
    """Once more at once, and once more in another phase."""
    assert len(every(lie, "twice", lambda number: f"twice {number} {later}")) > 250
