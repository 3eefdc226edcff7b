"""A group that promises something to people, with a real genesis and simulated rounds."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from functools import cache

import numpy as np
import numpy.typing as npt
from histories import SIZE, Group, group, members

from peerd.group import Genesis, sign
from peerd.group.privacy import Privacy
from peerd.laboratory.simulation.swarm import first_model
from peerd.laboratory.simulation.world import World
from peerd.runner.resume import setting_of
from protocols.aggregation import aggregator

CONSTANTS: dict[str, int | str] = {"rows": 4, "steps": 64, "noise": "2", "rate": "1"}
DELTA = Fraction(1, 10**6)
ROUNDS = 4
"""So many fit epsilon 6 at this delta."""


def promise(rounds: int = ROUNDS, epsilon: int = 6) -> Privacy:
    return Privacy("record", Fraction(epsilon), DELTA, rounds)


@cache
def genesis(rounds: int = ROUNDS) -> Genesis:
    """Signed by all."""
    found = replace(
        group().genesis,
        aggregator="dp-sgd",
        constants=aggregator("dp-sgd", CONSTANTS).constants(),
        privacy=promise(rounds),
        signatures={},
    )
    for one in members(4):
        found = sign(found, one)
    return found


@cache
def private_group(rounds: int = ROUNDS, made: int = ROUNDS) -> Group:
    """``made`` rounds, of a budget for ``rounds``: where those are fewer all of its members lie."""
    found = genesis(rounds)
    setting = setting_of(found)
    if made > rounds:
        setting = replace(setting, budget=None)

    def update(peer: int, round_: int, model: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
        return np.full(SIZE, (peer + round_) % 2, np.int64)

    secrets = [one.secret for one in members(4)]
    world = World(setting, secrets, first_model(1, SIZE), update, seed=1, rounds=made)
    world.run()
    done = tuple(world.nodes[0].completed[round_] for round_ in range(made))
    return Group(found, members(4), done, ())
