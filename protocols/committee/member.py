"""A committee member up to the decision on the cohort: report, compare, deliver, agree.

docs/protocol.md §3 (checking, missing shares) and §5 (agreement on the cohort).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from protocols.agreement.machine import Agreement, Decision, Proposal
from protocols.committee.comparison import Comparison
from protocols.committee.pool import POOL_KINDS, Pool
from protocols.committee.recipient import Held, Recipient
from protocols.errors import WireError
from protocols.proof import Verdict
from protocols.record.base import Base
from protocols.record.certificate import ElectionCertificate, committee_electorate
from protocols.record.cohort import (
    GIVEN_UP,
    Cohort,
    Findings,
    Panel,
    decide,
    gather,
    open_errands,
)
from protocols.record.deadlines import MAX_PATIENCE
from protocols.record.desk import Admission, Desk
from protocols.record.evidence import Evidence, Judge
from protocols.record.states import SEAT, Machine, Seat, SeatEvent
from protocols.secret import Secret
from protocols.wire.frames import DealingFrame, HaveFrame, StatementFrame
from protocols.wire.statement import Check, Complaint, Kind, Report, Statement, Topic

PATIENCE = 12
"""A member gives up on a cohort after so many times the agreement's deadline (§6)."""


class Member(Recipient):
    """Calls ``decided`` once, with the decision; ``accuse`` with what this member can prove."""

    def __init__(
        self,
        desk: Desk,
        certificate: ElectionCertificate,
        panel: Panel,
        base: Base,
        secret: Secret,
        judge: Judge,
        *,
        decided: Callable[[Decision], None],
        accuse: Callable[[Evidence], None],
        heard: Callable[[Statement], None],
    ) -> None:
        evidence = Pool(panel, certificate, judge, base, accuse)
        super().__init__(desk, certificate, panel, base, secret, evidence)
        self._state = Machine(Seat.DEALING, SEAT)
        self._heard = heard
        self._held_at_deadline: frozenset[bytes] = frozenset()
        self._tried: set[tuple[int, int]] = set()
        self._looked_at: list[tuple[int, int]] | None = None
        self._relay_stages = 0
        self._hurried = False
        self._present = frozenset(desk.everyone())
        self._keyed = tuple(p for p in panel.seats if p in certificate.election.keys)
        self._comparison = Comparison(desk, self.pool, self._keyed)
        self.agreement = Agreement(
            desk,
            Topic.COHORT,
            committee_electorate(desk.setting, certificate.election),
            self._keyed or panel.seats,
            propose=self._propose,
            judge=self._accepts,
            decided=self._on_decision,
            resort=GIVEN_UP.encode(),
        )
        self._decided = decided

    @property
    def stage(self) -> Seat:
        return self._state.state

    @property
    def may_answer(self) -> bool:
        return self.stage is not Seat.DECIDED

    # -- dealings ------------------------------------------------------------------------------

    def start(self) -> None:
        if not self.seated:
            return
        self.desk.timer("deal", delay=self.desk.setting.deadlines.deal)
        self._advance()

    def set_present(self, present: Iterable[int]) -> None:
        """Nobody waits for a peer that is not connected; its word still counts if it comes."""
        self._present = frozenset(present) | {self.desk.me}
        self._advance()

    def on_dealing(self, sender: int, frame: DealingFrame) -> bool:
        """Keep a dealing that its dealer sent; True if it can still be used."""
        header = self.desk.read(frame.header)
        if header.kind is not Kind.HEADER or header.signer != sender:
            raise WireError("a dealing with another's header")
        if sender not in self.panel.selected or not self.seated:
            raise WireError(f"peer {sender} does not deal to this peer in this round")
        if self._base_model and header.payload.base_model != self._base_model:
            raise WireError("a dealing from another model than this round's")
        if self.desk.admit(header) in (Admission.CONFLICT, Admission.REFUSED):
            return False
        known = self.dealings.get(sender)
        if known is not None and known.verdict is Verdict.VALID:
            return False
        self.dealings[sender] = Held(header, frame.package)
        if self.stage is not Seat.DEALING:
            self._check((sender,))
            self._answer_late(sender)
        self._advance()
        return True

    def take_reference(self) -> None:
        if self._base_model or not self.seated:
            return
        super().take_reference()
        if self.stage is not Seat.DEALING:
            waiting = [d for d, held in self.dealings.items() if held.verdict is None]
            self._check(waiting)
            for dealer in waiting:
                self._answer_late(dealer)
        self._announce_changes()
        self._advance()

    # -- the report ----------------------------------------------------------------------------

    def report(self) -> None:
        """T1: a word on every selected dealer, whatever others said (fault 82)."""
        self._state.move(SeatEvent.DEALT)
        if not self.seated or not self.desk.can_sign(Kind.REPORT):
            return
        self._check(self.panel.selected)
        words = tuple(self.word_on(dealer) for dealer in self.panel.selected)
        statement = self.desk.sign(Kind.REPORT, Report(words))
        self.tell(statement, (*self.panel.seats, *self.panel.selected))
        # An earlier life may have died between its report and its complaints, and the dealer has
        # sent another dealing since: whoever complains of a valid one lies.
        invalid = {dealer for dealer, word, _ in words if word == Check.COMPLAINT}
        for dealer, word, _ in statement.payload.words:
            if word != Check.COMPLAINT or dealer not in self.dealings:
                continue
            if dealer in invalid or self.desk.has_signed(Kind.COMPLAINT, dealer):
                self._complain(dealer)

    def _complain(self, dealer: int) -> None:
        held = self.dealings[dealer]
        payload = Complaint(held.header.wire, held.package)
        self.tell(self.desk.sign(Kind.COMPLAINT, payload, dealer), self.panel.seats)

    def tell(self, statement: Statement, peers: Iterable[int]) -> None:
        """Say it to these peers and to oneself. An adversary may override it."""
        self.desk.send(peers, StatementFrame(statement.wire))
        self._take(statement)
        self._advance()

    # -- what others say -----------------------------------------------------------------------

    def on_statement(self, statement: Statement) -> None:
        """A verified statement about dealings, from whoever sent it."""
        if statement.kind not in POOL_KINDS:
            raise WireError(f"{statement.kind.name} does not belong here")
        if not self.evidence.belongs(statement):
            return  # about nobody, or not its signer's to say: not even remembered
        admission = self.desk.admit(statement)
        if admission in (Admission.NEW, Admission.KNOWN) or self.evidence.convicts_anew(statement):
            self._take(statement)
        self._advance()

    def _take(self, statement: Statement) -> None:
        """Into the pool, if it is evidence; a conflicting statement is evidence too (fault 21)."""
        if statement.hash in self.pool or not self.evidence.belongs(statement):
            return
        if statement.kind is Kind.DELIVERY:
            self._on_delivery(statement)
            self._announce_changes()
            return
        if self.evidence.take(statement):
            if statement.kind is Kind.REPORT:
                self._on_report(statement)
            self._announce_changes()

    def _on_report(self, report: Statement) -> None:
        self._heard(report)
        self._compare_headers(report)
        self._tell_dealers(report)
        self.evidence.judge_disclosures()
        self._retry_deliveries()

    def _tell_dealers(self, report: Statement) -> None:
        """A dealer without a seat must learn who asks for its dealing; no seat compares with it."""
        asked = (about for about, word, _ in report.payload.words if word == Check.ASK)
        unseated = set(asked) & set(self.panel.selected) - set(self.panel.seats)
        self.desk.send(unseated, StatementFrame(report.wire), again=False)

    def take_conflict(self, first: Statement, second: Statement) -> None:
        """Two statements in one slot: evidence against their signer, in the pool as such."""
        if first.kind in POOL_KINDS and self.evidence.belongs(first):
            self.evidence.take_conflict(first, second)
            self._announce_changes()

    # -- stages --------------------------------------------------------------------------------

    def on_deadline(self, name: str, number: int = 0) -> None:
        """``number`` tells the relay stages apart: there may be several."""
        if name in ("deal", "hurry") and self.stage is Seat.DEALING:
            self.report()
        elif name == "check" and self.stage is Seat.REPORTING:
            self._compare_stage()
        elif name == "compare" and self.stage is Seat.COMPARING:
            self._relay_stage(SeatEvent.REPORTS_COMPARED)
        elif number == self._relay_stages:
            if name == "relay" and self.stage is Seat.RELAYING:
                self._echo_stage()
            elif name == "echo" and self.stage is Seat.ECHOING:
                self._agree()
        self._advance()

    def _advance(self) -> None:
        """Deadlines are skipped as soon as everything that is awaited is in."""
        if not self.seated:
            return
        if self.stage is Seat.DEALING and self._all_dealt():
            self.report()
        if not self._hurried and self._others_report():
            # Counted from here, not from this member's report: a member from which a dealer keeps
            # a share may report much later, and its ask must be heard by those who were early.
            self._hurried = True
            deadlines = self.desk.setting.deadlines
            self.desk.timer("check", delay=deadlines.check)
            self.desk.timer("hurry", delay=deadlines.hurry)
        if self.stage is Seat.REPORTING and self.evidence.complete(self._awaited(self._keyed)):
            self._compare_stage()
        if self.stage is Seat.COMPARING and self._all_agree_on_evidence():
            self._relay_stage(SeatEvent.REPORTS_COMPARED)
        if self.stage is Seat.ECHOING and self._asked_late():
            self._relay_stage(SeatEvent.ASKED_LATE)
        if self.stage is Seat.RELAYING and not self._errands():
            self._echo_stage()
        if self.stage is Seat.ECHOING and self._all_agree_on_evidence():
            self._agree()

    def _all_dealt(self) -> bool:
        """Every awaited dealing is here, and the reference without which none can be checked."""
        return bool(self._base_model) and self._awaited(self.panel.selected) <= set(self.dealings)

    def _awaited(self, peers: Iterable[int]) -> frozenset[int]:
        """Who of these is connected; all of them for a member that has itself lost the others."""
        cut_off = len(self._present & frozenset(self._keyed)) < self.panel.plan.quorum
        return frozenset(peers) if cut_off else frozenset(peers) & self._present

    def _errands(self) -> list[tuple[int, int]]:
        return self.evidence.awaited()

    def _asked_late(self) -> bool:
        """Whether an ask came to light that had no relay stage; looked at when any is new."""
        errands = self._errands()
        if errands is self._looked_at:
            return False
        self._looked_at = errands
        return not self._tried.issuperset(errands)

    def _others_report(self) -> bool:
        """More than t have reported, so an honest one has: it had every dealing, or its deadline
        has passed. Whoever still waits asks now. Else a dealer could keep its shares from honest
        members and have them decided without their word, and (A) counts on every one of them.
        """
        return len(self.evidence.reporters) > self.panel.plan.threshold

    def _compare_stage(self) -> None:
        """A report that only some members got would leave its asks unanswered, and its dealers
        absent: one liar could shut out every dealer. So reports are compared first.
        """
        self._state.move(SeatEvent.REPORTED)
        self.desk.timer("compare", delay=self.desk.setting.deadlines.check)
        self._announce_changes()

    def _relay_stage(self, event: SeatEvent) -> None:
        """Once more for each report that comes to light late: no more often than there are seats,
        since everybody has one report.
        """
        self._state.move(event)
        self._relay_stages += 1
        self._tried.update(self._errands())
        self.desk.timer("relay", self._relay_stages, delay=self.desk.setting.deadlines.relay)

    def _echo_stage(self) -> None:
        self._state.move(SeatEvent.RELAYED)
        self.desk.timer("echo", self._relay_stages, delay=self.desk.setting.deadlines.check)
        self._announce_changes()

    def on_patience(self) -> None:
        """Give up from now on; and call for the operators when that should have worked twice over,
        had enough members voted: t + e leaders may fail, and the next one's view is long.
        """
        self.agreement.lose_patience()
        plan, deadline = self.panel.plan, self.desk.setting.deadlines.agreement
        views = plan.threshold + plan.absent + 2
        self.desk.timer("undecided", delay=2 * views * MAX_PATIENCE * deadline)

    def on_have_due(self) -> None:
        self._announce_changes(due=True)

    def _announce_changes(self, *, due: bool = False) -> None:
        if self.stage not in (Seat.DEALING, Seat.REPORTING):
            self._comparison.announce(due=due)

    def on_have(self, sender: int, frame: HaveFrame) -> None:
        """Send what the sender lacks; know when its evidence and mine are the same."""
        if sender not in self._keyed:
            return
        self._comparison.hear(sender, frame.hashes)
        if self.stage in (Seat.DEALING, Seat.REPORTING):
            self._comparison.ask(sender)
        self._advance()

    def _all_agree_on_evidence(self) -> bool:
        return self._comparison.equal(self._awaited(self._keyed))

    def _agree(self) -> None:
        self._state.move(SeatEvent.COMPARED)
        self._held_at_deadline = frozenset(self.pool)
        patience = PATIENCE * self.desk.setting.deadlines.agreement
        self.desk.timer("patience", delay=patience)
        self.agreement.begin()

    # -- the decision --------------------------------------------------------------------------

    def _propose(self) -> Proposal | None:
        shown = self.evidence.proposed()
        findings = gather(self.panel, shown.values(), self.evidence.convicted(shown))
        inputs = tuple(shown[key].wire for key in sorted(shown))
        return decide(self.panel, findings).encode(), inputs

    def _accepts(self, outcome: bytes, inputs: tuple[bytes, ...]) -> bool:
        """f of the inputs, which lack nothing that this member held at the deadline (§5)."""
        try:
            Cohort.decode(outcome)
            statements = [self.desk.read(item) for item in inputs]
            for statement in statements:
                self.on_offered(statement)
        except WireError:
            return False
        offered = {statement.hash: statement for statement in statements}
        missing = self._missing(offered)
        if missing:
            self._comparison.pass_to_all(missing)
            return False
        if self.evidence.foreign(offered):
            return False
        findings = gather(self.panel, statements, self.evidence.convicted(offered))
        if self._hasty(findings):
            return False
        return decide(self.panel, findings).encode() == outcome

    def on_offered(self, statement: Statement) -> None:
        """What a proposal carries counts as heard, and is judged, before the proposal is. WireError
        for a statement about nobody: asked first, because what this member has no room for is not
        looked at again, and the proposal's other checks rely on it.
        """
        self.evidence.belongs(statement)
        if statement.kind is Kind.DELIVERY:
            self.evidence.deliveries[statement.hash] = statement
        if self.desk.admit(statement) in (Admission.NEW, Admission.KNOWN):
            self._take(statement)
        elif statement.kind is Kind.COMPLAINT:
            self.evidence.convicts_by_itself(statement)

    def _missing(self, offered: Mapping[bytes, Statement]) -> set[bytes]:
        """What this member held at the deadline and the proposal lacks."""
        return self.evidence.lacking(self._held_at_deadline, offered)

    def _hasty(self, findings: Findings) -> bool:
        """An ask that this member had not heard of had no time to be answered: not yet."""
        late = {
            findings.reports[asker].hash for _, asker in open_errands(self.panel, findings)
        } - self._held_at_deadline
        # The next view, it had its time; else a late ask to a deaf dealer would stop the group.
        self._held_at_deadline |= late
        return bool(late)

    def _on_decision(self, decision: Decision) -> None:
        self._state.move(SeatEvent.COHORT_DECIDED)
        self._decided(decision)
