"""A committee member up to the decision on the cohort: check, report, ask, relay, agree.

docs/protocol.md §3 (checking, missing shares) and §5 (agreement on the cohort).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from protocols.agreement.machine import Agreement, Decision, Proposal
from protocols.errors import WireError
from protocols.hashing import digest
from protocols.proof import Verdict, check_many
from protocols.round.certificate import ElectionCertificate, committee_electorate
from protocols.round.cohort import (
    Cohort,
    Findings,
    Panel,
    awaited_errands,
    decide,
    gather,
    open_errands,
)
from protocols.round.desk import Admission, Desk
from protocols.round.evidence import Evidence, Fault, Judge, open_delivery
from protocols.round.states import SEAT, Machine, Seat, SeatEvent
from protocols.secret import Secret
from protocols.wire.frames import DealingFrame, HaveFrame, StatementFrame
from protocols.wire.statement import (
    Answer,
    Attestation,
    Check,
    Complaint,
    Disclosure,
    Kind,
    Report,
    Slot,
    Statement,
    Topic,
)

POOL_KINDS = frozenset(
    {
        Kind.HEADER,
        Kind.REPORT,
        Kind.COMPLAINT,
        Kind.DELIVERY,
        Kind.ATTESTATION,
        Kind.ANSWER,
        Kind.DISCLOSURE,
    }
)


@dataclass(slots=True)
class Held:
    """A dealing as this member got it. ``verdict`` is None until it is checked."""

    header: Statement
    package: bytes = field(repr=False)
    verdict: Verdict | None = None
    share: npt.NDArray[np.unsignedinteger] | None = field(default=None, repr=False)


class Member:
    """Calls ``decided`` once, with the decision; ``accuse`` with what this member can prove."""

    def __init__(
        self,
        desk: Desk,
        certificate: ElectionCertificate,
        panel: Panel,
        base_model: bytes,
        secret: Secret,
        judge: Judge,
        *,
        decided: Callable[[Decision], None],
        accuse: Callable[[Evidence], None],
        heard: Callable[[Statement], None],
    ) -> None:
        self.desk = desk
        self.panel = panel
        self._state = Machine(Seat.DEALING, SEAT)
        self.certificate = certificate
        self.seated = desk.me in panel.seats
        self.pool: dict[bytes, Statement] = {}
        self.dealings: dict[int, Held] = {}
        self._base_model = base_model
        self._secret = secret
        self._judge = judge
        self._accuse = accuse
        self._heard = heard
        self._guilty: dict[bytes, int] = {}
        self._deliveries: dict[bytes, Statement] = {}
        self._shown: set[bytes] = set()
        self._relayed: set[int] = set()
        self._opened: set[bytes] = set()
        self._passed: set[tuple[int, bytes]] = set()
        self._will_announce = False
        self._disclosures: dict[bytes, Statement] = {}
        self._held_at_deadline: frozenset[bytes] = frozenset()
        self._theirs: dict[int, frozenset[bytes]] = {}
        self._asked_at: dict[int, frozenset[bytes]] = {}
        self._announced: frozenset[bytes] | None = None
        self._tried: set[tuple[int, int]] = set()
        self._relay_stages = 0
        self._hurried = False
        self._present = frozenset(desk.everyone())
        self._keyed = tuple(p for p in panel.seats if p in certificate.election.keys)
        self.agreement = Agreement(
            desk,
            Topic.COHORT,
            committee_electorate(desk.setting, certificate.election),
            self._keyed or panel.seats,
            propose=self._propose,
            judge=self._accepts,
            decided=self._on_decision,
        )
        self._decided = decided
        if desk.has_signed(Kind.ABSTENTION):
            self.agreement.abstain()

    @property
    def stage(self) -> Seat:
        return self._state.state

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
        if header.payload.base_model != self._base_model:
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

    def _check(self, dealers: Iterable[int]) -> None:
        """One batch: a member's work in a round is a few matrix products, not a loop."""
        setting = self.desk.setting
        seat = self.panel.seats.index(self.desk.me)
        order = [d for d in dealers if d in self.dealings and self.dealings[d].verdict is None]
        items = []
        for dealer in order:
            held = self.dealings[dealer]
            said = held.header.payload
            items.append((self._context(dealer), said.root, said.proof, held.package))
        if not items:
            return
        verdicts, shares = check_many(setting.shape, seat, items)
        for index, dealer in enumerate(order):
            self.dealings[dealer].verdict = verdicts[index]
            if verdicts[index] is Verdict.VALID:
                self.dealings[dealer].share = shares[index]

    def _context(self, dealer: int) -> bytes:
        desk = self.desk
        return desk.setting.dealing_context(
            desk.round,
            desk.attempt,
            self.certificate.hash(desk.setting),
            self._base_model,
            dealer,
        )

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
        for dealer, word, _ in statement.payload.words:
            if word == Check.COMPLAINT and dealer in self.dealings:
                self._complain(dealer)

    def word_on(self, dealer: int) -> tuple[int, int, bytes]:
        held = self.dealings.get(dealer)
        if held is not None and held.verdict is Verdict.VALID:
            return dealer, int(Check.OK), held.header.hash
        if held is not None and held.verdict is Verdict.INVALID:
            return dealer, int(Check.COMPLAINT), held.header.hash
        return dealer, int(Check.ASK), self.desk.setting.crypto.box_public(self._ask_secret(dealer))

    def _ask_secret(self, dealer: int) -> bytes:
        return digest("peerd/ask", self._secret.reveal(), dealer.to_bytes(8, "little"))

    def _complain(self, dealer: int) -> None:
        held = self.dealings[dealer]
        payload = Complaint(held.header.wire, held.package)
        self.tell(self.desk.sign(Kind.COMPLAINT, payload, dealer), self.panel.seats)

    def tell(self, statement: Statement, peers: Iterable[int]) -> None:
        """Say it to these peers and to oneself. An adversary may override it."""
        self.desk.send(peers, StatementFrame(statement.wire))
        self._take(statement)
        self._advance()

    def _answer_late(self, dealer: int) -> None:
        """A dealing that came after this member asked for it: say that it is here now."""
        if not self._asked(dealer) or self.dealings[dealer].verdict is not Verdict.VALID:
            return
        errand = self.panel.errand(dealer, self.desk.me)
        if self.stage is Seat.DECIDED or not self.desk.can_sign(Kind.ANSWER):
            return
        payload = Answer(self.dealings[dealer].header.hash)
        self.tell(self.desk.sign(Kind.ANSWER, payload, errand), self.panel.seats)

    def _asked(self, dealer: int) -> bool:
        mine = self._report_of(self.desk.me)
        return mine is not None and any(
            (about, word) == (dealer, Check.ASK) for about, word, _ in mine.payload.words
        )

    def _report_of(self, member: int) -> Statement | None:
        for statement in self.pool.values():
            if statement.kind is Kind.REPORT and statement.signer == member:
                return statement
        return None

    # -- what others say -----------------------------------------------------------------------

    def on_statement(self, statement: Statement) -> None:
        """A verified statement about dealings, from whoever sent it."""
        if statement.kind not in POOL_KINDS:
            raise WireError(f"{statement.kind.name} does not belong here")
        admission = self.desk.admit(statement)
        if admission in (Admission.NEW, Admission.KNOWN) or self._convicts_anew(statement):
            self._take(statement)
        self._advance()

    def _convicts_anew(self, statement: Statement) -> bool:
        """Whether one statement too many in its slot proves somebody guilty who was not yet: two
        of a slot are kept, so that a liar can't fill this member's memory with more.
        """
        if statement.kind is not Kind.COMPLAINT or statement.hash in self.pool:
            return False
        known = set(self._guilty.values())
        return self._convicts_by_itself(statement) and self._guilty[statement.hash] not in known

    def _take(self, statement: Statement) -> None:
        """Into the pool, if it is evidence; a conflicting statement is evidence too (fault 21)."""
        if statement.hash in self.pool or not self._belongs(statement):
            return
        if statement.kind is Kind.DELIVERY:
            self._on_delivery(statement)
            return
        if statement.kind is Kind.HEADER:
            return
        if statement.kind is Kind.DISCLOSURE:
            self._disclosures[statement.hash] = statement
            self._judge_disclosures()
            return
        if statement.kind is Kind.COMPLAINT and not self._convicts_by_itself(statement):
            return
        self.pool[statement.hash] = statement
        if statement.kind is Kind.REPORT:
            self._heard(statement)
            self._compare_headers(statement)
            self._tell_dealers(statement)
            self._retry_deliveries()
            self._judge_disclosures()
        self._announce_changes()

    def _tell_dealers(self, report: Statement) -> None:
        """A dealer without a seat must learn who asks for its dealing; no seat compares with it."""
        asked = (about for about, word, _ in report.payload.words if word == Check.ASK)
        unseated = set(asked) & set(self.panel.selected) - set(self.panel.seats)
        self.desk.send(unseated, StatementFrame(report.wire), again=False)

    def take_conflict(self, first: Statement, second: Statement) -> None:
        """Two statements in one slot: evidence against their signer, in the pool as such."""
        if first.kind not in POOL_KINDS or not self._belongs(first):
            return
        for statement in (first, second):
            self.pool[statement.hash] = statement
            if statement.kind is Kind.COMPLAINT:
                self._convicts_by_itself(statement)
            elif statement.kind is Kind.DISCLOSURE:
                self._disclosures[statement.hash] = statement
            elif statement.kind is Kind.DELIVERY:
                self._deliveries[statement.hash] = statement
        self._judge_disclosures()
        self._announce_changes()

    def _compare_headers(self, report: Statement) -> None:
        """A member that names another header than the one held here: show it, and whoever holds
        the other one has proof that the dealer signed two (faults 8, 70).
        """
        for dealer, word, header in report.payload.words:
            held = self.dealings.get(dealer)
            if word != Check.ASK and held is not None and held.header.hash != header:
                self._show_header(held.header)

    def _show_header(self, header: Statement) -> None:
        if header.hash not in self._shown:
            self._shown.add(header.hash)
            self.desk.send(self.panel.seats, StatementFrame(header.wire))

    def _belongs(self, statement: Statement) -> bool:
        panel = self.panel
        if statement.kind is Kind.DELIVERY:
            dealer, _ = panel.errand_of(statement.slot.subject)
            return statement.signer == dealer
        if statement.kind is Kind.HEADER:
            return statement.signer in panel.selected
        if statement.kind in (Kind.ATTESTATION, Kind.ANSWER, Kind.DISCLOSURE):
            panel.errand_of(statement.slot.subject)
        return statement.signer in panel.seats

    def _convicts_by_itself(self, complaint: Statement) -> bool:
        if complaint.hash in self._guilty:
            return True
        evidence = Evidence(Fault.COMPLAINT, self.certificate, (complaint.wire,))
        return self._convicts(evidence, complaint.hash)

    def _convicts(self, evidence: Evidence, key: bytes) -> bool:
        try:
            finding = self._judge.judge(evidence.encode())
        except WireError:
            return False
        self._guilty[key] = finding.culprit
        self._accuse(evidence)
        return True

    # -- asks and relays -----------------------------------------------------------------------

    def _on_delivery(self, statement: Statement) -> None:
        errand = self.panel.errand_of(statement.slot.subject)
        self._deliveries[statement.hash] = statement
        self._judge_disclosures()
        asked = self._report_of(errand[1])
        if asked is None or statement.payload.report != asked.hash:
            return
        if errand[1] == self.desk.me:
            self._unpack_delivery(errand[0], asked, statement)
        elif self.desk.me in self.panel.relays(errand[1]):
            self.relay(errand[1], statement)

    def _retry_deliveries(self) -> None:
        """A delivery may come before the report with the ask that it answers."""
        for statement in list(self._deliveries.values()):
            self._on_delivery(statement)

    def relay(self, asker: int, delivery: Statement) -> None:
        """Forward first, then attest (§3)."""
        subject = delivery.slot.subject
        if subject in self._relayed or not self.desk.can_sign(Kind.ATTESTATION):
            return
        self._relayed.add(subject)  # in this life: an earlier one may have died before it sent
        self.desk.send((asker,), StatementFrame(delivery.wire))
        attestation = self.desk.sign(Kind.ATTESTATION, Attestation(delivery.hash), subject)
        self.tell(attestation, self.panel.seats)

    def _unpack_delivery(self, dealer: int, asked: Statement, delivery: Statement) -> None:
        held = self.dealings.get(dealer)
        if held is not None and held.verdict is Verdict.VALID:
            return
        if not self._asked(dealer) or not self.desk.can_sign(Kind.ANSWER):
            return
        if delivery.hash in self._opened:
            return
        self._opened.add(delivery.hash)
        setting, secret = self.desk.setting, self._ask_secret(dealer)
        seat = self.panel.seats.index(self.desk.me)
        opened = open_delivery(setting, self.certificate, delivery, secret, seat)
        if opened is None:
            payload = Disclosure(asked.hash, delivery.hash, secret)
            subject = delivery.slot.subject
            self.desk.send(self.panel.seats, StatementFrame(delivery.wire))
            self.tell(self.desk.sign(Kind.DISCLOSURE, payload, subject), self.panel.seats)
            return
        header, package = opened
        if self.desk.admit(header) is Admission.CONFLICT:
            return
        if header.payload.base_model != self._base_model:
            self._show_header(header)
            return
        self.dealings[dealer] = Held(header, package)
        self._check((dealer,))
        self._answer_late(dealer)
        for report in [s for s in self.pool.values() if s.kind is Kind.REPORT]:
            self._compare_headers(report)

    def _judge_disclosures(self) -> None:
        """A disclosure counts once the ask and the delivery that it judges are here."""
        for key, statement in list(self._disclosures.items()):
            _, asker = self.panel.errand_of(statement.slot.subject)
            asked = self.pool.get(statement.payload.report)
            delivery = self._deliveries.get(statement.payload.delivery)
            if asked is None or delivery is None or statement.signer != asker:
                continue
            del self._disclosures[key]
            items = (asked.wire, delivery.wire, statement.wire)
            evidence = Evidence(Fault.DISCLOSURE, self.certificate, items)
            if self._convicts(evidence, key):
                self.pool[delivery.hash] = delivery
                self.pool[key] = statement

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
        if self.stage is Seat.DEALING and self._awaited(self.panel.selected) <= set(self.dealings):
            self.report()
        if not self._hurried and self._others_report():
            # Counted from here, not from this member's report: a member from which a dealer keeps
            # a share may report much later, and its ask must be heard by those who were early.
            self._hurried = True
            check = self.desk.setting.deadlines.check
            self.desk.timer("check", delay=check)
            self.desk.timer("hurry", delay=max(1, check // 4))
        if self.stage is Seat.REPORTING and self._all_reported():
            self._compare_stage()
        if self.stage is Seat.COMPARING and self._all_agree_on_evidence():
            self._relay_stage(SeatEvent.REPORTS_COMPARED)
        if self.stage is Seat.ECHOING and set(self._errands()) - self._tried:
            self._relay_stage(SeatEvent.ASKED_LATE)
        if self.stage is Seat.RELAYING and not self._errands():
            self._echo_stage()
        if self.stage is Seat.ECHOING and self._all_agree_on_evidence():
            self._agree()

    def _awaited(self, peers: Iterable[int]) -> frozenset[int]:
        """Who of these is connected; all of them for a member that has itself lost the others."""
        cut_off = len(self._present & frozenset(self._keyed)) < self.panel.plan.quorum
        return frozenset(peers) if cut_off else frozenset(peers) & self._present

    def _errands(self) -> list[tuple[int, int]]:
        return awaited_errands(self.panel, self.findings())

    def _others_report(self) -> bool:
        """More than t have reported, so an honest one has: it had every dealing, or its deadline
        has passed. Whoever still waits asks now. Else a dealer could keep its shares from honest
        members and have them decided without their word, and (A) counts on every one of them.
        """
        reported = {s.signer for s in self.pool.values() if s.kind is Kind.REPORT}
        return len(reported) > self.panel.plan.threshold

    def _all_reported(self) -> bool:
        """Every report, with the complaints that it announces: they come as statements of their
        own, and a leader that proposes before one of them is here is refused for it.
        """
        reports = [s for s in self.pool.values() if s.kind is Kind.REPORT]
        reported = {report.signer for report in reports}
        if not self._awaited(self._keyed) <= reported:
            return False
        announced = {
            (report.signer, dealer)
            for report in reports
            for dealer, word, _ in report.payload.words
            if word == Check.COMPLAINT
        }
        complaints = {
            (s.signer, s.slot.subject) for s in self.pool.values() if s.kind is Kind.COMPLAINT
        }
        return announced <= complaints

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

    def on_have_due(self) -> None:
        self._will_announce = False
        self._announce_changes(due=True)

    def _announce_changes(self, *, due: bool = False) -> None:
        """Tell the others what this member holds, once for each set: some still compare."""
        mine = frozenset(self.pool)
        if self.stage in (Seat.DEALING, Seat.REPORTING) or mine == self._announced:
            return
        if self._will_announce:
            return
        if self._announced is not None and not due:
            # Many changes, one announcement: each costs its size times the committee's.
            self._will_announce = True
            self.desk.timer("have", delay=max(1, self.desk.setting.deadlines.check // 32))
            return
        self._announced = mine
        frame = HaveFrame(self.desk.round, self.desk.attempt, tuple(sorted(mine)))
        self.desk.send(self._keyed, frame, again=False)

    def on_have(self, sender: int, frame: HaveFrame) -> None:
        """Send what the sender lacks; know when its evidence and mine are the same."""
        if sender not in self._keyed:
            return
        self._theirs[sender] = frozenset(frame.hashes)
        self.pass_on(sender, frozenset(self.pool) - self._theirs[sender])
        if self.stage in (Seat.DEALING, Seat.REPORTING):
            self._catch_up(sender)
        self._advance()

    def _catch_up(self, peer: int) -> None:
        """Ask one that is a stage further for the reports that it holds, by saying which are here.

        A liar that gives its dealing and its report to t members or more, and not to the others,
        sends those on while these wait for a dealing's deadline: too few reports reach them to
        hurry. Left so far apart the two would never be in one view of the agreement.
        """
        mine = frozenset(self.pool)
        if not self._theirs[peer] <= mine and self._asked_at.get(peer) != mine:
            self._asked_at[peer] = mine
            frame = HaveFrame(self.desk.round, self.desk.attempt, tuple(sorted(mine)))
            self.desk.send((peer,), frame, again=False)

    def pass_on(self, peer: int, missing: Iterable[bytes]) -> None:
        """Once to each: who claims to lack everything, again and again, gains nothing by it."""
        for key in sorted(missing):
            if (peer, key) not in self._passed:
                self._passed.add((peer, key))
                self.desk.send((peer,), StatementFrame(self.pool[key].wire))

    def _all_agree_on_evidence(self) -> bool:
        mine = frozenset(self.pool)
        others = self._awaited(self._keyed) - {self.desk.me}
        return all(self._theirs.get(peer) == mine for peer in others)

    def _agree(self) -> None:
        self._state.move(SeatEvent.COMPARED)
        self._held_at_deadline = frozenset(self.pool)
        patience = 12 * self.desk.setting.deadlines.agreement
        self.desk.timer("patience", delay=patience)
        self.agreement.begin()

    # -- the decision --------------------------------------------------------------------------

    def findings(self) -> Findings:
        return gather(self.panel, self.pool.values(), self._guilty.values())

    def _propose(self) -> Proposal | None:
        inputs = tuple(self.pool[key].wire for key in sorted(self.pool))
        return decide(self.panel, self.findings()).encode(), inputs

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
            for peer in self._keyed:
                if peer != self.desk.me:
                    self.pass_on(peer, missing)
            return False
        doubled = _doubled(offered.values())
        if any(key not in self.pool and s.slot not in doubled for key, s in offered.items()):
            return False  # something that is not evidence, or proves nothing
        findings = gather(self.panel, statements, self._convicted(offered))
        if self._hasty(findings):
            return False
        return decide(self.panel, findings).encode() == outcome

    def on_offered(self, statement: Statement) -> None:
        """What a proposal carries counts as heard, and is judged, before the proposal is."""
        if statement.kind is Kind.DELIVERY:
            self._deliveries[statement.hash] = statement
        if self.desk.admit(statement) in (Admission.NEW, Admission.KNOWN):
            self._take(statement)
        elif statement.kind is Kind.COMPLAINT:
            self._convicts_by_itself(statement)

    def _convicted(self, keys: Iterable[bytes]) -> set[int]:
        return {self._guilty[key] for key in keys if key in self._guilty}

    def _missing(self, offered: Mapping[bytes, Statement]) -> set[bytes]:
        """What this member held at the deadline and the proposal lacks. Evidence against somebody
        whom the proposal convicts, or one more statement in a slot that it shows two of, is no
        lack: a liar can sign more of those than anybody keeps.
        """
        convicted, doubled = self._convicted(offered), _doubled(offered.values())
        return {
            key
            for key in self._held_at_deadline - set(offered)
            if (
                self._guilty[key] not in convicted
                if key in self._guilty
                else self.pool[key].slot not in doubled
            )
        }

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


def _doubled(statements: Iterable[Statement]) -> set[Slot]:
    """Slots in which there is more than one statement: their signers are liars."""
    first: dict[Slot, bytes] = {}
    return {s.slot for s in statements if first.setdefault(s.slot, s.body) != s.body}
