"""When the time of a view runs, and who is in which view (docs/protocol.md §5)."""

from __future__ import annotations

from protocols.agreement import rules
from protocols.record.desk import Desk
from protocols.record.votes import Electorate
from protocols.wire.statement import Topic


class Clock:
    """Keeps the highest view that each member has announced: one number for each.

    Timers: "view" ends a view; "lead" ends its leader's wait for locks; "waiting" says a NEW_VIEW
    again where no quorum is there yet.
    """

    def __init__(self, desk: Desk, topic: Topic, electorate: Electorate) -> None:
        self._desk = desk
        self._topic = int(topic)
        self._electorate = electorate
        self._announced: dict[int, int] = {}
        self._running = -1

    def note(self, member: int, view: int) -> None:
        """This member has announced this view."""
        self._announced[member] = max(view, self._announced.get(member, 0))

    def honest_view(self) -> int:
        """A view that an honest member has reached, as others announce; 0 where none shows."""
        others = [view for peer, view in self._announced.items() if peer != self._desk.me]
        return rules.reached_by(others, self._electorate.liars + 1)

    def runs(self, view: int) -> bool:
        return self._running >= view

    def enter(self, view: int) -> None:
        self.run(view)
        if not self.runs(view):
            self.wait(view)

    def run(self, view: int) -> None:
        """Start this view's timers, once, if it may be timed: view 0 from this member's begin, a
        later one when a quorum has announced it or a later one.
        """
        quorum = rules.reached_by(self._announced.values(), self._electorate.quorum)
        if self.runs(view) or (view > 0 and quorum < view):
            return
        self._running = view
        deadlines = self._desk.setting.deadlines
        self._desk.timer("view", self._topic, view, delay=deadlines.view(view))
        if view > 0:
            self._desk.timer("lead", self._topic, view, delay=deadlines.leads(view))

    def wait(self, view: int) -> None:
        self._desk.timer(
            "waiting", self._topic, view, delay=self._desk.setting.deadlines.view(view)
        )
