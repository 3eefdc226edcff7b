"""All states of agreement, locks, restart and one opening, in small groups (docs/formal.md)."""

from __future__ import annotations

import pytest

from peerd.simulation.modelcheck.explore import Explorer
from peerd.simulation.modelcheck.liveness import MIXED
from peerd.simulation.modelcheck.member import Setting
from peerd.simulation.modelcheck.mutations import DEADLOCKS, MUTATIONS

SAFE = {
    "one liar, two views, two cohorts or none": (Setting((2,), 3), 8252),
    "one liar, two views, locks taken without voting": (Setting((2,), 2, learn=True), 21709),
    "no liar, crashes, two views": (Setting((2,), 2, honest=4, liars=0), 22328),
    "one liar, two attempts, two cohorts or none": (Setting((1, 1), 3), 26602),
}
"""Settings with the number of their states: a model that loses some of its steps shows here."""

WITHOUT_ABSTENTION = Setting((3,), 2, give_up_by_vote=True)


@pytest.mark.parametrize("name", SAFE)
def test_no_state_breaks_safety(name: str) -> None:
    setting, states = SAFE[name]
    report = Explorer(setting).run()
    assert not report.violation, "\n".join([report.violation, *report.trace])
    assert report.complete
    assert report.states == states
    assert report.outcomes.keys() <= {"an end", MIXED}


def test_three_views_with_one_liar_are_safe_and_always_end_by_votes() -> None:
    """And where "no cohort" is voted for instead of abstained for, there is always a way on."""
    report = Explorer(WITHOUT_ABSTENTION).run()
    assert not report.violation, "\n".join([report.violation, *report.trace])
    assert report.complete
    assert report.states == 126642
    assert report.outcomes.keys() == {"an end"}


def test_the_one_way_to_get_stuck_is_known() -> None:
    """A limit of abstention, not of the model: docs/formal.md says what it takes and what helps."""
    report = Explorer(Setting((1,), 3)).run()
    assert report.outcomes == {"an end": 49, MIXED: 17}
    assert "abstains" in " ".join(report.stuck_trace)
    assert "second-votes" in " ".join(report.stuck_trace)


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_planted_bug_is_found(name: str) -> None:
    setting, violation = MUTATIONS[name]
    report = Explorer(setting).run()
    assert violation in report.violation
    assert report.trace


@pytest.mark.parametrize("name", DEADLOCKS)
def test_a_planted_deadlock_is_found(name: str) -> None:
    report = Explorer(DEADLOCKS[name]).run()
    assert report.complete
    assert report.outcomes["stuck"] > 0
