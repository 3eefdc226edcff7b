"""The pool: the evidence on dealings that a member holds, and that a proposal carries (docs §5).

Reports, complaints that convict, attestations, answers, disclosures that convict with their
deliveries, and both of two statements in one slot.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from protocols.committee.errands import Errands
from protocols.errors import WireError
from protocols.record.base import Base
from protocols.record.certificate import ElectionCertificate
from protocols.record.cohort import Panel, two_faced
from protocols.record.evidence import Evidence, Fault, Judge
from protocols.wire.statement import Check, Kind, Slot, Statement

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

PROOF_KINDS = frozenset({Kind.HEADER, Kind.COMPLAINT, Kind.DISCLOSURE, Kind.DELIVERY})
"""Of these only what they prove matters to the decision: a header, where there are two of them."""


class Pool:
    """``statements`` by hash. ``accuse`` is called with what a statement proves.

    Liars may fill it with attestations and with doubled slots, thousands in a large group. What is
    asked at every arrival is therefore kept up to date, and nothing looks through all of it then.
    """

    def __init__(
        self,
        panel: Panel,
        certificate: ElectionCertificate,
        judge: Judge,
        base: Base,
        accuse: Callable[[Evidence], None],
    ) -> None:
        self.statements: dict[bytes, Statement] = {}
        self.guilty: dict[bytes, int] = {}
        self.deliveries: dict[bytes, Statement] = {}
        self._panel = panel
        self._certificate = certificate
        self._judge = judge
        self._base = base
        self._accuse = accuse
        self._disclosures: dict[bytes, Statement] = {}
        self._complaints: dict[bytes, Statement] = {}
        self._of_kind: dict[Kind, list[Statement]] = {kind: [] for kind in POOL_KINDS}
        self._said: dict[Slot, bytes] = {}
        self._doublers: set[int] = set()
        self._errands = Errands(panel)
        self._sizes: tuple[int, ...] = ()
        self.reporters: set[int] = set()
        self._complained: set[tuple[int, int]] = set()
        self._wanting: set[tuple[int, int]] = set()

    # -- taking statements in ------------------------------------------------------------------

    def take(self, statement: Statement) -> bool:
        """Keep a verified statement of a member, if it is evidence; True if it is new here.

        A header is none by itself; nor is a delivery, which counts with the disclosure of it.
        """
        kind = statement.kind
        if kind in (Kind.HEADER, Kind.DELIVERY) or statement.hash in self.statements:
            return False
        if kind is Kind.DISCLOSURE:
            self._disclosures[statement.hash] = statement
            return self.judge_disclosures()
        if kind is Kind.COMPLAINT and not self.convicts_by_itself(statement):
            return False
        self._keep(statement)
        return True

    def _keep(self, statement: Statement) -> None:
        if statement.hash in self.statements:
            return
        self.statements[statement.hash] = statement
        self._of_kind[statement.kind].append(statement)
        if self._said.setdefault(statement.slot, statement.body) != statement.body:
            self._doublers.add(statement.signer)
        self._note(statement)

    def _note(self, statement: Statement) -> None:
        """Who reported, which complaint is announced and still wanting, who answered."""
        signer = statement.signer
        if statement.kind is Kind.REPORT:
            self.reporters.add(signer)
            words = statement.payload.words
            said = {(signer, dealer) for dealer, word, _ in words if word == Check.COMPLAINT}
            self._wanting |= said - self._complained
        elif statement.kind is Kind.COMPLAINT:
            self._complained.add((signer, statement.slot.subject))
            self._wanting.discard((signer, statement.slot.subject))
        elif statement.kind is Kind.ANSWER:
            self._errands.answer(statement)

    def judge_again(self) -> bool:
        """The round's reference is here: what waited for it is judged. True if any entered."""
        waiting, self._complaints = self._complaints, {}
        taken = [self.take(complaint) for complaint in waiting.values()]
        return self.judge_disclosures() or any(taken)

    def take_conflict(self, first: Statement, second: Statement) -> None:
        """Two statements in one slot: evidence against their signer, in the pool as such."""
        for statement in (first, second):
            self._keep(statement)
            if statement.kind is Kind.COMPLAINT:
                self.convicts_by_itself(statement)
            elif statement.kind is Kind.DISCLOSURE:
                self._disclosures[statement.hash] = statement
            elif statement.kind is Kind.DELIVERY:
                self.deliveries[statement.hash] = statement
        self.judge_disclosures()

    def belongs(self, statement: Statement) -> bool:
        """Whether its signer may say this. WireError where it is about nobody."""
        panel = self._panel
        if statement.kind is Kind.DELIVERY:
            dealer, _ = panel.errand_of(statement.slot.subject)
            return statement.signer == dealer
        if statement.kind is Kind.HEADER:
            return statement.signer in panel.selected
        if statement.kind in (Kind.ATTESTATION, Kind.ANSWER, Kind.DISCLOSURE):
            _, asker = panel.errand_of(statement.slot.subject)
            relays = statement.kind is Kind.ATTESTATION
            return statement.signer in panel.relays(asker) if relays else statement.signer == asker
        if statement.kind is Kind.COMPLAINT and statement.slot.subject not in panel.selected:
            raise WireError(f"peer {statement.slot.subject} is not a selected dealer")
        return statement.signer in panel.seats

    # -- what convicts -------------------------------------------------------------------------

    def convicts_anew(self, statement: Statement) -> bool:
        """Whether one statement too many in its slot proves somebody guilty who was not yet: two
        of a slot are kept, so that a liar can't fill this member's memory with more.
        """
        if statement.kind is not Kind.COMPLAINT or statement.hash in self.statements:
            return False
        known = set(self.guilty.values())
        return self.convicts_by_itself(statement) and self.guilty[statement.hash] not in known

    def convicts_by_itself(self, complaint: Statement) -> bool:
        if complaint.hash in self.guilty:
            return True
        if self._base.awaits_reference:
            self._complaints[complaint.hash] = complaint
            return False
        items = (complaint.wire, *self._base.items())
        evidence = Evidence(Fault.COMPLAINT, self._certificate, items)
        return self._convicts(evidence, complaint.hash)

    def _convicts(self, evidence: Evidence, key: bytes) -> bool:
        try:
            finding = self._judge.judge(evidence.encode())
        except WireError:
            return False
        self.guilty[key] = finding.culprit
        self._accuse(evidence)
        return True

    def judge_disclosures(self) -> bool:
        """A disclosure counts once the ask and the delivery that it judges are here; True if one
        of them entered the pool now.
        """
        news = False
        if self._base.awaits_reference:
            return news
        for key, statement in list(self._disclosures.items()):
            delivery = self.deliveries.get(statement.payload.delivery)
            asked = self.statements.get(statement.payload.report)
            if asked is None or delivery is None:
                continue
            if statement.signer != self._panel.errand_of(statement.slot.subject)[1]:
                continue
            del self._disclosures[key]
            items = (asked.wire, delivery.wire, statement.wire, *self._base.items())
            if self._convicts(Evidence(Fault.DISCLOSURE, self._certificate, items), key):
                self._keep(delivery)
                self._keep(statement)
                news = True
        return news

    # -- what it shows -------------------------------------------------------------------------

    def reports(self) -> list[Statement]:
        return list(self._of_kind[Kind.REPORT])

    def report_of(self, member: int) -> Statement | None:
        reports = self._of_kind[Kind.REPORT]
        return next((report for report in reports if report.signer == member), None)

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

    def awaited(self) -> list[tuple[int, int]]:
        """(dealer, asker) whose asker may still have something to say. Asks, answers and guilt make
        them; nothing ever leaves the pool, so until one of these is new nothing changes, and this
        is the same list.
        """
        kinds = (Kind.REPORT, Kind.COMPLAINT, Kind.DISCLOSURE)
        sizes = len(self.guilty), len(self._doublers), *(len(self._of_kind[k]) for k in kinds)
        if self._sizes != sizes:
            self._sizes = sizes
            guilty = self._doublers | self._convicted(self.statements, two_faced(self.reports()))
            self._errands.begin(self._of_kind[Kind.REPORT], guilty)
        return self._errands.awaited()

    # -- what a proposal shows -----------------------------------------------------------------

    def proposed(self) -> dict[bytes, Statement]:
        """What a proposal carries: all that is held, but one proof against each culprit. Every
        complaint holds a dealing, and a header its proof: t members that complain of all dealers
        would fill any frame.
        """
        small = {k: s for k, s in self.statements.items() if s.kind not in PROOF_KINDS}
        left = self.culprits(self.statements) - self.culprits(small)
        shown, liars, slots = dict(small), two_faced(small.values()), self._by_slot()
        for key in sorted(self.statements.keys() - small.keys()):
            if not left:
                break
            proof = self._proof(key, slots)
            if not self._culprits(proof, liars).isdisjoint(left):
                shown |= proof
                left -= self.culprits(shown)
        return shown

    def _by_slot(self) -> dict[Slot, list[bytes]]:
        """The hashes in each slot. Made once for each use: a liar doubles thousands of slots, and
        whoever looked through all of them for each would have no time for anything else.
        """
        slots: dict[Slot, list[bytes]] = {}
        for key, statement in self.statements.items():
            slots.setdefault(statement.slot, []).append(key)
        return slots

    def _proof(self, key: bytes, slots: Mapping[Slot, list[bytes]]) -> dict[bytes, Statement]:
        """A statement with what it needs to prove something: delivery, or the other in its slot."""
        statement = self.statements[key]
        parts = {k: self.statements[k] for k in slots[statement.slot]}
        if statement.kind is Kind.DISCLOSURE:
            delivery = statement.payload.delivery
            parts |= {delivery: self.statements[delivery]} if delivery in self.statements else {}
        return parts

    def culprits(self, offered: Mapping[bytes, Statement]) -> set[int]:
        """Whom these statements prove guilty: by themselves, or by being two in a slot."""
        return self._culprits(offered, two_faced(offered.values()))

    def _culprits(self, offered: Mapping[bytes, Statement], liars: Collection[int]) -> set[int]:
        doubled = doubled_slots(offered.values())
        return self._convicted(offered, liars) | {slot.signer for slot in doubled}

    def convicted(self, offered: Mapping[bytes, Statement]) -> set[int]:
        """Whom these statements prove guilty by themselves."""
        return self._convicted(offered, two_faced(offered.values()))

    def _convicted(self, offered: Mapping[bytes, Statement], liars: Collection[int]) -> set[int]:
        return {
            culprit
            for key, culprit in self.guilty.items()
            if key in offered and not _disclosed_by(self._panel, offered[key], liars)
        }

    def lacking(self, held: Collection[bytes], offered: Mapping[bytes, Statement]) -> set[bytes]:
        """What of ``held`` a proposal lacks. Evidence against somebody whom the proposal convicts,
        or one more statement in a slot that it shows two of, is no lack: a liar can sign more of
        those than anybody keeps. Nor is what a member disclosed that it shows two reports of.
        """
        convicted, doubled = self.culprits(offered), doubled_slots(offered.values())
        liars, proofs = two_faced(offered.values()), self._proofs()
        return {
            key
            for key in set(held) - set(offered)
            if not _disclosed_by(self._panel, self.statements[key], liars)
            and (
                proofs[key].isdisjoint(convicted)
                if key in proofs
                else self.statements[key].slot not in doubled
            )
        }

    def _proofs(self) -> dict[bytes, set[int]]:
        """What proves whom: complaints, disclosures, and the deliveries that these disclose."""
        proofs = {key: {culprit} for key, culprit in self.guilty.items()}
        for slot, keys in self._by_slot().items():
            if len(keys) > 1 and slot.kind in PROOF_KINDS:
                for key in keys:
                    proofs.setdefault(key, set()).add(slot.signer)
        for key, culprit in self.guilty.items():
            said = self.statements.get(key)
            if said is not None and said.kind is Kind.DISCLOSURE:
                proofs.setdefault(said.payload.delivery, set()).add(culprit)
        return proofs

    def foreign(self, offered: Mapping[bytes, Statement]) -> bool:
        """Whether a proposal carries something that is not evidence, or proves nothing."""
        doubled, liars = doubled_slots(offered.values()), two_faced(offered.values())
        return any(
            key not in self.statements
            and statement.slot not in doubled
            and not _disclosed_by(self._panel, statement, liars)
            for key, statement in offered.items()
        )


def _disclosed_by(panel: Panel, statement: Statement, askers: Collection[int]) -> bool:
    """Whether it is a disclosure, or a delivery to be disclosed, of one of these members' asks."""
    if statement.kind is Kind.DISCLOSURE:
        return statement.signer in askers
    if statement.kind is Kind.DELIVERY:
        return panel.errand_of(statement.slot.subject)[1] in askers
    return False


def doubled_slots(statements: Iterable[Statement]) -> set[Slot]:
    """Slots in which there is more than one statement: their signers are liars."""
    first: dict[Slot, bytes] = {}
    return {s.slot for s in statements if first.setdefault(s.slot, s.body) != s.body}
