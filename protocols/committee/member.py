"""A committee member up to the decision on the cohort: report, compare, deliver, agree.

docs/protocol.md §3 (checking, missing shares) and §5 (agreement on the cohort).
"""

from __future__ import annotations

from collections.abc import Iterable

from protocols.agreement.machine import Agreement
from protocols.agreement.terms import Terms
from protocols.committee.ballot import CohortInputs
from protocols.committee.committee import Committee
from protocols.committee.errands import Errand
from protocols.committee.intake import Intake
from protocols.committee.receiver import Held
from protocols.committee.states import SEAT, Seat, SeatEvent
from protocols.errors import WireError
from protocols.record.certificate import committee_electorate
from protocols.record.cohort import GIVEN_UP, Cohort
from protocols.record.deadlines import MAX_PATIENCE
from protocols.record.effects import Event, Step
from protocols.record.outcomes import CohortDecided, Conflict, Decision
from protocols.record.party import Party, Role
from protocols.record.states import Machine
from protocols.record.timers import (
    DealingsDue,
    EvidenceCompared,
    HaveDue,
    PatienceOver,
    RelaysDue,
    ReportsCompared,
    ReportsDue,
    StillUndecided,
)
from protocols.record.votes import outcome_hash
from protocols.secret import Secret
from protocols.wire.frames import DealingFrame, HaveFrame, StatementFrame
from protocols.wire.statement import Kind, Report, Statement, Topic

PATIENCE = 12
"""A member gives up on a cohort after so many times the agreement's deadline (§6)."""


class RelayStages:
    """Which asks have had a relay stage of their own, and the number of the last one."""

    def __init__(self) -> None:
        self.number = 0
        self._tried: set[Errand] = set()
        self._looked_at: list[Errand] | None = None

    def begin(self, errands: list[Errand]) -> None:
        self.number += 1
        self._tried.update(errands)

    def asked_late(self, errands: list[Errand]) -> bool:
        """Whether an ask came to light that had no relay stage; looked at when any is new."""
        if errands is self._looked_at:
            return False
        self._looked_at = errands
        return not self._tried.issuperset(errands)


