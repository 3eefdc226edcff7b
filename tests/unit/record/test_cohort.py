"""The cohort as a function of evidence: each rule of docs/protocol.md §3, both ways."""

from __future__ import annotations

import pytest

from peerd.laboratory.simulation.crypto import Pretend
from protocols.errors import WireError
from protocols.plan import CommitteePlan
from protocols.record.cohort import (
    Cohort,
    Exclusion,
    Panel,
    awaited_errands,
    decide,
    errands,
    gather,
)
from protocols.wire.payloads import Answer, Attestation, Check, Kind, Payload, Report, Seen, Topic
from protocols.wire.statement import Slot, Statement, sign

M = 8
PANEL = Panel(CommitteePlan(M, 2, 1, 0), tuple(range(M)), tuple(range(M)), 2)
HEADER = b"h" * 32
OTHER = b"o" * 32
KEY = b"k" * 32


def said(signer: int, kind: Kind, payload: Payload, subject: int = 0) -> Statement:
    return sign(
        Pretend(), bytes([signer]) * 32, b"g" * 32, Slot(0, 0, kind, subject, 0, signer), payload
    )


def reports(**about: dict[int, tuple[Check, bytes]]) -> list[Statement]:
    """OK of everyone for every dealer, but for what ``about`` d0, d1, … says by member; and who
    holds these: all of them.
    """
    found = []
    for member in range(M):
        words = []
        for dealer in range(M):
            word, data = about.get(f"d{dealer}", {}).get(member, (Check.OK, HEADER))
            words.append((dealer, int(word), data))
        found.append(said(member, Kind.REPORT, Report(tuple(words))))
    return found + [lists(member, *found) for member in range(M)]


def lists(member: int, *held: Statement) -> Statement:
    named = tuple(sorted(report.hash for report in held))
    return said(member, Kind.SEEN, Seen(named, ()), Topic.COHORT)


def ask(*members: int) -> dict[int, tuple[Check, bytes]]:
    return dict.fromkeys(members, (Check.ASK, KEY))


def attested(dealer: int, asker: int, relays: int) -> list[Statement]:
    return [attests(relay, (dealer, asker)) for relay in PANEL.relays(asker)[:relays]]


def attests(relay: int, *carried: tuple[int, int]) -> Statement:
    return said(relay, Kind.ATTESTATION, PANEL.attestation(relay, carried))


def answer(dealer: int, asker: int, header: bytes = HEADER) -> Statement:
    return said(asker, Kind.ANSWER, Answer(header), PANEL.errand(dealer, asker))


def dealers(statements: list[Statement], guilty: tuple[int, ...] = ()) -> tuple[int, ...]:
    return decide(PANEL, gather(PANEL, statements, guilty)).peers


ALL = tuple(range(M))
BUT_3 = (0, 1, 2, 4, 5, 6, 7)


def test_all_oks() -> None:
    assert dealers(reports()) == ALL


def test_a_quorum_of_oks_is_needed_for_one_header() -> None:
    two_lack = dict.fromkeys((0, 1), (Check.COMPLAINT, HEADER))
    three_lack = dict.fromkeys((0, 1, 2), (Check.COMPLAINT, HEADER))
    other = dict.fromkeys((0, 1, 2), (Check.OK, OTHER))
    assert dealers(reports(d3=two_lack)) == ALL
    assert dealers(reports(d3=three_lack)) == BUT_3
    assert dealers(reports(d3=other)) == BUT_3


@pytest.mark.parametrize(("relays", "stands"), [(0, False), (2, False), (3, True), (5, True)])
def test_an_ask_is_resolved_by_more_than_t_attestations(relays: int, stands: bool) -> None:
    pool = reports(d3=ask(6)) + attested(3, 6, relays)
    assert dealers(pool) == (ALL if stands else BUT_3)
    assert awaited(pool) == [(3, 6)], "its asker may hold proof against the dealer"


def test_one_attestation_says_what_a_relay_has_carried() -> None:
    relay = PANEL.relays(6)[0]
    askers = [asker for asker in ALL if relay in PANEL.relays(asker)]
    carried = [(dealer, asker) for dealer in (3, 5) for asker in askers]
    assert len(askers) == 5
    findings = gather(PANEL, [attests(relay, *carried)], ())
    assert set(findings.attestations) == set(carried)


def test_an_attestation_about_nobody() -> None:
    with pytest.raises(WireError, match="a bit for nobody"):
        list(PANEL.attested(said(0, Kind.ATTESTATION, Attestation(b"\0" * 5 + b"\1"))))


