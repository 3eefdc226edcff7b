"""A committee member up to the decision on the cohort: report, compare, list, deliver, agree.

docs/protocol.md §3 (checking, missing shares) and §5 (agreement on the cohort).
"""

from __future__ import annotations

from collections.abc import Iterable

from protocols.agreement.machine import Agreement
from protocols.agreement.terms import Terms
from protocols.committee.attendance import Attendance
from protocols.committee.ballot import CohortInputs
from protocols.committee.committee import Committee
from protocols.committee.intake import Intake
from protocols.committee.receiver import Receiver
from protocols.committee.states import SEAT, Seat, SeatEvent
from protocols.errors import WireError
from protocols.record.cohort import GIVEN_UP, Cohort
from protocols.record.effects import Event, Step
from protocols.record.elected import committee_electorate
from protocols.record.outcomes import CohortDecided, Conflict, Decision
from protocols.record.party import Party, Role
from protocols.record.states import Machine
from protocols.record.timers import (
    AttestDue,
    DealingsDue,
    EvidenceCompared,
    HaveDue,
    ListsDue,
    PatienceOver,
    RelaysDue,
    ReportsCompared,
    ReportsDue,
    StillUndecided,
)
from protocols.record.votes import outcome_hash
from protocols.secret import Secret
from protocols.wire.frames import AskFrame, DealingFrame, HaveFrame
from protocols.wire.payloads import Kind, Report, Topic
from protocols.wire.statement import Statement


