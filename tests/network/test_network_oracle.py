"""The part of the oracle that is ours: one ledger in every store."""

from __future__ import annotations

import pytest

from peerd.laboratory.simulation.swarm import FOUR, swarm
from protocols.record.setting import Setting
from tests.network.group import compare


@pytest.fixture(scope="module")
def world() -> tuple[Setting, list[list[bytes]]]:
    """Two certified rounds at four peers."""
    made = swarm(FOUR, 1, rounds=2)
    made.run()
    held = [[node.completed[number].certificate for number in range(2)] for node in made.nodes]
    return made.setting, held


def test_one_ledger_is_fine(world: tuple[Setting, list[list[bytes]]]) -> None:
    setting, held = world
    assert compare(setting, held) == []


def test_what_is_missing_swapped_or_damaged_is_found(
    world: tuple[Setting, list[list[bytes]]],
) -> None:
    setting, held = world
    assert compare(setting, [held[0], [held[1][0], None]]) == [
        "peer 1 has no certificate of round 1"
    ]
    assert "peer 1 has round 0's certificate for 1" in compare(
        setting, [held[0], [held[1][0], held[1][0]]]
    )
    damaged = held[1][1][:-9] + bytes((held[1][1][-9] ^ 1,)) + held[1][1][-8:]
    (line,) = compare(setting, [held[0], [held[1][0], damaged]])
    assert line.startswith("peer 1, certificate of round 1: ")


def test_two_ledgers_are_found(world: tuple[Setting, list[list[bytes]]]) -> None:
    """The same members, certifying another history: what a double vote would make."""
    setting, held = world
    fork = swarm(FOUR, 1)
    fork.update = lambda peer, round_, model: model + 2
    fork.run()
    other = [node.completed[0].certificate for node in fork.nodes]
    assert compare(setting, [[held[0][0]], [other[1]]]) == ["round 0 has 2 ledgers"]
