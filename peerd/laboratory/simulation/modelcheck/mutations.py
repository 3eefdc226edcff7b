"""Planted bugs, one rule each: what shows that the checker can fail (docs/formal.md).

``MUTATIONS`` maps a bug's name to the setting in which it shows and to a word of the violation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from peerd.laboratory.simulation.modelcheck.member import (
    EMPTY,
    Lock,
    Seat,
    Setting,
    changed_rules,
    restore,
)
from protocols.agreement import rules


def _forget_lock(seat: Seat, the_rules: Any) -> Seat:
    return restore(seat, the_rules)._replace(lock=None)


def _sign_again(journaled: int, outcome: int) -> int:
    return journaled | 1 << outcome


def _accepts_any_lock(
    view: int, mine: Lock | None, outcome: int, shown: int | None, judge: Callable[[], bool]
) -> bool:
    return shown < view if shown is not None else rules.accepts(view, mine, outcome, None, judge)


def _accepts_without_lock(
    view: int, mine: Lock | None, outcome: int, shown: int | None, judge: Callable[[], bool]
) -> bool:
    return judge() if shown is None else rules.accepts(view, mine, outcome, shown, judge)


def _accepts_only_later_locks(
    view: int, mine: Lock | None, outcome: int, shown: int | None, judge: Callable[[], bool]
) -> bool:
    if shown is not None and mine is not None:
        return mine.view < shown < view
    return rules.accepts(view, mine, outcome, shown, judge)


def _gives_up_in_spite_of_a_lock(
    view: int, mine: Lock | None, outcome: int, shown: int | None, judge: Callable[[], bool]
) -> bool:
    return outcome == EMPTY or rules.accepts(view, mine, outcome, shown, judge)


def _lowest(locks: Mapping[int, Lock]) -> Lock | None:
    return locks[min(locks)] if locks else None


def _votes_in_old_views(view: int, current: int, voted: bool) -> bool:
    return view <= current and rules.may_second_vote(view, view, voted)


def _mutant(views: tuple[int, ...] = (2,), outcomes: int = 2, **changes: Any) -> Setting:
    return Setting(views, outcomes, rules=changed_rules(**changes))


def _three_views(**changes: Any) -> Setting:
    return Setting((3,), 2, rules=changed_rules(**changes))


TWO_DECISIONS = "two decisions"
TWO_VOTES = "two different votes"
TWO_OPENINGS = "two cohorts"
UNAPPROVED = "a resolution that"
FIRST = frozenset({0})

MUTATIONS: dict[str, tuple[Setting, str]] = {
    "a restart forgets the lock": (Setting((2,), 2, restart=_forget_lock), TWO_DECISIONS),
    "a restart goes back to view 0": (
        _mutant(restored_view=lambda signed: 0),
        TWO_DECISIONS,
    ),
    "a quorum is one smaller": (
        Setting(
            (2,),
            2,
            rules=changed_rules(is_quorum=lambda votes, quorum: votes >= quorum - 1),
        ),
        TWO_DECISIONS,
    ),
    "the desk signs a slot twice": (Setting((2,), 2, sign=_sign_again), TWO_VOTES),
    "two first votes in one view": (
        Setting(
            (1,),
            2,
            sign=_sign_again,
            restarts=False,
            rules=changed_rules(may_first_vote=lambda voted, refused: not refused),
        ),
        TWO_VOTES,
    ),
    "whoever gives up forgets its lock": (
        _mutant((2, 1), 2, accepts=_gives_up_in_spite_of_a_lock),
        TWO_DECISIONS,
    ),
    "a second vote in a view that is over": (
        _mutant(may_second_vote=_votes_in_old_views),
        TWO_DECISIONS,
    ),
    "an earlier lock replaces a later one": (
        _three_views(accepts=_accepts_any_lock),
        TWO_DECISIONS,
    ),
    "a proposal without a lock is only judged": (
        _mutant(accepts=_accepts_without_lock),
        TWO_DECISIONS,
    ),
    "no lock is journaled": (_mutant(keeps=lambda locks, lock: False), TWO_DECISIONS),
    "the lowest lock binds": (_three_views(highest=_lowest), TWO_DECISIONS),
    "approvals of b + 1 make a resolution": (
        Setting((1,), 2, firsts=FIRST, approvers=1, enough=lambda approvals, quorum: approvals > 1),
        UNAPPROVED,
    ),
    "a resolution needs no approvals": (
        Setting((1,), 2, firsts=FIRST, enough=lambda approvals, quorum: True),
        UNAPPROVED,
    ),
    "a resolution does not end the round": (
        Setting(
            (1, 1),
            2,
            firsts=FIRST,
            approvers=2,
            rules=changed_rules(opens=lambda dealers: False),
        ),
        TWO_OPENINGS,
    ),
    "a decided cohort does not end the round": (
        _mutant((1, 1), 3, opens=lambda dealers: dealers > 1),
        TWO_OPENINGS,
    ),
}

DEADLOCKS: dict[str, Setting] = {
    "a leader waits for the locks of all, the silent too": _mutant(
        may_lead=lambda view, heard, members, quorum, patience_over: heard >= members
    ),
    "a locked member refuses its own lock": _mutant(accepts=_accepts_only_later_locks),
    "nobody proposes to give up": _mutant(gives_up=lambda patience_over, lock: False),
    "to give up needs evidence": _mutant(approves=lambda giving_up, patience_over, judge: judge()),
    "nobody's patience ends": _mutant(
        approves=lambda giving_up, patience_over, judge: not giving_up and judge()
    ),
}
"""Bugs that let no wrong thing happen, and nothing else either: states with no way to an end."""
