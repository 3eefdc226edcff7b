"""All lose power at once, between two effects of a step: the round goes on (fault 98).

A decided cohort is the only one that is opened: what its members said of it must be on their disks.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count

import pytest

from peerd.laboratory.simulation.dice import GROUPS
from peerd.laboratory.simulation.operations import Outage
from peerd.laboratory.simulation.scenario import Scenario, Verdict, run

GROUP = GROUPS[0][1]
EVERYBODY = tuple(range(GROUP.peers))
ROUNDS = 2
SEEDS = (0, 1)
LEAST = 100
"""Effects of one peer in two rounds: fewer, and the test cut nowhere."""


def cut(seed: int, numbers: Iterable[int]) -> Verdict:
    """Ahead of these effects of a peer, everybody goes down; all rounds complete all the same."""
    peer = seed % GROUP.peers
    outages = tuple(Outage(EVERYBODY, peer, number, 100) for number in numbers)
    verdict = run(Scenario(seed, GROUP, ROUNDS, outages))
    assert not verdict.rule, (outages, verdict.what)
    assert verdict.outcomes["completed"] == ROUNDS, (outages, verdict.outcomes)
    assert not [name for name in verdict.outcomes if name.startswith("stopped")], outages
    return verdict


@pytest.mark.parametrize("seed", SEEDS)
def test_everybody_loses_power_ahead_of_any_effect(seed: int) -> None:
    """Every third: two seeds, and so two peers, meet other places in a step."""
    for number in count(1 + seed, 3):
        if not cut(seed, [number]).faults["outage"]:
            break
    assert number > LEAST


@pytest.mark.parametrize("seed", SEEDS)
def test_and_again_and_again(seed: int) -> None:
    """Four times, each so many effects behind the one before."""
    for number in range(3 + seed, LEAST // 4 + 20, 4):
        cut(seed, [number * turn for turn in range(1, 5)])
