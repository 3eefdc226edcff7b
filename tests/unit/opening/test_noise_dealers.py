"""Whose noise is added: as the coin says, and of as many dealers as honest ones are among."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from itertools import combinations

import pytest

from peerd.laboratory.simulation.oracle import certified_by
from protocols.aggregation import aggregator
from protocols.hashing import digest
from protocols.opening import noise_dealers
from protocols.plan import CommitteePlan, plan_group
from protocols.record.cohort import Panel
from protocols.record.elected import panel_of
from tests.simulation.swarm import EIGHT, FOUR, SEATED, TEN, setting_of, swarm


def seeds(count: int) -> list[bytes]:
    return [
        digest("tests/noise dealers", bytes([each // 256, each % 256])) for each in range(count)
    ]


def test_each_is_chosen_as_often_as_any() -> None:
    dealers, found = (2, 3, 5, 7, 11), Counter[int]()
    for seed in seeds(1000):
        chosen = noise_dealers(seed, dealers, 3)
        assert len(chosen) == 3 and chosen <= set(dealers)
        assert chosen == noise_dealers(seed, reversed(dealers), 3)
        found.update(chosen)
    assert all(abs(found[dealer] - 600) < 5 * (1000 * 0.6 * 0.4) ** 0.5 for dealer in dealers)


def test_a_cohort_as_small_as_can_be_adds_all_its_noise() -> None:
    assert noise_dealers(seeds(1)[0], (1, 4, 6), 3) == {1, 4, 6}


@pytest.mark.parametrize(
    ("plan", "liars", "peers"),
    [(FOUR, 1, None), (EIGHT, 2, None), (TEN, 1, None), (SEATED, 1, 24)],
    ids=["4", "8", "10", "24"],
)
def test_whoever_lies_enough_honest_ones_are_among_them(
    plan: CommitteePlan, liars: int, peers: int | None
) -> None:
    rule = aggregator("dp-sgd", {})
    setting = setting_of(plan, liars, peers=peers, rule=rule)
    world = swarm(plan, liars, peers=peers, rule=rule)
    world.run(until=600_000)
    node = next(node for node in world.nodes if node.completed)
    panel = panel_of(setting, certified_by(world, node.completed[0]).elected)
    assert panel.smallest_cohort >= panel.noise_dealers == setting.noise_makers + panel.liars
    cohort = node.completed[0].dealers[: panel.smallest_cohort]
    chosen = noise_dealers(seeds(1)[0], cohort, panel.noise_dealers)
    for liars_ in combinations(cohort, panel.liars):
        assert len(chosen - set(liars_)) >= setting.noise_makers


def test_a_rule_without_noise_has_none() -> None:
    plan = plan_group(4, Fraction(1, 4), Fraction(0))
    assert Panel(plan, (0, 1, 2, 3), (0, 1, 2, 3), 1).noise_dealers == 0
