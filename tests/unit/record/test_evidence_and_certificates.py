"""Evidence, certificates and transcripts: what real rounds leave behind, and each way in which it
must be worthless once something in it is changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import pytest

from peerd.laboratory.adversaries.lies import LIES
from peerd.laboratory.simulation.world import World
from protocols.errors import WireError
from protocols.ports import Forgetful
from protocols.record.audit import audit_round
from protocols.record.certificate import Certificate, signatures_needed, verify_certificate
from protocols.record.evidence import Fault, judge_bytes, open_evidence
from protocols.record.transcript import Transcript
from protocols.version import EARLIEST, LATEST
from protocols.wire.canonical import pack, unpack
from protocols.wire.schema import to_value
from tests.simulation.adversaries import ALL
from tests.simulation.swarm import EIGHT, FOUR, setting_of, swarm

SOURCES = {
    Fault.EQUIVOCATION: "TwoReports",
    Fault.WRONG_REVEAL: "WrongRevealer",
    Fault.COMPLAINT: "HighDegree",
    Fault.DISCLOSURE: "GarbageDeliverer",
    Fault.WRONG_SUM: "wrong-opening",
    Fault.WRONG_RESULT: "WrongResult",
}


@cache
def history(name: str) -> World:
    version = EARLIEST if name == "WrongRevealer" else LATEST
    lies = {3: {**ALL, **LIES}[name]}
    world = swarm(FOUR, 1, rounds=2, seed=3, lies=lies, version=version)
    world.run(until=300_000)
    return world


def evidence_of(fault: Fault) -> tuple[World, bytes]:
    world = history(SOURCES[fault])
    return world, world.nodes[0].blamed[0].evidence


def with_items(data: bytes, items: Sequence[bytes]) -> bytes:
    """A piece of evidence with others in place of its statements, and of what goes with them."""
    fault, election, _ = unpack(data)  # type: ignore[misc]
    return pack([fault, election, [*items]])


@pytest.mark.parametrize("fault", SOURCES)
def test_evidence_convicts_before_a_stranger(fault: Fault) -> None:
    world, data = evidence_of(fault)
    evidence = open_evidence(world.setting, data)
    assert evidence.fault is fault
    assert judge_bytes(world.setting, data).culprit == 3


@pytest.mark.parametrize("fault", SOURCES)
def test_evidence_with_one_bit_changed_blames_no_one_honest(fault: Fault) -> None:
    world, data = evidence_of(fault)
    for spot in range(0, len(data), max(1, len(data) // 150)):
        changed = data[:spot] + bytes([data[spot] ^ 1]) + data[spot + 1 :]
        try:
            assert judge_bytes(world.setting, changed).culprit == 3
        except WireError:
            continue


@pytest.mark.parametrize("fault", SOURCES)
def test_evidence_with_an_item_gone_doubled_or_swapped_is_worthless(fault: Fault) -> None:
    world, data = evidence_of(fault)
    items = tuple(unpack(data)[2])  # type: ignore[index, arg-type]
    variants = [items[:-1], (*items, items[0]), ()]
    if fault is Fault.EQUIVOCATION:
        variants.append((items[0], items[0]))
    elif len(items) > 1:
        variants.append(items[::-1])
    for variant in variants:
        with pytest.raises(WireError):
            judge_bytes(world.setting, with_items(data, variant))


@pytest.mark.parametrize("fault", SOURCES)
@pytest.mark.parametrize("claimed", list(Fault))
def test_evidence_of_one_fault_is_none_of_another(fault: Fault, claimed: Fault) -> None:
    world, data = evidence_of(fault)
    if claimed is not fault:
        with pytest.raises(WireError):
            judge_bytes(
                world.setting, replace(open_evidence(world.setting, data), fault=claimed).encode()
            )


@pytest.mark.parametrize("fault", SOURCES)
def test_evidence_of_another_group_is_worthless(fault: Fault) -> None:
    world, data = evidence_of(fault)
    with pytest.raises(WireError):
        judge_bytes(replace(world.setting, group=b"x" * 32, memory=Forgetful()), data)


@pytest.mark.parametrize("fault", [f for f in SOURCES if f is not Fault.WRONG_REVEAL])
def test_evidence_needs_its_own_election(fault: Fault) -> None:
    world, data = evidence_of(fault)
    evidence = open_evidence(world.setting, data)
    later = verify_certificate(world.setting, world.nodes[0].completed[1].certificate)
    for election in (None, later.certificate.election):
        with pytest.raises(WireError):
            judge_bytes(world.setting, replace(evidence, election=election).encode())


def test_a_true_statement_of_an_honest_peer_convicts_nobody() -> None:
    """Everything honest that a round's pool holds, offered as every fault."""
    world = history("TwoReports")
    transcript = Transcript.decode(world.nodes[0].completed[0].transcript)
    election = verify_certificate(world.setting, transcript.certificate).certificate.election
    for fault in Fault:
        for first in transcript.pool[:6]:
            for second in transcript.pool[:6]:
                for items in ((first,), (first, second), (first, second, first)):
                    try:
                        claim = pack([int(fault), to_value(election), [*items]])
                        finding = judge_bytes(world.setting, claim)
                    except WireError:
                        continue
                    assert finding.culprit == 3


