"""Whom a member of an agreement waits for. Reads the machine, and changes nothing."""

from __future__ import annotations

from protocols.agreement.machine import Agreement
from protocols.record.timers import ViewOver
from protocols.record.waits import Awaiting, Wait, wait
from protocols.wire.payloads import Kind


def awaited(agreement: Agreement, what: Awaiting, unheard: frozenset[int]) -> tuple[Wait, ...]:
    """``unheard``: whose inputs a leader without a lock needs and, as far as is known here, lacks.

    The votes of a view need its proposal, that its inputs or locks, and a later view that a quorum
    has come to it. Of whatever lacks first any that make a quorum are enough.
    """
    view, electorate = agreement.view, agreement.terms.electorate
    if view < 0 or agreement.decision is not None:
        return ()
    # Who may lead can sign: a seat without a key is awaited by nobody.
    members = frozenset(agreement.terms.leaders)
    until = (ViewOver(int(agreement.terms.topic), view),)

    def rest(here: frozenset[int]) -> tuple[Wait, ...]:
        return wait(what, members - here, until, max(1, electorate.quorum - len(here)))

    ballots, leader = agreement._ballots, agreement.terms.leader(view)
    if view > 0 and not agreement._views.clock.runs(view):
        return rest(agreement._views.clock.arrived(view))
    if agreement._proposals.of(view) is None:
        if unheard and not agreement._locks:
            return rest(members - unheard)
        if leader == agreement.party.me:
            return rest(ballots.members(Kind.NEW_VIEW, view))
        return wait(what, {leader}, until)
    locked = agreement._locks.of(view) is not None
    return rest(ballots.members(Kind.SECOND_VOTE if locked else Kind.FIRST_VOTE, view))