class Member(Role):
    """Comes to ``CohortDecided``, once."""

    def __init__(self, party: Party, committee: Committee, secret: Secret) -> None:
        super().__init__(party)
        self.seated = party.me in committee.panel.seats
        self._panel = committee.panel
        self._state = Machine(Seat.DEALING, SEAT)
        self._intake = Intake(party, committee, secret)
        self._inputs = CohortInputs(committee.panel, self._intake)
        self._hurried = False
        self._settling = False
        self._attendance = Attendance(party, committee)
        electorate = committee_electorate(party.setting, committee.flip)
        leaders, resort = committee.keyed or committee.panel.seats, GIVEN_UP.encode()
        self.agreement = Agreement(
            party, Terms(Topic.COHORT, electorate, leaders, self._inputs, resort)
        )

    @property
    def state(self) -> Seat:
        return self._state.state

    @property
    def receiver(self) -> Receiver:
        """What it holds of dealings."""
        return self._intake.receiver

    @property
    def pool(self) -> tuple[bytes, ...]:
        """What an auditor reads."""
        return self._intake.pool.wires

    @property
    def reporters(self) -> frozenset[int]:
        """Whose report came here."""
        return frozenset(self._intake.pool.index.reporters)

    # -- events --------------------------------------------------------------------------------

    def start(self, present: Iterable[int]) -> Step:
        self._attendance.take(present)
        if self.seated:
            self.timer(DealingsDue(), self.party.setting.deadlines.deal)
            self._follow(self._intake.receiver.restore())
        return self._advanced()

    def set_present(self, present: Iterable[int]) -> Step:
        """Nobody waits for a peer that is not connected; its word still counts if it comes."""
        self._attendance.take(present)
        return self._advanced()

    def on_dealing(self, sender: int, header: Statement, frame: DealingFrame) -> Step:
        """Keep a dealing that its dealer sent."""
        if header.kind is not Kind.HEADER or header.signer != sender:
            raise WireError("a dealing with another's header")
        receiver = self._intake.receiver
        used = receiver.on_dealing(header, frame.package)
        if used and self.state is not Seat.DEALING:
            receiver.check((sender,))
            self._follow(receiver.answer_late((sender,)))
        else:
            self._follow(receiver.done())
        return self._advanced() if used else self.done()

    def take_reference(self) -> Step:
        """The round's reference is here."""
        receiver = self._intake.receiver
        if receiver.base_model or not self.seated:
            return self.done()
        self._follow(receiver.take_reference())
        if self.state is not Seat.DEALING:
            waiting = [d for d, held in receiver.dealings.items() if held.verdict is None]
            receiver.check(waiting)
            self._follow(receiver.answer_late(waiting))
        self._hear(self._intake.announce())
        return self._advanced()

    def on_statement(self, statement: Statement, frame: AskFrame | None = None) -> Step:
        """A verified statement about dealings, from whoever sent it; of a report keys, too."""
        self._hear(self._intake.hear(statement, frame))
        return self._advanced()

    def on_conflict(self, conflict: Conflict) -> Step:
        self._hear(self._intake.conflict(conflict))
        return self.done()

    def on_have(self, sender: int, frame: HaveFrame) -> Step:
        self._hear(self._intake.on_have(sender, frame))
        return self._advanced()

    def on_agreement(self, step: Step) -> Step:
        """What the agreement on the cohort calls for, and what follows from it here."""
        self._hear(step)
        return self.done()

    def on_timer(self, event: Event) -> Step:
        match event, self.state:
            case DealingsDue(), Seat.DEALING:
                self._report()
            case ReportsDue(), Seat.REPORTING:
                self._compare_stage()
            case ReportsCompared(), Seat.COMPARING:
                self._list_stage()
            case ListsDue(), Seat.LISTING:
                self._relay_stage()
            case AttestDue(), _:
                self._follow(self._intake.receiver.relay.attest())
            case RelaysDue(), Seat.RELAYING:
                self._echo_stage()
            case EvidenceCompared(), Seat.ECHOING:
                self._agree()
            case HaveDue(), _:
                self.absorb(self._intake.comparison.announce(due=True))
            case PatienceOver(), _:
                self._lose_patience()
        return self._advanced()

    # -- what comes of the parts ---------------------------------------------------------------

    def _follow(self, step: Step) -> None:
        """What the receiver calls for: its words go into the pool."""
        self._hear(self._intake.follow(step))

    def _hear(self, step: Step) -> None:
        for outcome in self.absorb(step):
            if isinstance(outcome, Decision):
                self._decided(outcome)
            else:
                self.emit(outcome)

    def _decided(self, decision: Decision) -> None:
        self._state.move(SeatEvent.COHORT_DECIDED)
        self._intake.compares = True
        self._intake.receiver.closed = True
        named = outcome_hash(Topic.COHORT, decision.outcome)
        self.emit(CohortDecided(decision, Cohort.decode(decision.outcome), named))

    # -- the report ----------------------------------------------------------------------------

    def _report(self) -> None:
        """T1: a word on every selected dealer, whatever others said (fault 82)."""
        self._state.move(SeatEvent.DEALT)
        if not self.seated or not self.party.can_sign(Kind.REPORT):
            return
        words = self._intake.receiver.words()
        self._follow(self._intake.receiver.done())  # what they promise is kept ahead of them
        statement = self.sign(Kind.REPORT, Report(words))
        self._hear(self._intake.own(statement))
        self._follow(self._intake.receiver.complain(words, statement.payload.words))

    # -- stages --------------------------------------------------------------------------------

    def _advanced(self) -> Step:
        """Deadlines are skipped as soon as everything that is awaited is in."""
        if self.seated:
            self._advance()
        return self.done()

    def _advance(self) -> None:
        if self.state is Seat.DEALING and self._all_dealt():
            self._report()
        if not self._hurried and self._intake.pool.index.honest_reported:
            # Counted from here, not from this member's report: a member from which a dealer keeps
            # a share may report much later, and its ask must be heard by those who were early.
            self._hurried = True
            deadlines = self.party.setting.deadlines
            self.timer(ReportsDue(), deadlines.check)
            self.timer(DealingsDue(hurry=True), deadlines.hurry)
        index, seats = self._intake.pool.index, self._attendance.seats
        if self.state is Seat.REPORTING and index.complete(seats):
            self._compare_stage()
        if self.state is Seat.COMPARING and self._all_agree_on_evidence():
            self._list_stage()
        if self.state in (Seat.REPORTING, Seat.COMPARING) and index.honest_listed:
            self._list_stage()
        if self.state is Seat.LISTING:
            self._await_lists()
        if self.state is Seat.RELAYING:
            self._await_answers()
        if self.state is Seat.ECHOING and self._all_agree_on_evidence():
            self._agree()

    def _all_dealt(self) -> bool:
        """Every awaited dealing is here, and the reference without which none can be checked."""
        awaited = self._attendance.of(self._panel.selected)
        return bool(self._intake.receiver.base_model) and awaited <= set(self.receiver.dealings)

    def _all_agree_on_evidence(self) -> bool:
        return self._intake.comparison.equal(self._attendance.seats)

    def _compare_stage(self) -> None:
        """A report that only some members got would leave its asks unanswered, and its dealers
        absent: one liar could shut out every dealer. So reports are compared first.
        """
        self._state.move(SeatEvent.REPORTED)
        self._intake.compares = True
        self.timer(ReportsCompared(), self.party.setting.deadlines.check)
        self._hear(self._intake.announce())

    def _list_stage(self) -> None:
        """Sign which reports are here, and see to it that all have them: what a report asks that
        only a liar has seen could not be answered, and counts for nothing (fault 89).
        """
        self._state.move(SeatEvent.REPORTS_COMPARED)
        self._intake.compares = True
        self.timer(ListsDue(), self.party.setting.deadlines.lists)
        if self.party.can_sign(Kind.SEEN, Topic.COHORT):
            self._hear(self._intake.list_reports())

    def _await_lists(self) -> None:
        listed = self._intake.pool.index.seen.keys()
        if listed >= self._attendance.seats:
            self._relay_stage()
        elif len(listed) >= self._panel.plan.quorum and not self._settling:
            self._settling = True
            self.timer(ListsDue(settled=True), self.party.setting.deadlines.settle)

    def _relay_stage(self) -> None:
        """Once: of reports that come to light later none counts."""
        self._state.move(SeatEvent.LISTED)
        self.timer(AttestDue(), self.party.setting.deadlines.attest)
        self.timer(RelaysDue(), self.party.setting.deadlines.relay)

    def _await_answers(self) -> None:
        self._follow(self._intake.receiver.relay.attest(self._intake.pool.awaited()))
        if not self._intake.pool.awaited():
            self._echo_stage()

    def _echo_stage(self) -> None:
        self._state.move(SeatEvent.RELAYED)
        self.timer(EvidenceCompared(), self.party.setting.deadlines.check)
        self._hear(self._intake.announce())

    def _agree(self) -> None:
        self._state.move(SeatEvent.COMPARED)
        self._inputs.begin()
        self.timer(PatienceOver(), self.party.setting.deadlines.patience)
        self._hear(self.agreement.begin())

    def _lose_patience(self) -> None:
        """Give up from now on; and call for the operators when that should have worked twice over,
        had enough members voted: t + e leaders may fail, and the next one's view is long.
        """
        self._hear(self.agreement.lose_patience())
        leaders = self._panel.plan.threshold + self._panel.plan.absent + 1
        self.timer(StillUndecided(), self.party.setting.deadlines.giving_up(leaders))
