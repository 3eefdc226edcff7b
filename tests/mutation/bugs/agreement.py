"""Planted bugs: votes, locks and views."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from protocols.wire.payloads import Kind
from tests.mutation import liars, scripts
from tests.mutation.arena import NOTHING, late_view, schedules
from tests.mutation.attacks import (
    behind_then_restarted,
    leading,
)
from tests.mutation.bug import Bugs, always

BUGS = Bugs()
plant = BUGS.plant
TWO_OUTCOMES = leading(liars.TWO_OUTCOMES, guilty=True)
REPORTED = behind_then_restarted(Kind.REPORT)


RULES = "protocols.agreement.rules:"
VOTES = "protocols.record.votes:check_quorum"
SIGNED = "protocols.record.party:Party.signed"


def _fewer(sound: Any) -> Any:
    def check_quorum(setting: Any, electorate: Any, *rest: Any) -> Any:
        return sound(setting, replace(electorate, quorum=electorate.quorum - 1), *rest)

    return check_quorum


def _no_repeats(sound: Any) -> Any:
    """Counts votes, not voters."""

    def check_quorum(
        setting: Any, electorate: Any, kind: Any, where: Any, votes: Any, value: Any
    ) -> Any:
        least = electorate.quorum - (len(votes) - len(set(votes)))
        fewer = replace(electorate, quorum=least)
        return sound(setting, fewer, kind, where, list(dict.fromkeys(votes)), value)

    return check_quorum


plant(
    "one vote fewer decides, for all",
    RULES + "is_quorum",
    lambda sound: lambda votes, quorum: votes >= quorum - 1,
    schedules,
    "agreement",
    also=((VOTES, _fewer),),
)
plant(
    "one vote fewer decides on the cohort",
    RULES + "is_quorum",
    lambda sound: lambda votes, quorum: votes >= quorum - 1,
    TWO_OUTCOMES,
    "agreement one-opening refused journal termination blame",
    seeds=3,
    also=((VOTES, _fewer),),
)
plant(
    "a quorum with a vote too few is taken",
    VOTES,
    _fewer,
    scripts.short_of_a_vote,
    "agreement",
    seeds=1,
)
plant("a vote counts twice", VOTES, _no_repeats, schedules, "agreement")
BELOW = "protocols.agreement.locks:Locks.below"
plant(
    "locks are forgotten",
    RULES + "highest",
    always(None),
    late_view,
    "agreement",
    also=((BELOW, always(None)),),
)
plant(
    "locks are forgotten at a restart",
    "protocols.agreement.locks:Locks._restored",
    lambda sound: lambda self: {},
    scripts.forgotten_lock,
    "agreement",
    seeds=1,
)
plant(
    "a member restarts in the first view",
    RULES + "restored_view",
    always(0),
    scripts.back_to_an_old_view,
    "agreement",
    seeds=1,
)
plant(
    "a lock yields to any proposal",
    RULES + "accepts",
    lambda sound: lambda view, mine, outcome, shown, judge: True,
    late_view,
    "agreement",
    also=((BELOW, always(None)),),
)
plant(
    "a lock yields to an older one",
    RULES + "accepts",
    lambda sound: (
        lambda view, mine, outcome, shown, judge: (
            True if shown is not None else sound(view, mine, outcome, shown, judge)
        )
    ),
    scripts.older_lock,
    "agreement",
    seeds=1,
)
plant(
    "whoever loses patience forgets its lock",
    RULES + "accepts",
    lambda sound: (
        lambda view, mine, outcome, *rest: outcome == NOTHING or sound(view, mine, outcome, *rest)
    ),
    scripts.given_up,
    "agreement",
    seeds=1,
)
plant(
    "members give up before their patience is over",
    RULES + "approves",
    lambda sound: lambda giving_up, patience_over, judge: giving_up or judge(),
    scripts.given_up_at_once,
    "abort",
    seeds=1,
)
plant(
    "second votes for views that are over",
    "protocols.agreement.machine:Agreement._vote_second",
    lambda sound: lambda self: _in_all_views(sound, self),
    scripts.late_votes,
    "agreement",
    seeds=1,
)
plant(
    "a vote is signed anew after a restart",
    SIGNED,
    lambda sound: lambda self, *said: _without_journal(sound, self, *said),
    schedules,
    "signed-twice",
)
plant(
    "statements are signed anew after a restart",
    SIGNED,
    lambda sound: lambda self, *said: _without_journal(sound, self, *said),
    REPORTED,
    "signed-twice journal",
    seeds=1,
)


def _in_all_views(sound: Any, agreement: Any) -> None:
    """Looks at the first votes of every view that there was, not at the current one's alone."""
    current = agreement.view
    for view in sorted(agreement._ballots.views(Kind.FIRST_VOTE)):
        if view <= current:
            agreement.view = view
            sound(agreement)
    agreement.view = current


def _without_journal(
    sound: Any, party: Any, kind: Any, payload: Any, subject: int, view: int
) -> Any:
    party.journal._entries.pop(party.slot(kind, subject, view).key(), None)
    return sound(party, kind, payload, subject, view)
