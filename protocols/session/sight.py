"""What a peer waits for now, and from whom: told to its operator, who would else see a stall only.

Reads the machines, and changes nothing.
"""

from __future__ import annotations

from dataclasses import replace

from protocols.committee.awaiting import member_waits, opening_waits
from protocols.election.awaiting import flip_waits
from protocols.record.election import Election
from protocols.record.timers import RecallOver, RetryDue, SurveyOver, TooSlow
from protocols.record.waits import Awaiting, Wait, wait
from protocols.session.attempt import Attempt
from protocols.session.catchup import CatchUp
from protocols.session.participation import Participation
from protocols.session.phases import Aggregating, Summing
from protocols.session.round import Round
from protocols.session.states import Rounding, Standing


def waits(part: Participation, catch_up: CatchUp, round_: Round) -> tuple[Wait, ...]:
    """Of those awaited the connected ones alone that have not announced that they are away, where
    these are enough.
    """
    found = (*_catching_up(catch_up), *_taking_part(part, round_))
    me, present = part._peer.me, part._availability.awaited
    told = (each if each.what is Awaiting.UPDATE else _but(each, me) for each in found)
    return tuple(each.among(present) for each in told if each is not None)


def _but(each: Wait, me: int) -> Wait | None:
    """Nobody waits for itself, but for its own update: it will say its own part."""
    if me not in each.peers:
        return each
    others = each.peers - {me}
    enough = None if each.enough is None else max(1, each.enough - 1)
    return replace(each, peers=others, enough=enough) if others else None


def _catching_up(catch_up: CatchUp) -> tuple[Wait, ...]:
    following = [
        found
        for peer in sorted(catch_up._following)
        for found in wait(Awaiting.CERTIFICATES, {peer}, (TooSlow(peer), TooSlow(peer, model=True)))
    ]
    if following or not catch_up._surveys:
        return tuple(following)
    return wait(Awaiting.HEAD, catch_up._asked - catch_up._heads.keys(), (SurveyOver(),))


def _taking_part(part: Participation, round_: Round) -> tuple[Wait, ...]:
    asked = part._permit.recall.awaited(part._neighbours.present)
    match part.state:
        case Standing.ASKING:
            return wait(Awaiting.RECALLED, asked, (RecallOver(),))
        case Standing.SUSPECT | Standing.SITTING_OUT:
            return (*wait(Awaiting.RECALLED, asked), Wait(Awaiting.ROUND_END))
        case Standing.RUNNING:
            return (*_training(part, round_), *_round(round_))
    return ()


def _training(part: Participation, round_: Round) -> tuple[Wait, ...]:
    update, attempt = round_._update, round_.attempt
    decided = attempt is not None and attempt.cohort_decided
    if not update.asked or update.values is not None or decided:
        return ()
    return (Wait(Awaiting.UPDATE, frozenset({part._peer.me})),)


def _round(round_: Round) -> tuple[Wait, ...]:
    attempt = round_.attempt
    match round_.state:
        case Rounding.TRYING if attempt is not None:
            return _attempt(attempt)
        case Rounding.PAUSING if attempt is not None:
            return wait(Awaiting.ATTEMPT, _without(attempt), (RetryDue(),))
        case Rounding.SPENT:
            return (Wait(Awaiting.OPERATORS),)
    return ()


def _attempt(attempt: Attempt) -> tuple[Wait, ...]:
    phase = attempt.phase
    if attempt.lacks_sum:
        signers = attempt._fetch._peers if attempt._fetch is not None else ()
        return wait(Awaiting.OPENED_SUM, signers, enough=1)
    if attempt.over:
        return ()
    if isinstance(phase, Summing):
        return opening_waits(phase.opening)
    if isinstance(phase, Aggregating):
        return member_waits(phase.member)
    return flip_waits(phase.flip)


def _without(attempt: Attempt) -> frozenset[int]:
    """Who had no key in an attempt that ended for want of a quorum, and is not guilty."""
    decision = attempt.phase.flip.agreement(attempt.party.setting.elects_by).decision
    everyone = frozenset(attempt.party.everyone())
    if decision is None:
        return everyone
    election = Election.decode(decision.outcome)
    guilty = {peer for peer, _ in election.guilty}
    return everyone - {peer for peer, _, _ in election.seats} - guilty
