"""From any state: the messages arrive from now on, the liars are silent. Does the attempt end?

No search is needed. Honest members time out into a view beyond all that were explored, whose
leader is honest, and every one follows the rules with everything delivered.
"""

from __future__ import annotations

from collections.abc import Sequence

from peerd.simulation.modelcheck.member import EMPTY, Lock, Seat, Setting, take

MIXED = "some have abstained, others have signed a second vote"


def stuck(setting: Setting, seats: Sequence[Seat]) -> str:
    """Why no decision and no quorum of abstentions comes, or ""; with willing judges and without.

    A judge refuses where honest members' inputs differ: then abstention must be the way out.
    """
    for judged in (True, False):
        willing = judged or setting.give_up_by_vote  # "no cohort" is proposed, and nobody judges it
        if not _decides(setting, seats, willing) and not _ends(setting, seats):
            return MIXED if _mixed(seats) else "stuck"
    return ""


def _decides(setting: Setting, seats: Sequence[Seat], willing: bool) -> bool:
    """One view with an honest leader: NEW_VIEWs, proposal, first votes, second votes."""
    rules = setting.rules
    view = len(seats[0].first)
    shown = [seat.lock for seat in seats if seat.lock is not None]
    informed = list(seats)
    for other in shown:
        informed = [take(setting, seat, other) for seat in informed]
    if not rules.may_lead(view, len(seats), setting.members, setting.quorum, True):
        return False
    lock = informed[0].lock
    outcome, proof = (lock.outcome, lock.view) if lock is not None else (EMPTY, None)
    accepting = [
        rules.may_first_vote(False, False)
        and rules.accepts(view, seat.lock, outcome, proof, lambda: willing)
        for seat in informed
    ]
    if not rules.is_quorum(sum(accepting), setting.quorum):
        return False
    locked = [take(setting, seat, Lock(view, outcome)) for seat in informed]
    voting = [rules.may_second_vote(view, view, False, seat.abstained, False) for seat in locked]
    return bool(rules.is_quorum(sum(voting), setting.quorum))


def _ends(setting: Setting, seats: Sequence[Seat]) -> bool:
    """Patience is over: whoever may abstain does."""
    rules = setting.rules
    if setting.give_up_by_vote:
        return False
    words = [seat.abstained or rules.may_abstain(False, any(seat.second)) for seat in seats]
    return bool(rules.proves_no_decision(sum(words), setting.quorum, False))


def _mixed(seats: Sequence[Seat]) -> bool:
    return any(seat.abstained for seat in seats) and any(any(seat.second) for seat in seats)
