"""The pool: the evidence on dealings that a member holds, and that a proposal carries (docs §5).

Reports, complaints that convict, attestations, answers, disclosures that convict with their
deliveries, and both of two statements in one slot. Beside it the members' lists of the reports that
they held: a proposal shows any Q of them, so that nobody compares them.
"""

from __future__ import annotations

from protocols.committee.asks import Asks
from protocols.committee.committee import Committee
from protocols.committee.index import Index
from protocols.committee.shown import Shown
from protocols.errors import WireError
from protocols.record.asks import Keys
from protocols.record.cohort import Errand, Panel
from protocols.record.evidence import Evidence, Fault, judge
from protocols.record.outcomes import Accused
from protocols.record.party import Party, Role
from protocols.version import V3
from protocols.wire.payloads import Kind
from protocols.wire.statement import Statement


class Pool(Role):
    """``statements`` by hash; ``spare``, of disclosures that came here and are not kept, with their
    deliveries; ``guilty``: whom a statement of this hash proves guilty. Of what
    convicts it says so (``Accused``), in the step of whoever has it take statements.
    """

    def __init__(self, party: Party, committee: Committee) -> None:
        super().__init__(party)
        self.statements: dict[bytes, Statement] = {}
        self.spare: set[bytes] = set()
        self.guilty: dict[bytes, int] = {}
        self.deliveries: dict[bytes, Statement] = {}
        self.asks = Asks(party.setting.version)
        self.index = Index(committee.panel)
        self._committee = committee
        self._disclosures: dict[bytes, dict[bytes, Statement]] = {}  # by their deliveries
        self._complaints: dict[bytes, Statement] = {}
        self._unjudged: dict[bytes, Statement] = {}
        self._proven: set[int] = set()
        self._false: set[int] = set()  # who have disclosed a valid delivery

    # -- taking statements in ------------------------------------------------------------------

    def take(self, statement: Statement) -> bool:
        """Keep a verified statement of a member, if it is evidence; True if it is new here.

        A header is none by itself; nor is a delivery, which counts with the disclosure of it.
        """
        kind = statement.kind
        if kind is Kind.SEEN:
            self.index.note(statement)
            return False
        if kind in (Kind.HEADER, Kind.DELIVERY) or statement.hash in self.statements:
            return False
        if kind is Kind.DISCLOSURE:
            return self._judge_all(self._wait(statement))
        if kind is Kind.COMPLAINT and not self._may_convict(statement):
            return False
        self._keep(statement)
        return True

    def _keep(self, statement: Statement) -> None:
        if statement.hash not in self.statements:
            self.statements[statement.hash] = statement
            self.spare.discard(statement.hash)
            self.index.note(statement)
        culprit = self.guilty.get(statement.hash)
        if culprit is not None:
            self._note_guilt(statement, culprit)

    def _note_guilt(self, proof: Statement, culprit: int) -> None:
        """``_proven`` is whom a proposal must convict for this member to accept it: only so may it
        leave out what an honest one says of them. A liar's disclosure does not see to that, as it
        may be void there; of more than t that disclose a dealer's deliveries one is honest.
        """
        if proof.kind is Kind.COMPLAINT:
            self._proven.add(culprit)
        elif culprit == proof.signer:
            self._false.add(culprit)
        else:
            kept = (self.statements.get(key) for key, who in self.guilty.items() if who == culprit)
            askers = {said.signer for said in kept if said is not None}
            if len(askers) > self._committee.panel.plan.threshold:
                self._proven.add(culprit)

    def _may_convict(self, complaint: Statement) -> bool:
        """Whether it convicts somebody; or waits for ``judge_rest``, since what is held convicts
        its dealer or its signer anyhow. To judge one takes as long as to check a dealing, and of
        one bad dealing every honest member complains, of every good one a liar may.
        """
        suspects = complaint.slot.subject, complaint.signer
        if complaint.hash in self.guilty or not self.has_proven(*suspects):
            return self.convicts_by_itself(complaint)
        self._unjudged[complaint.hash] = complaint
        return True

    def has_proven(self, *suspects: int) -> bool:
        """Whether what is held convicts one of them, here and in all proposals accepted here."""
        return not (self._proven | self.index.doublers).isdisjoint(suspects)

    def judge_rest(self) -> None:
        """Before this member proposes: others may have judged the same complaints in another order,
        and whom these convict its proposal must convict.
        """
        for complaint in list(self._unjudged.values()):
            self.convicts_by_itself(complaint)

    def judge_again(self) -> bool:
        """The round's reference is here: what waited for it is judged. True if any entered."""
        waiting, self._complaints = self._complaints, {}
        taken = [self.take(complaint) for complaint in waiting.values()]
        return self.judge_disclosures() or any(taken)

    def take_conflict(self, first: Statement, second: Statement) -> None:
        """Two statements in one slot: evidence against their signer, in the pool as such."""
        for statement in (first, second):
            if statement.kind is Kind.COMPLAINT:
                self.convicts_by_itself(statement)
            self._keep(statement)
            if statement.kind is Kind.DISCLOSURE:
                self._wait(statement)
            elif statement.kind is Kind.DELIVERY:
                self.deliveries[statement.hash] = statement
        self.judge_disclosures()

    def belongs(self, statement: Statement) -> bool:
        """Whether its signer may say this. WireError where it is about nobody."""
        return belongs(self._committee.panel, statement)

    def take_keys(self, report: Statement, keys: Keys) -> Keys:
        """Keep keys of a report that is kept; those that are new here."""
        return self.asks.take(report, keys) if report.hash in self.statements else {}

    def has_keys(self, report: Statement) -> bool:
        """Whether all keys of its asks are here."""
        return self.asks.holds(report)

    # -- what convicts -------------------------------------------------------------------------

    def convicts_anew(self, statement: Statement) -> bool:
        """Whether one statement too many in its slot proves somebody guilty who was not yet: two
        of a slot are kept, so that a liar can't fill this member's memory with more.
        """
        if statement.kind is not Kind.COMPLAINT or statement.hash in self.statements:
            return False
        known = set(self.guilty.values())
        if known.issuperset((statement.slot.subject, statement.signer)):
            return False
        return self.convicts_by_itself(statement) and self.guilty[statement.hash] not in known

    def convicts_by_itself(self, complaint: Statement) -> bool:
        if complaint.hash in self.guilty:
            return True
        if self._committee.base.awaits_reference:
            self._complaints[complaint.hash] = complaint
            return False
        self._unjudged.pop(complaint.hash, None)
        return self._convicts(self._committee.proof(Fault.COMPLAINT, complaint), complaint.hash)

    def _convicts(self, evidence: Evidence, key: bytes) -> bool:
        try:
            finding = judge(self.party.setting, evidence)
        except WireError:
            return False
        self.guilty[key] = finding.culprit
        self.emit(Accused(evidence))
        return True

    def take_delivery(self, delivery: Statement) -> None:
        """Into the pool it comes with the disclosure of it, which may be here already."""
        self.deliveries[delivery.hash] = delivery
        self._judge_all(self._disclosures.get(delivery.hash, {}))

    def judge_disclosures(self) -> bool:
        """A disclosure counts once the ask and the delivery that it judges are here; True if one
        of them entered the pool now.
        """
        waiting = list(self._disclosures.values())
        return sum(map(self._judge_all, waiting)) > 0

    def judge_shown(self, disclosure: Statement) -> None:
        """One that a proposal carries, spare or not: its leader may hold no other proof."""
        if not self._committee.base.awaits_reference:
            self._discloses(disclosure)

    def _wait(self, disclosure: Statement) -> dict[bytes, Statement]:
        """With all that are about the same delivery."""
        waiting = self._disclosures.setdefault(disclosure.payload.delivery, {})
        waiting[disclosure.hash] = disclosure
        return waiting

    def _judge_all(self, waiting: dict[bytes, Statement]) -> bool:
        if self._committee.base.awaits_reference:
            return False
        news = False
        for disclosure in list(waiting.values()):
            if self._is_spare(disclosure):
                del waiting[disclosure.hash]
                said = {disclosure.hash, disclosure.payload.delivery}
                self.spare |= said - self.statements.keys()
                continue
            convicts = self._discloses(disclosure)
            if convicts is not None:
                del waiting[disclosure.hash]
            if convicts:
                self._keep(self.deliveries[disclosure.payload.delivery])
                self._keep(disclosure)
                news = True
        return news

    def _is_spare(self, disclosure: Statement) -> bool:
        """Whether its asker or its dealer is proven anyhow: it is neither judged nor passed on."""
        if disclosure.hash in self.guilty or self.party.setting.version < V3:
            return False  # peerd 0.2.0 asks a proposal for all that anybody disclosed
        suspects = self._committee.panel.errand_of(disclosure.slot.subject)
        return disclosure.signer in self._false or self.has_proven(*suspects)

    def _discloses(self, disclosure: Statement) -> bool | None:
        """Whether it convicts somebody; None: what it needs for that is not here."""
        said, panel = disclosure.payload, self._committee.panel
        delivery = self.deliveries.get(said.delivery)
        asked = self.statements.get(said.report)
        if asked is None or delivery is None:
            return None
        if disclosure.signer != panel.errand_of(disclosure.slot.subject)[1]:
            return None
        if disclosure.hash in self.guilty:
            return True
        proof = self._committee.proof(Fault.DISCLOSURE, asked, delivery, disclosure)
        return self._convicts(proof, disclosure.hash)

    # -- what it shows -------------------------------------------------------------------------

    @property
    def wires(self) -> tuple[bytes, ...]:
        """All evidence that is held, and the lists of reports, by hash."""
        held = {**self.statements, **{said.hash: said for said in self.index.seen.values()}}
        return tuple(held[key].wire for key in sorted(held))

    @property
    def shown(self) -> Shown:
        """What a proposal shows of it, and what a proposal lacks."""
        return Shown(self._committee.panel, self.statements, self.index.seen, self.guilty)

    def awaited(self) -> list[Errand]:
        """(dealer, asker) whose asker may still have something to say."""
        reports = self.index.reports
        return self.index.awaited(
            len(self.guilty), lambda: self.shown.convicted(self.statements, reports)
        )


def belongs(panel: Panel, statement: Statement) -> bool:
    """Whether its signer may say this. WireError where it is about nobody."""
    signer, subject, payload = statement.signer, statement.slot.subject, statement.payload
    match statement.kind:
        case Kind.DELIVERY:
            return signer == panel.errand_of(subject)[0]
        case Kind.HEADER:
            return signer in panel.selected
        case Kind.ATTESTATION:
            return signer in panel.seats and panel.attests(statement)
        case Kind.SEEN:
            of_reports = not statement.slot.by_identity and not payload.evidence
            return signer in panel.seats and of_reports
        case Kind.ANSWER | Kind.DISCLOSURE:
            return signer == panel.errand_of(subject)[1]
        case Kind.COMPLAINT if subject not in panel.selected:
            raise WireError(f"peer {subject} is not a selected dealer")
    return signer in panel.seats
