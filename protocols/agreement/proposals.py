"""The proposals of an agreement, and the outcomes that are known by their hash."""

from __future__ import annotations

from collections.abc import Iterable

from protocols.agreement.terms import Terms
from protocols.record.votes import outcome_hash
from protocols.wire.frames import ProposalFrame
from protocols.wire.payloads import Topic
from protocols.wire.statement import Statement


class Proposals:
    """One a view. ``refused``: the views whose proposal this member does not vote for."""

    def __init__(self, terms: Terms, outcomes: Iterable[bytes]) -> None:
        self.refused: set[int] = set()
        self._terms = terms
        self._by_view: dict[int, tuple[Statement, ProposalFrame]] = {}
        self._outcomes: dict[bytes, bytes] = {}
        for outcome in outcomes:
            self.keep(outcome)

    def of(self, view: int) -> tuple[Statement, ProposalFrame] | None:
        return self._by_view.get(view)

    def take(self, statement: Statement, frame: ProposalFrame, current: int) -> None:
        """Of each leader the last proposal is kept: each may fill a frame, nothing is judged before
        its view, and an honest leader has left the views that it led before.
        """
        view = statement.slot.view
        leader = self._terms.leader(view)
        led = [known for known in self._by_view if self._terms.leader(known) == leader]
        for known in led:
            if known < view:
                del self._by_view[known]
        if all(known <= view for known in led):
            self._by_view.setdefault(view, (statement, frame))
            self.begun(view, current)

    def begun(self, view: int, current: int) -> None:
        """Once a view has begun, its proposal's outcome is kept for good. Until then it waits with
        it, and goes with it: each may fill a statement, and a leader has many views ahead.
        """
        if view <= current and view in self._by_view:
            self.keep(self._by_view[view][1].outcome)

    def keep(self, outcome: bytes) -> None:
        self._outcomes[outcome_hash(self._topic, outcome)] = outcome

    def outcome(self, value: bytes) -> bytes | None:
        """The outcome of this hash, if it is here."""
        known = self._outcomes.get(value)
        waiting = (
            frame.outcome for said, frame in self._by_view.values() if said.payload.outcome == value
        )
        return known if known is not None else next(waiting, None)

    @property
    def _topic(self) -> Topic:
        return self._terms.topic
