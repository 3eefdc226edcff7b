"""Rounds of every rule: summed constraints, smallness, weights and references in the protocol."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from peerd.laboratory.adversaries import ALL
from peerd.laboratory.simulation.oracle import check, check_round, check_safety
from protocols.aggregation import AGGREGATORS, aggregator
from protocols.aggregation.clear_sum import opened_part
from protocols.field import P61
from protocols.opening import decode_polynomials, values_of
from protocols.record.audit import audit_round
from protocols.record.effects import Persist
from protocols.record.evidence import Fault, judge_bytes, open_evidence
from tests.simulation.swarm import EIGHT, FOUR, NINE, TEN, setting_of, swarm

RULES = sorted(AGGREGATORS)
COARSE: dict[str, dict[str, int | str]] = {"centered-clipping": {"theta": 6}}
"""θ bits a coordinate are many packages; a few do here."""


def rule_of(name: str):  # type: ignore[no-untyped-def]
    return aggregator(name, COARSE.get(name, {}))


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize(("plan", "liars"), [(FOUR, 1), (TEN, 1)], ids=["4", "10"])
def test_two_rounds_of_any_rule(name: str, plan, liars: int) -> None:  # type: ignore[no-untyped-def]
    world = swarm(plan, liars, rounds=2, rule=rule_of(name))
    world.run()
    check(world)
    for node in world.nodes:
        assert not node.blamed
        assert len(node.completed[1].dealers) == plan.committee


def test_a_rule_with_sums_takes_the_large_field_and_opens_what_is_opened() -> None:
    setting = setting_of(TEN, 1, rule=rule_of("centered-clipping-l2"))
    assert setting.field == P61
    assert setting.shape.opened_polynomials == 3  # 7 coordinates, 3 to a polynomial
    assert setting.shape.polynomials > 3


def test_weights_are_those_of_the_genesis() -> None:
    weights = (1, 2, 3, 40)
    world = swarm(FOUR, 1, rule=rule_of("weighted-mean"), weights=weights)
    world.run()
    check(world)
    record = world.nodes[0].completed[0]
    shape = world.setting.shape
    opened = values_of(shape, decode_polynomials(shape, record.polynomials))
    expected = sum(weights[peer] * world.inputs[0, peer] for peer in record.dealers)
    assert opened.tolist() == expected.tolist()
    plain = sum(world.inputs[0, peer] for peer in record.dealers)
    assert opened.tolist() != plain.tolist()
    assert world.setting.field == P61


def test_a_rule_without_weights_refuses_them() -> None:
    with pytest.raises(Exception, match="weight 1"):
        setting_of(FOUR, 1, weights=(1, 1, 1, 2))
    with pytest.raises(Exception, match="positive weights"):
        setting_of(FOUR, 1, rule=rule_of("weighted-mean"), weights=(1, 1, 2))
    with pytest.raises(Exception, match="positive weights"):
        setting_of(FOUR, 1, rule=rule_of("weighted-mean"), weights=(1, 1, 1, 0))


# -- references --------------------------------------------------------------------------------


def differing(world, who: int) -> None:  # type: ignore[no-untyped-def]
    """A machine whose floats differ: its reference is off by one in one coordinate."""
    public = world.reference

    def reference(peer: int, round_: int, model: np.ndarray) -> np.ndarray:
        mine = public(peer, round_, model).copy()
        if peer == who:
            place = int(np.abs(mine).argmax())
            mine[place] -= np.sign(mine[place])
        return mine

    world.reference = reference


@pytest.mark.parametrize(("plan", "liars"), [(FOUR, 1), (TEN, 1)], ids=["4", "10"])
def test_a_machine_whose_floats_differ_is_absent_and_never_blamed(plan, liars: int) -> None:  # type: ignore[no-untyped-def]
    world = swarm(plan, liars, rounds=2, rule=rule_of("fltrust"))
    differing(world, 2)
    world.run()
    for round_ in range(2):
        check_round(world, round_, away=(2,))
    for node in world.nodes:
        assert not node.blamed
        for round_ in range(2):
            assert 2 not in node.completed[round_].dealers
            assert 2 in node.completed[round_].absent
    assert len({node.completed[1].model_hash for node in world.nodes}) == 1


@pytest.mark.parametrize("name", ["HighDegree", "BadProofPolynomials", "ShortProof"])
@pytest.mark.parametrize("rule", ["fltrust", "centered-clipping-l2"])
def test_a_bad_dealing_is_proven_to_a_third_party(name: str, rule: str) -> None:
    world = swarm(EIGHT, 2, rounds=2, rule=rule_of(rule), lies={2: ALL[name], 6: ALL[name]})
    world.run()
    check(world)
    record = world.nodes[0].completed[0]
    assert not {2, 6} & set(record.dealers)
    found = audit_round(world.setting, record.transcript)
    assert found.cohort_follows
    for node in world.nodes:
        if node.honest:
            assert {blame.peer for blame in node.blamed} == {2, 6}


@pytest.mark.parametrize(
    "name",
    [
        "FalseComplainer",
        "FalseDiscloser",
        "GarbageDeliverer",
        "OtherHeaderDeliverer",
        "OtherBaseDeliverer",
        "StubbornWithholder",
        "WrongBase",
    ],
)
def test_lies_about_dealings_with_a_reference(name: str) -> None:
    world = swarm(EIGHT, 2, rounds=2, rule=rule_of("fltrust"), lies={2: ALL[name], 6: ALL[name]})
    world.run(until=600_000)
    check_safety(world, unknown_inputs=(2, 6))
    for node in world.nodes:
        if node.honest:
            assert {blame.peer for blame in node.blamed} <= {2, 6}
            assert 1 in node.completed


def test_evidence_names_the_reference_that_the_dealer_signed() -> None:
    world = swarm(EIGHT, 2, rule=rule_of("fltrust"), lies={2: ALL["HighDegree"]})
    world.run()
    pieces = world.nodes[0].session.rounds.proofs.pieces()
    opened = [open_evidence(world.setting, data) for data in pieces]
    (said,) = [evidence for evidence in opened if evidence.fault is Fault.COMPLAINT]
    assert judge_bytes(world.setting, said.encode()).culprit == 2
    (reference,) = said.rest
    assert len(said.statements) == 1
    other = bytearray(reference)
    other[-1] ^= 1
    for rest in ((), (bytes(other),), (reference, reference)):
        with pytest.raises(Exception, match=r"reference|takes 1 items"):
            judge_bytes(world.setting, replace(said, rest=rest).encode())


def test_a_rule_without_references_takes_no_evidence_with_one() -> None:
    world = swarm(EIGHT, 2, lies={2: ALL["HighDegree"]})
    world.run()
    (data, *_) = world.nodes[0].session.rounds.proofs.pieces()
    said = open_evidence(world.setting, data)
    with pytest.raises(Exception, match="takes 1 items"):
        judge_bytes(world.setting, replace(said, rest=(*said.rest, b"more")).encode())


@pytest.mark.parametrize("late", [3_000, 40_000], ids=["a little", "beyond the deadline"])
def test_a_member_whose_reference_comes_late_judges_nothing_before(late: int) -> None:
    """It keeps dealings unjudged, asks at the deadline, and accuses nobody of what it can't see."""
    world = swarm(NINE, 2, rounds=2, rule=rule_of("fltrust"))
    train = world._train

    def slow(node, round_, model):  # type: ignore[no-untyped-def]
        if node.index != 4 or round_:
            train(node, round_, model)
            return
        before = world._slowest
        at = world.at

        def later(to, delay, act):  # type: ignore[no-untyped-def]
            at(to, late, act)

        world.at = later
        train(node, round_, model)
        world.at = at
        assert world._slowest == before

    world._train = slow
    world.run()
    for round_ in range(2):
        check_round(world, round_, away=(4,))
    for node in world.nodes:
        assert not node.blamed
        assert not any("not here yet" in item.reason for item in node.dropped)


def test_a_dealer_that_restarts_deals_the_same_bytes_under_its_reference() -> None:
    world = swarm(NINE, 2, rounds=1, rule=rule_of("fltrust"))
    headers: list[bytes] = []
    node = world.nodes[3]

    def before(at, effect):  # type: ignore[no-untyped-def]
        if at is node and headers and node.lives == 1:
            world.crash(node)
            world.happen(world.now + 60, lambda: world.boot(node))
        if at is node and isinstance(effect, Persist) and effect.key.startswith("slot/0/8/"):
            headers.append(effect.value)

    world.before = before
    world.run()
    assert node.lives == 2
    assert len(headers) == 1  # the second life sends what the first one signed
    for other in world.nodes:
        assert not other.blamed
        assert 3 in other.completed[0].dealers


def test_the_hidden_part_of_an_update_is_never_opened() -> None:
    """What the cohort's members send has no word for a slack bit or a projection."""
    setting = setting_of(TEN, 1, rule=rule_of("fltrust"))
    relation = setting.relation
    assert relation.opened_length == setting.parameters + 1
    assert opened_part(relation, np.arange(relation.length)).tolist() == list(range(8))
    assert setting.shape.layout.opened_polynomials * 3 < setting.relation.length
