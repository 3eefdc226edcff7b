"""When the time of a view runs, and who is in which view (docs/protocol.md §5)."""

from __future__ import annotations

from protocols.agreement import rules
from protocols.agreement.terms import Terms
from protocols.record.effects import Step
from protocols.record.party import Party, Role
from protocols.record.timers import LocksDue, ViewOver, ViewWaits


class Clock(Role):
    """Keeps the highest view that each member has announced: one number for each."""

    def __init__(self, party: Party, terms: Terms) -> None:
        super().__init__(party)
        self._topic = int(terms.topic)
        self._electorate = terms.electorate
        self._announced: dict[int, int] = {}
        self._running = -1

    def note(self, member: int, view: int) -> None:
        """This member has announced this view."""
        self._announced[member] = max(view, self._announced.get(member, 0))

    def honest_view(self) -> int:
        """A view that an honest member has reached, as others announce; 0 where none shows."""
        others = [view for peer, view in self._announced.items() if peer != self.party.me]
        return rules.reached_by(others, self._electorate.liars + 1)

    def arrived(self, view: int) -> frozenset[int]:
        """Who has announced this view or a later one."""
        return frozenset(peer for peer, reached in self._announced.items() if reached >= view)

    def runs(self, view: int) -> bool:
        return self._running >= view

    def enter(self, view: int) -> Step:
        self._run(view)
        if not self.runs(view):
            self._wait(view)
        return self.done()

    def run(self, view: int) -> Step:
        """Start this view's timers, once, if it may be timed: view 0 from this member's begin, a
        later one when a quorum has announced it or a later one.
        """
        self._run(view)
        return self.done()

    def wait(self, view: int) -> Step:
        self._wait(view)
        return self.done()

    def _run(self, view: int) -> None:
        quorum = rules.reached_by(self._announced.values(), self._electorate.quorum)
        if self.runs(view) or (view > 0 and quorum < view):
            return
        self._running = view
        self.timer(ViewOver(self._topic, view), self._timeout(view))
        if view > 0:
            wait = self.party.setting.deadlines.leads(view)
            self.timer(LocksDue(self._topic, view), wait)

    def _wait(self, view: int) -> None:
        self.timer(ViewWaits(self._topic, view), self._timeout(view))

    def _timeout(self, view: int) -> int:
        return self.party.setting.deadlines.view(view)
