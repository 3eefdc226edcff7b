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
    gather,
    open_errands,
)
from protocols.wire.statement import (
    Answer,
    Attestation,
    Check,
    Kind,
    Payload,
    Report,
    Slot,
    Statement,
    sign,
)

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
    """OK of everyone for every dealer, but for what ``about`` d0, d1, … says by member."""
    found = []
    for member in range(M):
        words = []
        for dealer in range(M):
            word, data = about.get(f"d{dealer}", {}).get(member, (Check.OK, HEADER))
            words.append((dealer, int(word), data))
        found.append(said(member, Kind.REPORT, Report(tuple(words))))
    return found


def ask(*members: int) -> dict[int, tuple[Check, bytes]]:
    return dict.fromkeys(members, (Check.ASK, KEY))


def attested(dealer: int, asker: int, relays: int, delivery: bytes = b"d" * 32) -> list[Statement]:
    chosen = PANEL.relays(asker)[:relays]
    subject = PANEL.errand(dealer, asker)
    return [said(relay, Kind.ATTESTATION, Attestation(delivery), subject) for relay in chosen]


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
    assert open_errands(PANEL, gather(PANEL, pool, ())) == ([] if stands else [(3, 6)])
    assert awaited_errands(PANEL, gather(PANEL, pool, ())) == [(3, 6)]


def test_attestations_of_different_deliveries_do_not_add_up() -> None:
    pool = reports(d3=ask(6)) + attested(3, 6, 5)[:2]
    relay = PANEL.relays(6)[2]
    pool.append(said(relay, Kind.ATTESTATION, Attestation(b"e" * 32), PANEL.errand(3, 6)))
    assert dealers(pool) == BUT_3


def test_who_is_no_relay_attests_nothing() -> None:
    outsiders = [peer for peer in ALL if peer not in PANEL.relays(6) and peer != 6]
    subject = PANEL.errand(3, 6)
    pool = reports(d3=ask(6)) + attested(3, 6, 2)
    pool += [said(p, Kind.ATTESTATION, Attestation(b"d" * 32), subject) for p in outsiders]
    assert dealers(pool) == BUT_3


def test_an_answer_resolves_only_under_the_header_that_stands() -> None:
    assert dealers([*reports(d3=ask(6)), answer(3, 6)]) == ALL
    assert awaited_errands(PANEL, gather(PANEL, [*reports(d3=ask(6)), answer(3, 6)], ())) == []
    bogus = [*reports(d3=ask(6)), answer(3, 6, OTHER)]
    assert dealers(bogus) == BUT_3
    assert open_errands(PANEL, gather(PANEL, bogus, ())) == [(3, 6)], "a bogus answer ends nothing"
    assert dealers(bogus + attested(3, 6, 3)) == ALL, "nor shuts out a dealer that delivered"


def test_more_than_t_plus_e_askers_make_a_dealer_absent() -> None:
    two = [*reports(d3=ask(5, 6)), answer(3, 5), answer(3, 6)]
    three = [*reports(d3=ask(4, 5, 6)), answer(3, 4), answer(3, 5), answer(3, 6)]
    assert dealers(two) == ALL
    assert dealers(three) == BUT_3
    assert open_errands(PANEL, gather(PANEL, three, ())) == []


def test_the_guilty_are_out_and_named_as_such() -> None:
    cohort = decide(PANEL, gather(PANEL, reports(), (3,)))
    assert cohort.peers == BUT_3
    assert cohort.excluded == ((3, int(Exclusion.GUILTY)),)
    assert cohort.absent == ()


def test_two_reports_void_both_and_convict_their_signer() -> None:
    double = said(3, Kind.REPORT, Report(((0, int(Check.OK), OTHER),)))
    findings = gather(PANEL, [*reports(), double], ())
    assert findings.guilty == {3}
    assert 3 not in findings.reports


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
