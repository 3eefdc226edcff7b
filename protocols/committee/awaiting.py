"""Whom a member of the committee waits for. Reads the machines, and changes nothing."""

from __future__ import annotations

from collections import Counter

from protocols.agreement.awaiting import awaited
from protocols.committee.member import Member
from protocols.committee.opening import Opening
from protocols.committee.pool import Pool
from protocols.committee.states import Openness, Seat
from protocols.record.certificate import signatures_needed
from protocols.record.cohort import Panel
from protocols.record.timers import (
    DealingsDue,
    EvidenceCompared,
    ListsDue,
    RelaysDue,
    ReportsCompared,
    ReportsDue,
    SumsDue,
)
from protocols.record.waits import Awaiting, Wait, wait
from protocols.wire.payloads import Kind


def member_waits(member: Member) -> tuple[Wait, ...]:
    """Up to the decision on the cohort."""
    if not member.seated:
        return (Wait(Awaiting.COMMITTEE),)
    pool, seats = member._intake.pool, member._attendance.seats
    match member.state:
        case Seat.DEALING:
            dealers = (
                member._attendance.of(member._panel.selected) - member.receiver.dealings.keys()
            )
            return wait(Awaiting.DEALING, dealers, (DealingsDue(), DealingsDue(hurry=True)))
        case Seat.REPORTING:
            return wait(Awaiting.REPORT, _unreported(pool, seats), (ReportsDue(),))
        case Seat.COMPARING:
            return wait(Awaiting.COMPARISON, _unequal(member, seats), (ReportsCompared(),))
        case Seat.LISTING:
            lists = seats - pool.index.seen.keys()
            return wait(Awaiting.LIST, lists, (ListsDue(), ListsDue(settled=True)))
        case Seat.RELAYING:
            return wait(Awaiting.RELAY, _owing(pool, member._panel), (RelaysDue(),))
        case Seat.ECHOING:
            return wait(Awaiting.COMPARISON, _unequal(member, seats), (EvidenceCompared(),))
        case Seat.AGREEING:
            return _agreement(member, pool)
    return ()


def _unreported(pool: Pool, seats: frozenset[int]) -> frozenset[int]:
    """Who has not reported, or has announced a complaint that has not come."""
    return seats - pool.index.reporters | pool.index.complaining


def _unequal(member: Member, seats: frozenset[int]) -> frozenset[int]:
    return member._intake.comparison.unequal(seats)


def _owing(pool: Pool, panel: Panel) -> frozenset[int]:
    """The asker, once more than t relays say that they have carried its delivery to it; else the
    dealer.
    """
    told = [said for said in pool.statements.values() if said.kind is Kind.ATTESTATION]
    carried = Counter(errand for said in told for errand in panel.attested(said))
    return frozenset(
        errand[1] if carried[errand] > panel.plan.threshold else errand[0]
        for errand in pool.awaited()
    )


def _agreement(member: Member, pool: Pool) -> tuple[Wait, ...]:
    members, seen = member.agreement.terms.electorate.members, pool.index.seen.keys()
    enough = len(seen) >= member._panel.plan.quorum
    unheard = frozenset() if enough else frozenset(members) - seen
    return awaited(member.agreement, Awaiting.COHORT_VOTE, unheard)


def opening_waits(opening: Opening) -> tuple[Wait, ...]:
    """From the decided cohort on, until it is certified."""
    if opening.party.has_signed(Kind.ABANDON):
        return (Wait(Awaiting.OPERATORS),)
    keyed, due = frozenset(opening._committee.keyed), (SumsDue(), SumsDue(last=True))
    if opening.state is Openness.FLIPPING and opening._seated and opening.own.coin is not None:
        here, needed = opening.own.coin.words.keys(), opening._committee.panel.plan.quorum
        return wait(Awaiting.COIN, keyed - here, due, max(1, needed - len(here)))
    if opening.state is Openness.SUMMING and opening._seated:
        here, needed = opening._words.keys(), opening._committee.panel.plan.quorum
        return wait(Awaiting.SUM, keyed - here, due, max(1, needed - len(here)))
    if opening.state in (Openness.FLIPPING, Openness.SUMMING, Openness.OPENED):
        signed, needed = opening._sums.results.keys(), signatures_needed(opening.party.setting)
        return wait(Awaiting.RESULT, keyed - signed, due, max(1, needed - len(signed)))
    return ()
