"""The oracle's own test: each planted bug is caught, and the sound code passes the same seeds."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest

from peerd.laboratory.simulation.oracle import Violation
from protocols.errors import ProtocolError
from tests.mutation.attacks import Attack
from tests.mutation.bug import Bug
from tests.mutation.planting import planted
from tests.mutation.table import BUGS
from tests.tiers import later


def outcome(attack: Attack, seed: int) -> str:
    """The rule that is broken, or "". Nothing but a broken rule counts: a bug that only raises
    errors of its own would be caught by chance.
    """
    try:
        attack(seed)
    except Violation as violation:
        return violation.rule
    except ProtocolError:
        return "stops"
    except AssertionError as error:
        if "journal conflict" in str(error):
            return "journal"
        if "does not end" in str(error):
            return "termination"
        raise
    return ""


@cache
def sound(attack: Attack, seed: int) -> str:
    return outcome(attack, seed)


def test_there_are_enough_and_each_has_a_name() -> None:
    assert len(BUGS) >= 60
    assert len({bug.name for bug in BUGS}) == len(BUGS)


LONG = ("what came too early is never heard", "a wasted deadline never comes back")
"""Noticed after many seeds."""
SHORT = [bug for bug in BUGS if bug.name not in LONG]
REST = [bug for bug in BUGS if bug.name in LONG]


@pytest.mark.parametrize("bug", [*SHORT, *later(REST)], ids=lambda bug: bug.name.replace(" ", "-"))
def test_a_planted_bug_is_caught(bug: Bug) -> None:
    for seed in range(bug.seeds):
        assert not sound(bug.attack, seed), f"sound code fails seed {seed}"
        with ExitStack() as stack:
            for target, make in bug.sites:
                stack.enter_context(planted(target, make))
            found = outcome(bug.attack, seed)
        if found:
            assert found in bug.rules, f"{found}, where one of {sorted(bug.rules)} was expected"
            report(bug, seed, found)
            return
    pytest.fail(f"{bug.name}: not noticed in {bug.seeds} seeds")


def report(bug: Bug, seed: int, found: str) -> None:
    """For docs/attacks.md: MUTATION_REPORT names a file that gets a line for each bug."""
    path = os.environ.get("MUTATION_REPORT")
    if path:
        with Path(path).open("a") as file:
            file.write(json.dumps({"bug": bug.name, "seeds": seed + 1, "rule": found}) + "\n")
