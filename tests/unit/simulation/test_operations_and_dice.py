"""Operations as text, and what a seed expands to."""

from __future__ import annotations

import pytest

from peerd.laboratory.adversaries import ALL
from peerd.laboratory.adversaries.lies import LIES
from peerd.laboratory.simulation.dice import FAULTS, operations_of
from peerd.laboratory.simulation.groups import GROUPS, group_of
from peerd.laboratory.simulation.operations import Lie, OperationError, parse, render
from peerd.laboratory.simulation.scenario import Scenario, world_of

SEEDS = range(300)


def test_what_a_seed_draws_is_read_back_from_its_text() -> None:
    seen = set()
    for seed in SEEDS:
        operations = operations_of(seed, group_of(seed), 2, FAULTS)
        assert parse(render(operations)) == operations
        assert operations == operations_of(seed, group_of(seed), 2, FAULTS)
        seen |= {operation.name for operation in operations}
    assert seen | {"die"} == FAULTS, "every fault is drawn"


def test_every_adversary_is_drawn() -> None:
    drawn = set()
    for seed in range(1500):
        for operation in operations_of(seed, group_of(seed), 2, FAULTS):
            drawn |= {operation.kind} if isinstance(operation, Lie) else set()
    assert drawn == {*ALL, *LIES}


def test_liars_stay_within_the_plan_unless_asked_otherwise() -> None:
    for seed in SEEDS:
        group = group_of(seed)
        within = operations_of(seed, group, 1, FAULTS)
        beyond = operations_of(seed, group, 1, FAULTS, beyond=True)
        traitors = [frozenset().union(*(o.traitors for o in ops)) for ops in (within, beyond)]
        assert len(traitors[0]) <= group.liars < group.peers
        victims = frozenset().union(*(operation.victims for operation in within))
        assert not traitors[0] & victims, "what befalls a liar tests nothing"


def test_only_the_faults_that_were_asked_for_are_drawn() -> None:
    for seed in SEEDS:
        drawn = operations_of(seed, group_of(seed), 1, frozenset({"crash", "lie"}))
        assert {operation.name for operation in drawn} <= {"crash", "lie"}
        assert not operations_of(seed, group_of(seed), 1, frozenset())


def test_promises_depend_on_who_is_lost() -> None:
    four, six = GROUPS[0][1], GROUPS[2][1]
    assert Scenario(0, four, 1, tuple(parse("crash 1 5 0 300"))).covered
    assert not Scenario(0, four, 1, tuple(parse("silent 0; crash 1 5 0 300"))).covered
    assert Scenario(0, six, 1, tuple(parse("silent 0; crash 1 5 0 300"))).covered, "e = 1"
    assert not Scenario(0, six, 1, tuple(parse("silent 0; silent 1"))).covered, "b = 1"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("explode 3", "'explode' is no operation"),
        ("silent", "silent takes PEER"),
        ("silent one", "whole numbers"),
        ("lie 1 Fib", "'Fib' is no lie"),
        ("cut 1;2 3 4 5", "cut takes"),
    ],
)
def test_a_bad_operation_is_named(text: str, said: str) -> None:
    with pytest.raises(OperationError, match=said):
        parse(text)


@pytest.mark.parametrize("text", ["silent 4", "cut 1,9 0 5 2", "crash 7 1 0 0"])
def test_a_peer_that_is_not_there(text: str) -> None:
    with pytest.raises(OperationError, match="there is no peer"):
        world_of(Scenario(0, GROUPS[0][1], 1, tuple(parse(text))))