class Member(Role):
    """Comes to ``CohortDecided``, once."""

    def __init__(self, party: Party, committee: Committee, secret: Secret) -> None:
        super().__init__(party)
        self.seated = party.me in committee.panel.seats
        self._panel = committee.panel
        self._state = Machine(Seat.DEALING, SEAT)
        self._intake = Intake(party, committee, secret)
        self._inputs = CohortInputs(committee.panel, self._intake)
        self._relays = RelayStages()
        self._hurried = False
        self._present = frozenset(party.everyone())
        electorate = committee_electorate(party.setting, committee.flip)
        leaders, resort = committee.keyed or committee.panel.seats, GIVEN_UP.encode()
        self.agreement = Agreement(
            party, Terms(Topic.COHORT, electorate, leaders, self._inputs, resort)
        )

    @property
    def state(self) -> Seat:
        return self._state.state

    @property
    def dealings(self) -> dict[int, Held]:
        return self._intake.receiver.dealings

    @property
    def pool(self) -> tuple[bytes, ...]:
        """What an auditor reads: all evidence that is held, by its hash."""
        held = sorted(self._intake.pool.statements.items())
        return tuple(statement.wire for _, statement in held)

    @property
    def reporters(self) -> frozenset[int]:
        """Whose report came here."""
        return frozenset(self._intake.pool.index.reporters)

    def forget_shares(self) -> None:
        self._intake.receiver.forget()

    # -- events --------------------------------------------------------------------------------

    def start(self, present: Iterable[int]) -> Step:
        self._present = frozenset(present) | {self.party.me}
        if self.seated:
            self.timer(DealingsDue(), self.party.setting.deadlines.deal)
            self._follow(self._intake.receiver.restore())
        return self._advanced()

    def set_present(self, present: Iterable[int]) -> Step:
        """Nobody waits for a peer that is not connected; its word still counts if it comes."""
        self._present = frozenset(present) | {self.party.me}
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
            waiting = [d for d, held in self.dealings.items() if held.verdict is None]
            receiver.check(waiting)
            self._follow(receiver.answer_late(waiting))
        self._hear(self._intake.announce())
        return self._advanced()

    def on_statement(self, statement: Statement) -> Step:
        """A verified statement about dealings, from whoever sent it."""
        self._hear(self._intake.hear(statement))
        return self._advanced()

    def on_conflict(self, conflict: Conflict) -> Step:
        self._hear(self._intake.conflict(conflict))
        return self.done()

    def on_have(self, sender: int, frame: HaveFrame) -> Step:
        """Send what the sender lacks; know when its evidence and mine are the same."""
        comparison = self._intake.comparison
        if sender not in comparison.members:
            return self.done()
        self.absorb(comparison.hear(sender, frame.hashes))
        if not self._intake.compares:
            self.absorb(comparison.ask(sender))
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
                self._relay_stage(SeatEvent.REPORTS_COMPARED)
            case RelaysDue(stage), Seat.RELAYING if stage == self._relays.number:
                self._echo_stage()
            case EvidenceCompared(stage), Seat.ECHOING if stage == self._relays.number:
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
        self.send((*self._panel.seats, *self._panel.selected), StatementFrame(statement.wire))
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
        if not self._hurried and self._others_report():
            # Counted from here, not from this member's report: a member from which a dealer keeps
            # a share may report much later, and its ask must be heard by those who were early.
            self._hurried = True
            deadlines = self.party.setting.deadlines
            self.timer(ReportsDue(), deadlines.check)
            self.timer(DealingsDue(hurry=True), deadlines.hurry)
        if self.state is Seat.REPORTING and self._intake.pool.index.complete(self._awaited_seats):
            self._compare_stage()
        if self.state is Seat.COMPARING and self._all_agree_on_evidence():
            self._relay_stage(SeatEvent.REPORTS_COMPARED)
        if self.state is Seat.ECHOING and self._relays.asked_late(self._intake.pool.awaited()):
            self._relay_stage(SeatEvent.ASKED_LATE)
        if self.state is Seat.RELAYING and not self._intake.pool.awaited():
            self._echo_stage()
        if self.state is Seat.ECHOING and self._all_agree_on_evidence():
            self._agree()

    def _all_dealt(self) -> bool:
        """Every awaited dealing is here, and the reference without which none can be checked."""
        awaited = self._awaited(self._panel.selected)
        return bool(self._intake.receiver.base_model) and awaited <= set(self.dealings)

    def _awaited(self, peers: Iterable[int]) -> frozenset[int]:
        """Who of these is connected; all of them for a member that has itself lost the others."""
        keyed = frozenset(self._intake.comparison.members)
        cut_off = len(self._present & keyed) < self._panel.plan.quorum
        return frozenset(peers) if cut_off else frozenset(peers) & self._present

    @property
    def _awaited_seats(self) -> frozenset[int]:
        return self._awaited(self._intake.comparison.members)

    def _others_report(self) -> bool:
        """More than t have reported, so an honest one has: it had every dealing, or its deadline
        has passed. Whoever still waits asks now. Else a dealer could keep its shares from honest
        members and have them decided without their word, and (A) counts on every one of them.
        """
        return len(self._intake.pool.index.reporters) > self._panel.plan.threshold

    def _all_agree_on_evidence(self) -> bool:
        return self._intake.comparison.equal(self._awaited_seats)

    def _compare_stage(self) -> None:
        """A report that only some members got would leave its asks unanswered, and its dealers
        absent: one liar could shut out every dealer. So reports are compared first.
        """
        self._state.move(SeatEvent.REPORTED)
        self._intake.compares = True
        self.timer(ReportsCompared(), self.party.setting.deadlines.check)
        self._hear(self._intake.announce())

    def _relay_stage(self, event: SeatEvent) -> None:
        """Once more for each report that comes to light late: no more often than there are seats,
        since everybody has one report.
        """
        self._state.move(event)
        self._relays.begin(self._intake.pool.awaited())
        self.timer(RelaysDue(self._relays.number), self.party.setting.deadlines.relay)

    def _echo_stage(self) -> None:
        self._state.move(SeatEvent.RELAYED)
        self.timer(EvidenceCompared(self._relays.number), self.party.setting.deadlines.check)
        self._hear(self._intake.announce())

    def _agree(self) -> None:
        self._state.move(SeatEvent.COMPARED)
        self._inputs.begin()
        self.timer(PatienceOver(), PATIENCE * self.party.setting.deadlines.agreement)
        self._hear(self.agreement.begin())

    def _lose_patience(self) -> None:
        """Give up from now on; and call for the operators when that should have worked twice over,
        had enough members voted: t + e leaders may fail, and the next one's view is long.
        """
        self._hear(self.agreement.lose_patience())
        plan, deadline = self._panel.plan, self.party.setting.deadlines.agreement
        views = plan.threshold + plan.absent + 2
        self.timer(StillUndecided(), 2 * views * MAX_PATIENCE * deadline)
