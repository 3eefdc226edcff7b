"""From any state: the messages arrive from now on, the liars are silent. Does the attempt end?

No search is needed. Honest members lose patience and time out into a view beyond all that were
explored, whose leader is honest, and every one follows the rules with everything delivered.
"""

from __future__ import annotations

from collections.abc import Sequence

from peerd.laboratory.simulation.modelcheck.member import EMPTY, Lock, Seat, Setting, take

OWN = 1
"""What an honest leader's inputs call for."""


def stuck(setting: Setting, seats: Sequence[Seat]) -> str:
    """Why no decision comes, or ""; with willing judges and without.

    A judge refuses for good where honest members' inputs differ, or evidence is missing.
    """
    refusing = [willing for willing in (True, False) if not _decides(setting, seats, willing)]
    return "stuck" if refusing else ""


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
    outcome, proof = _proposal(setting, informed[0].lock)
    accepting = [
        rules.may_first_vote(False, False)
        and rules.accepts(
            view,
            seat.lock,
            outcome,
            proof,
            lambda: rules.approves(outcome == EMPTY, True, lambda: willing),
        )
        for seat in informed
    ]
    if not rules.is_quorum(sum(accepting), setting.quorum):
        return False
    voting = [rules.may_second_vote(view, view, False) for seat in informed]
    return bool(rules.is_quorum(sum(voting), setting.quorum))


def _proposal(setting: Setting, lock: Lock | None) -> tuple[int, int | None]:
    """(outcome, view of the first votes that are shown) of a leader whose patience is over."""
    if lock is not None:
        return lock.outcome, lock.view
    return (EMPTY if setting.rules.gives_up(True, lock) else OWN), None
