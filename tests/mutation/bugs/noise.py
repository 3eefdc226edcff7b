"""Planted bugs: noise, and the coin that it gets its order and its signs from."""

from __future__ import annotations

from typing import Any

import numpy as np

from peerd.laboratory.adversaries import NOISY
from peerd.laboratory.simulation.oracle import demand
from protocols.aggregation.dp_sgd import DpSgd
from protocols.opening import decode_polynomials, values_of
from tests.mutation.attacks import alone, group, judge
from tests.mutation.bug import Bugs
from tests.simulation.swarm import FOUR

BUGS = Bugs()
bug, plant = BUGS.bug, BUGS.plant
RULE = DpSgd.from_constants({})
TWO_COINS = alone("TwoCoins", rounds=2, rule=RULE)


def aimed(seed: int) -> None:
    """One aims its noise along all parameters alike: the opened sum moves no further that way than
    honest noise moves it.
    """
    who, parameters = seed % 4, 400
    world = group(FOUR, seed, {who: NOISY["AimedNoise"]}, parameters=parameters, rule=RULE)
    judge(world, guilty=(), unknown_inputs=(who,))
    record = next(node.completed[0] for node in world.nodes if node.honest)
    shape = world.setting.shape
    opened = values_of(shape, decode_polynomials(shape, record.polynomials)).astype(np.float64)
    for peer in record.dealers:
        opened -= world.inputs[0, peer] if peer != who else 0
    variance = float(RULE.mechanism(parameters).variance) * 4 / world.setting.noise_makers
    push = abs(opened.sum()) / np.sqrt(parameters * variance)
    demand(push < 8, "poisoned", f"the sum moved by {push:.1f} deviations of honest noise")


def _as_they_lie(sound: Any) -> Any:
    def scrambling(shape: Any, seed: bytes, dealer: int) -> Any:
        count = shape.noise_polynomials
        return np.arange(count), np.zeros(count, bool)

    return scrambling


plant(
    "noise is added as it lies",
    "protocols.opening.scrambling:scrambling",
    _as_they_lie,
    aimed,
    "poisoned",
)
plant(
    "a share of the coin is compared with the sum",
    "protocols.committee.liars:opened_by",
    lambda sound: lambda shape, kind: (shape.coin, 0),
    TWO_COINS,
    "framed blame refused raised",
)
