"""What is asked of the pool at every arrival, kept up to date with each statement.

Liars may fill the pool with attestations and with doubled slots, thousands in a large group, and
nothing looks through all of it then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from protocols.committee.errands import Errands
from protocols.record.cohort import Errand, Panel
from protocols.wire.payloads import Check, Kind
from protocols.wire.statement import Slot, Statement


class Index:
    """``reporters``: who has reported. ``doublers``: who has two statements in a slot. ``seen``:
    each member's list of the reports that it held; those of the others say which ones count.
    """

    def __init__(self, panel: Panel) -> None:
        self.reports: list[Statement] = []
        self.reporters: set[int] = set()
        self.doublers: set[int] = set()
        self.seen: dict[int, Statement] = {}
        self._said: dict[Slot, bytes] = {}
        self._sizes = {Kind.COMPLAINT: 0, Kind.DISCLOSURE: 0}
        self._complained: set[tuple[int, int]] = set()
        self._wanting: set[tuple[int, int]] = set()
        self._threshold = panel.plan.threshold
        self._errands = Errands(panel)
        self._looked_at: tuple[int, ...] = ()

    def note(self, statement: Statement) -> None:
        """Who reported, which complaint is announced and still wanting, who answered."""
        kind, signer = statement.kind, statement.signer
        if self._said.setdefault(statement.slot, statement.body) != statement.body:
            self.doublers.add(signer)
        if kind in self._sizes:
            self._sizes[kind] += 1
        if kind is Kind.REPORT:
            self.reports.append(statement)
            self.reporters.add(signer)
            words = statement.payload.words
            said = {(signer, dealer) for dealer, word, _ in words if word == Check.COMPLAINT}
            self._wanting |= said - self._complained
        elif kind is Kind.SEEN:
            self.seen.setdefault(signer, statement)
        elif kind is Kind.COMPLAINT:
            self._complained.add((signer, statement.slot.subject))
            self._wanting.discard((signer, statement.slot.subject))
        elif kind is Kind.ANSWER:
            self._errands.answer(statement)

    @property
    def complaining(self) -> frozenset[int]:
        """Whose report announces a complaint that is still to come."""
        return frozenset(signer for signer, _ in self._wanting)

    @property
    def honest_reported(self) -> bool:
        """More than t have, so an honest one has: it had every dealing, or its deadline has passed.
        Whoever still waits asks now. Else a dealer could keep its shares from honest members and
        have them decided without their word, and (A) counts on every one of them.
        """
        return len(self.reporters) > self._threshold

    @property
    def honest_listed(self) -> bool:
        """An honest one has: what others are to wait for is here as well, or its time is over."""
        return len(self.seen) > self._threshold

    def report_of(self, member: int) -> Statement | None:
        return next((report for report in self.reports if report.signer == member), None)

    def asks(self, member: int, dealer: int) -> bool:
        """Whether this member reported that it lacks this dealer's dealing."""
        report = self.report_of(member)
        return report is not None and any(
            (about, word) == (dealer, Check.ASK) for about, word, _ in report.payload.words
        )

    def complete(self, members: Iterable[int]) -> bool:
        """Every report of these, with the complaints that reports announce: they come as statements
        of their own, and a leader that proposes before one of them is here is refused for it.
        """
        return self.reporters.issuperset(members) and not self._wanting

    def awaited(self, proven: int, convicted: Callable[[], set[int]]) -> list[Errand]:
        """(dealer, asker) whose asker may still have something to say. Asks, answers and guilt make
        them; nothing ever leaves the pool, so until one of these is new nothing changes, and this
        is the same list. ``proven``: how many statements convict somebody.
        """
        heard = len(self.reports), len(self.seen), *self._sizes.values()
        sizes = proven, len(self.doublers), *heard
        if self._looked_at != sizes:
            self._looked_at = sizes
            said = (*self.reports, *self.seen.values())
            self._errands.begin(said, self.doublers | convicted())
        return self._errands.awaited()
