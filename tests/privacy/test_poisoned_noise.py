"""What a dealer's aimed "noise" pushes a model by: with real dealings, under the coin and without.

docs/protocol.md §6 bounds it, whatever is dealt; docs/attacks.md has the numbers.
"""

from __future__ import annotations

from functools import cache
from math import sqrt

import numpy as np
import pytest

from peerd.laboratory.adversaries import NOISY
from peerd.laboratory.adversaries.noisy import NoisyDealer
from peerd.laboratory.simulation.noised import added
from peerd.laboratory.simulation.world import World
from protocols.aggregation import aggregator
from protocols.aggregation.contract import private
from protocols.hashing import digest
from protocols.opening import decode_polynomials, values_of
from protocols.plan import CommitteePlan
from protocols.privacy import Mechanism
from tests.simulation.oracle import check
from tests.simulation.swarm import swarm

PLAN = CommitteePlan(committee=10, threshold=1, packing=3, absent=1)
PARAMETERS, LIAR = 3000, 4
COINS = 300
END = 600_000


@cache
def played(name: str) -> World:
    """One round of ten peers, one of which aims its noise."""
    rule = aggregator("dp-sgd", {})
    lies = {LIAR: NOISY[name]}
    world = swarm(PLAN, 1, seed=3, parameters=PARAMETERS, rule=rule, lies=lies)
    world.run(until=END)
    check(world, guilty=(), unknown_inputs=(LIAR,))
    return world


@cache
def dealt(name: str) -> np.ndarray:
    """The noise that the liar has dealt: it was accepted, and its dealing is in the sum."""
    world = played(name)
    node = next(node for node in world.nodes if node.honest)
    assert LIAR in node.completed[0].dealers
    trick = next(kind for kind in NOISY[name].tricks.values() if issubclass(kind, NoisyDealer))
    noise = world.setting.noise
    assert noise is not None
    blank = object.__new__(trick)
    return blank.drawn(noise, world.inputs[0, LIAR])


def pushes(name: str, direction: np.ndarray) -> np.ndarray:
    """Along a unit vector, in clipping norms, under many coins."""
    shape = played(name).setting.shape
    seeds = (digest("test/coin", bytes([coin % 256, coin // 256])) for coin in range(COINS))
    found = [added(shape, seed, LIAR, dealt(name)) @ direction for seed in seeds]
    return np.array(found) / 1024


def released(world: World) -> Mechanism:
    rule = private(world.setting.aggregator)
    assert rule is not None
    return rule.mechanism(PARAMETERS)


def aimed_at(name: str) -> np.ndarray:
    """The direction in which the noise points, as it was dealt."""
    noise = dealt(name)[:PARAMETERS].astype(np.float64)
    return noise / np.linalg.norm(noise)


@pytest.mark.parametrize("name", ["AimedNoise", "GatheredNoise"])
def test_a_push_has_mean_zero_and_no_more_than_the_proven_deviation(name: str) -> None:
    world = played(name)
    noise, k = world.setting.noise, PLAN.packing
    assert noise is not None
    factor = sum(noise.limit(each) for each in noise.blocks) / float(noise.variance) / noise.count
    sigma = sqrt(float(released(world).variance)) / 1024
    bound = sqrt(factor * k / world.setting.noise_makers) * sigma
    directions = [aimed_at(name), np.eye(PARAMETERS)[0], np.ones(PARAMETERS) / sqrt(PARAMETERS)]
    for direction in directions:
        found = pushes(name, direction)
        assert abs(found.mean()) < 5 * bound / sqrt(COINS)
        assert found.std() < 1.8 * bound  # of few coins: where it is gathered, hits are rare


def test_without_signs_it_would_push_by_a_hundred_norms() -> None:
    """What the same dealing does if its polynomials are added as they lie."""
    aimed = float(dealt("AimedNoise")[:PARAMETERS] @ aimed_at("AimedNoise")) / 1024
    signed = pushes("AimedNoise", aimed_at("AimedNoise"))
    assert aimed > 20
    assert aimed / signed.std() > 0.7 * sqrt(PARAMETERS / PLAN.packing)


def test_what_the_group_opened_holds_that_push_and_no_other() -> None:
    world = played("AimedNoise")
    setting = world.setting
    node = next(node for node in world.nodes if node.honest)
    record = node.completed[0]
    polynomials = decode_polynomials(setting.shape, record.polynomials)
    opened = values_of(setting.shape, polynomials)
    opened -= sum(world.inputs[0, dealer] for dealer in record.dealers)
    sigma = sqrt(float(released(world).variance) * setting.peers / setting.noise_makers)
    push = float(opened @ aimed_at("AimedNoise")) / sigma
    assert abs(push) < 5, "some standard deviations of the honest noise, and no more"
