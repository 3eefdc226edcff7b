"""What a peer waits for now, as its machines tell whoever asks: nothing is changed by asking."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from protocols.record.effects import Event


class Awaiting(Enum):
    """What is to come from a peer, or what for where nobody in particular is awaited."""

    HEAD = "where the group stands"
    RECALLED = "what this peer signed before"
    CERTIFICATES = "certificates, and a model, that lead on"
    ROUND_END = "the end of a round that is sat out"
    ATTEMPT = "members without whom an attempt had no quorum"
    OPERATORS = "operators: nothing more is tried"
    COMMITMENT = "a commitment"
    REVEAL = "a reveal"
    COMMITS_VOTE = "its part in the agreement on the commitments"
    REVEALS_VOTE = "its part in the agreement on the reveals"
    COMMITTEE = "the committee's decision, of which this peer is no member"
    UPDATE = "this peer's own update, which is being trained"
    DEALING = "a dealing"
    REPORT = "a report on the dealings"
    COMPARISON = "that it holds the same evidence"
    LIST = "a list of the reports that it holds"
    RELAY = "a share that a member asked for"
    COHORT_VOTE = "its part in the agreement on the cohort"
    COIN = "its share of the coin that noise gets its signs from"
    SUM = "a sum of shares"
    RESULT = "a signed result"
    OPENED_SUM = "the opened sum"


@dataclass(frozen=True, slots=True)
class Wait:
    """``peers`` of the roster are awaited; none of them where nobody in particular is. So many of
    them are ``enough``, all if that is None. The waiting ends with the first of these timers'
    events (``until``), if there are any.
    """

    what: Awaiting
    peers: frozenset[int] = frozenset()
    until: tuple[Event, ...] = ()
    enough: int | None = None

    def among(self, present: frozenset[int]) -> Wait:
        """Of those awaited, the connected ones alone, where these are enough."""
        here = self.peers & present
        needed = len(self.peers) if self.enough is None else self.enough
        return Wait(self.what, here if len(here) >= needed else self.peers, self.until)


def wait(
    what: Awaiting, peers: Iterable[int], until: tuple[Event, ...] = (), enough: int | None = None
) -> tuple[Wait, ...]:
    """For these peers; nothing where there are none."""
    awaited = frozenset(peers)
    return (Wait(what, awaited, until, enough),) if awaited else ()
