"""All states of agreement, locks, restart and one opening, in small groups (docs/formal.md)."""

from __future__ import annotations

import pytest

from peerd.laboratory.simulation.modelcheck.explore import Explorer
from peerd.laboratory.simulation.modelcheck.member import Setting
from peerd.laboratory.simulation.modelcheck.mutations import DEADLOCKS, MUTATIONS
from tests.tiers import later

SAFE = {
    "one liar, two views, two cohorts or none": (Setting((2,), 3), 2354),
    "one liar, two views, locks taken without voting": (Setting((2,), 2, learn=True), 5949),
    "no liar, crashes, two views": (Setting((2,), 2, honest=4, liars=0), 4541),
    "one liar, three views, one cohort or none": (Setting((3,), 2), 126642),
    "one liar, two attempts, two cohorts or none": (Setting((2, 1), 3), 136599),
    "one liar, commitments or two resolutions, then a cohort or none": (
        Setting((2, 1), 3, firsts=frozenset({0}), approvers=2),
        136599,
    ),
    "the same without enough approvals": (
        Setting((2, 1), 3, firsts=frozenset({0}), approvers=1),
        31337,
    ),
    "one liar, commitments or a resolution, a cohort or none, and once more": (
        Setting((1, 1, 1), 2, firsts=frozenset({0, 2}), approvers=2),
        17366,
    ),
}
"""Settings with the number of their states: a model that loses some of its steps shows here."""


LONG = ["the lowest lock binds"]
"""Planted where only the last of very many states shows it."""


@pytest.mark.parametrize("name", SAFE)
def test_no_state_breaks_safety(name: str) -> None:
    setting, states = SAFE[name]
    report = Explorer(setting).run()
    assert not report.violation, "\n".join([report.violation, *report.trace])
    assert report.complete
    assert report.states == states
    assert report.outcomes.keys() == {"an end"}, "\n".join(report.stuck_trace)


@pytest.mark.parametrize("name", [*(each for each in MUTATIONS if each not in LONG), *later(LONG)])
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