@pytest.mark.parametrize(("named", "counts"), [(0, False), (2, False), (3, True), (8, True)])
def test_a_report_counts_that_more_than_t_have_listed(named: int, counts: bool) -> None:
    """One that only liars have seen could not be answered: what it asks shuts nobody out."""
    found = [report for report in reports(d3=ask(6)) if report.kind is Kind.REPORT]
    others = [report for report in found if report.signer != 6]
    seen = [lists(member, *(found if member < named else others)) for member in range(M)]
    findings = gather(PANEL, [*found, *seen], ())
    assert (6 in findings.counted) is counts
    assert dealers([*found, *seen]) == (BUT_3 if counts else ALL)


def test_what_somebody_saw_of_an_election_is_no_list_of_reports() -> None:
    found = [report for report in reports() if report.kind is Kind.REPORT]
    named = tuple(sorted(report.hash for report in found))
    seen = [said(member, Kind.SEEN, Seen(named, ()), Topic.COMMITS) for member in range(M)]
    assert not gather(PANEL, [*found, *seen], ()).counted


def test_the_word_of_the_guilty_counts_for_nothing() -> None:
    """Their reports, lists, answers and attestations: else all of these would be shown."""
    pool = [*reports(d3=ask(6)), answer(3, 6), attests(7, (3, 6))]
    findings = gather(PANEL, pool, (6, 7))
    assert {6, 7}.isdisjoint({*findings.counted, *findings.seen})
    assert not findings.answers and not findings.attestations


def awaited(pool: list[Statement]) -> list[tuple[int, int]]:
    return awaited_errands(PANEL, gather(PANEL, pool, ()), ALL)


def test_an_answer_resolves_only_under_the_header_that_stands() -> None:
    assert dealers([*reports(d3=ask(6)), answer(3, 6)]) == ALL
    assert awaited([*reports(d3=ask(6)), answer(3, 6)]) == []
    bogus = [*reports(d3=ask(6)), answer(3, 6, OTHER)]
    assert dealers(bogus) == BUT_3
    assert awaited(bogus) == [(3, 6)], "a bogus answer ends nothing"
    assert dealers(bogus + attested(3, 6, 3)) == ALL, "nor shuts out a dealer that delivered"


def test_more_than_t_plus_e_askers_make_a_dealer_absent() -> None:
    two = [*reports(d3=ask(5, 6)), answer(3, 5), answer(3, 6)]
    three = [*reports(d3=ask(4, 5, 6)), answer(3, 4), answer(3, 5), answer(3, 6)]
    assert dealers(two) == ALL
    assert dealers(three) == BUT_3
    assert list(errands(PANEL, gather(PANEL, two, ()), ALL)) == [(3, 5), (3, 6)]
    assert list(errands(PANEL, gather(PANEL, three, ()), ALL)) == [], "nothing depends on them"


def test_the_guilty_are_out_and_named_as_such() -> None:
    cohort = decide(PANEL, gather(PANEL, reports(), (3,)))
    assert cohort.peers == BUT_3
    assert cohort.excluded == ((3, int(Exclusion.GUILTY)),)
    assert cohort.absent == ()


def test_two_reports_void_both_and_convict_their_signer() -> None:
    double = said(3, Kind.REPORT, Report(((0, int(Check.OK), OTHER),)))
    findings = gather(PANEL, [*reports(), double], ())
    assert findings.guilty == {3}
    assert 3 not in findings.counted


def test_too_small_a_cohort_opens_nothing() -> None:
    """|D|min = max(2b + 1, b + 2, ⌈2s/3⌉) = 6 of 8 (docs/protocol.md §5)."""
    assert len(dealers(reports(), guilty=(0, 1))) == 6
    assert dealers(reports(), guilty=(0, 1, 2)) == ()


def test_the_order_of_the_evidence_does_not_matter() -> None:
    pool = reports(d3=ask(6), d4=ask(1)) + attested(3, 6, 3)
    assert decide(PANEL, gather(PANEL, pool, ())) == decide(PANEL, gather(PANEL, pool[::-1], ()))


@pytest.mark.parametrize(
    "cohort",
    [
        Cohort(((2, HEADER), (1, HEADER)), ()),
        Cohort(((1, HEADER), (1, HEADER)), ()),
        Cohort(((1, HEADER),), ((1, int(Exclusion.ABSENT)),)),
        Cohort(((1, HEADER[:-1]),), ()),
        Cohort((), ((1, 3),)),
    ],
)
def test_a_cohort_has_one_encoding(cohort: Cohort) -> None:
    with pytest.raises(WireError):
        Cohort.decode(cohort.encode())


def test_relays_are_the_seats_after_the_asker() -> None:
    assert PANEL.relays(6) == (7, 0, 1, 2, 3)
    assert PANEL.errand_of(PANEL.errand(5, 2)) == (5, 2)
    with pytest.raises(WireError):
        PANEL.errand_of(PANEL.errand(7, 7) + 1)
