"""Evidence of a wrong sum, where a leaf of the opened polynomials holds one or several of them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import numpy.typing as npt
import pytest

from peerd.laboratory.adversaries.lies import LIES
from peerd.laboratory.simulation.seeded import swarm_secrets
from peerd.laboratory.simulation.swarm import first_model
from peerd.laboratory.simulation.world import World
from protocols.errors import WireError
from protocols.opening import polynomial_bytes, polynomial_path
from protocols.opening.polynomials import leaf_polynomials
from protocols.record.evidence import Fault, judge_bytes, open_evidence
from protocols.wire.canonical import pack, unpack
from tests.simulation.adversaries import ALL
from tests.simulation.swarm import FOUR, setting_of

PARAMETERS = 3 * 4096 - 1
"""Polynomials, with one slot each: three to a leaf in version 3, of which the last lacks one."""
LIAR = 3
versions = pytest.mark.parametrize("version", [2, 3])


@cache
def history(version: int) -> World:
    setting = replace(setting_of(FOUR, 1, parameters=PARAMETERS), version=version)
    secrets, _ = swarm_secrets(setting.crypto, setting.peers, 1)

    def update(peer: int, round_: int, model: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return model + np.float32(peer)

    world = World(
        setting,
        secrets,
        first_model(1, PARAMETERS),
        update,
        seed=1,
        rounds=1,
        liars={LIAR: {**ALL, **LIES}["wrong-opening"]},
    )
    world.run(until=300_000)
    return world


def shown(version: int) -> tuple[World, bytes]:
    world = history(version)
    (blamed,) = (each for each in world.nodes[0].blamed if each.peer == LIAR)
    return world, blamed.evidence


def with_coordinate(data: bytes, coordinate: list[object]) -> bytes:
    fault, election, items = unpack(data)  # type: ignore[misc]
    return pack([fault, election, [*items[:-1], pack(coordinate)]])  # type: ignore[list-item, index, misc]


@versions
def test_a_wrong_sum_convicts_before_a_stranger(version: int) -> None:
    world, data = shown(version)
    assert leaf_polynomials(world.setting.shape) == (1 if version == 2 else 3)
    assert open_evidence(world.setting, data).fault is Fault.WRONG_SUM
    stranger = replace(world.setting, memory=setting_of(FOUR, 1).memory)
    assert judge_bytes(stranger, data).culprit == LIAR


@versions
def test_a_right_coordinate_of_the_liar_convicts_nobody(version: int) -> None:
    """Each neighbour in the leaf: the liar's word there is right, and the evidence says so."""
    world, data = shown(version)
    *_, items = unpack(data)  # type: ignore[misc]
    index, word, path, coefficients, polynomial = unpack(items[-1])  # type: ignore[misc, arg-type, index]
    assert isinstance(index, int) and isinstance(path, bytes) and index % 256 > 1
    encoded, shape = world.nodes[0].completed[0].polynomials, world.setting.shape
    size, width = polynomial_bytes(shape), shape.field.element_bytes
    for other in (index - 1, index - 2):
        right = int.from_bytes(path[other % 256 * width :][:width], "little")
        beside = encoded[other * size : (other + 1) * size]
        there = polynomial_path(shape, encoded, other)
        with pytest.raises(WireError, match="lies on the certified"):
            judge_bytes(world.setting, with_coordinate(data, [other, right, path, beside, there]))
        for wrong in (
            [index, word, path, beside, polynomial],
            [index, word, path, beside, there],
            [other, right, path, coefficients, there],
            [other, right, path, coefficients, polynomial],
        ):
            with pytest.raises(WireError, match="not the certified one"):
                judge_bytes(world.setting, with_coordinate(data, wrong))


def test_evidence_of_one_version_is_none_in_the_other() -> None:
    for version in (2, 3):
        world, data = shown(version)
        other = replace(world.setting, version=5 - version, memory=setting_of(FOUR, 1).memory)
        with pytest.raises(WireError):
            judge_bytes(other, data)