# -- certificates --------------------------------------------------------------------------------


@cache
def certified() -> tuple[World, Certificate]:
    world = swarm(EIGHT, 2, rounds=2, seed=2)
    world.run()
    return world, Certificate.decode(world.nodes[0].completed[0].certificate)


def test_a_certificate_verifies_with_the_setting_alone() -> None:
    world, certificate = certified()
    stranger = setting_of(EIGHT, 2, seed=2)
    assert verify_certificate(stranger, certificate.encode()).round == 0
    assert len(certificate.results) >= signatures_needed(world.setting) == EIGHT.quorum


def test_fewer_than_a_quorum_make_no_certificate_nor_do_repeated_ones() -> None:
    world, certificate = certified()
    results, needed = certificate.results, signatures_needed(world.setting)
    few = results[: needed - 1]
    for fewer in (few, (), (*few, few[-1])):
        with pytest.raises(WireError):
            verify_certificate(world.setting, replace(certificate, results=fewer).encode())
    assert verify_certificate(
        world.setting, replace(certificate, results=results[:needed]).encode()
    )


def test_a_certificate_of_mixed_or_changed_parts_is_none() -> None:
    world, certificate = certified()
    other = Certificate.decode(world.nodes[0].completed[1].certificate)
    mixed = [
        replace(certificate, election=other.election),
        replace(certificate, cohort=other.cohort),
        replace(certificate, results=other.results),
        replace(certificate, results=(*certificate.results[:2], other.results[2])),
        replace(certificate, election=replace(certificate.election, votes=())),
        replace(certificate, election=replace(certificate.election, round=1)),
        replace(
            certificate,
            election=replace(certificate.election, votes=certificate.election.votes[:5]),
        ),
    ]
    for forged in mixed:
        with pytest.raises(WireError):
            verify_certificate(world.setting, forged.encode())


def test_outsiders_sign_no_certificate() -> None:
    """Another roster's certificate, and one whose signatures are another's."""
    world, certificate = certified()
    with pytest.raises(WireError):
        verify_certificate(setting_of(EIGHT, 2, seed=77), certificate.encode())
    body, signature = unpack(certificate.results[0])  # type: ignore[misc]
    forged = pack([body, bytes(64)])
    assert signature != bytes(64)
    swapped = (forged, *certificate.results[1:])
    with pytest.raises(WireError):
        verify_certificate(world.setting, replace(certificate, results=swapped).encode())


# -- audits ----------------------------------------------------------------------------------------


def test_an_audit_follows_the_cohort_from_the_pool() -> None:
    world, _ = certified()
    audit = audit_round(world.setting, world.nodes[2].completed[1].transcript)
    assert audit.cohort_follows
    assert not audit.findings


def test_an_audit_refuses_what_does_not_hold() -> None:
    world, _ = certified()
    one, two = (Transcript.decode(world.nodes[0].completed[round_].transcript) for round_ in (0, 1))
    convicting = Transcript.decode(history("TwoReports").nodes[0].completed[0].transcript)
    broken = [
        replace(one, pool=two.pool),
        replace(one, cohort_votes=two.cohort_votes),
        replace(one, cohort_votes=one.cohort_votes[:3]),
        replace(one, certificate=one.certificate[:-1]),
        replace(one, evidence=convicting.evidence),
        replace(one, void=(Certificate.decode(one.certificate).election,)),
    ]
    assert convicting.evidence
    for transcript in broken:
        with pytest.raises(WireError):
            audit_round(world.setting, transcript.encode())


def test_an_audit_sees_a_cohort_that_its_pool_does_not_give() -> None:
    world, _ = certified()
    transcript = Transcript.decode(world.nodes[0].completed[0].transcript)
    thinner = replace(transcript, pool=transcript.pool[:3])
    assert not audit_round(world.setting, thinner.encode()).cohort_follows
