"""A member as the one who is dealt to: it checks dealings, asks for what it lacks, and relays what
others asked for (docs/protocol.md §3).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from protocols.committee.pool import Pool
from protocols.hashing import digest
from protocols.proof import Verdict, check_many
from protocols.record.base import Base
from protocols.record.certificate import ElectionCertificate
from protocols.record.cohort import Panel
from protocols.record.desk import Admission, Desk
from protocols.record.evidence import judge_dealing, open_delivery
from protocols.secret import Secret
from protocols.wire.frames import StatementFrame
from protocols.wire.statement import Answer, Attestation, Check, Disclosure, Kind, Statement


@dataclass(slots=True)
class Held:
    """A dealing as this member got it. ``verdict`` is None until it is checked."""

    header: Statement
    package: bytes = field(repr=False)
    verdict: Verdict | None = None
    share: npt.NDArray[np.unsignedinteger] | None = field(default=None, repr=False)


class Recipient:
    """What every member does with dealings; ``Member`` adds when, and the agreement on them."""

    def __init__(
        self,
        desk: Desk,
        certificate: ElectionCertificate,
        panel: Panel,
        base: Base,
        secret: Secret,
        evidence: Pool,
    ) -> None:
        self.desk = desk
        self.panel = panel
        self.certificate = certificate
        self.seated = desk.me in panel.seats
        self.evidence = evidence
        self.pool = evidence.statements
        self.dealings: dict[int, Held] = {}
        self._base = base
        self._base_model = b"" if base.awaits_reference else base.hash
        self._secret = secret
        self._shown: set[bytes] = set()
        self._relayed: set[int] = set()
        self._opened: set[bytes] = set()

    def tell(self, statement: Statement, peers: Iterable[int]) -> None:
        """Say it to these peers and to oneself."""
        raise NotImplementedError

    @property
    def may_answer(self) -> bool:
        """Whether an answer still matters."""
        raise NotImplementedError

    # -- checking ------------------------------------------------------------------------------

    def _check(self, dealers: Iterable[int]) -> None:
        """One batch: a member's work in a round is a few matrix products, not a loop.

        Nothing is checked before the round's reference is here.
        """
        if not self._base_model:
            return
        seat = self.panel.seats.index(self.desk.me)
        order = [d for d in dealers if d in self.dealings and self.dealings[d].verdict is None]
        items = []
        for dealer in order:
            held = self.dealings[dealer]
            said = held.header.payload
            items.append((self._context(dealer), said.root, said.proof, held.package))
        if not items:
            return
        verdicts, shares = check_many(self._base.shape, seat, items)
        for index, dealer in enumerate(order):
            self.dealings[dealer].verdict = verdicts[index]
            if verdicts[index] is Verdict.VALID:
                self.dealings[dealer].share = shares[index]

    def take_reference(self) -> None:
        """The round's reference has come: what was dealt from another base is no dealing here."""
        if self._base_model:
            return
        self._base_model = self._base.hash
        for dealer, held in list(self.dealings.items()):
            if held.header.payload.base_model != self._base_model:
                del self.dealings[dealer]
                self._show_header(held.header)
        self.evidence.judge_again()
        self._retry_deliveries()

    def _context(self, dealer: int) -> bytes:
        desk = self.desk
        return desk.setting.dealing_context(
            desk.round,
            desk.attempt,
            self.certificate.hash(desk.setting),
            self._base_model,
            dealer,
        )

    def word_on(self, dealer: int) -> tuple[int, int, bytes]:
        """(dealer, word, header hash or key to answer an ask with)."""
        held = self.dealings.get(dealer)
        if held is not None and held.verdict is Verdict.VALID:
            return dealer, int(Check.OK), held.header.hash
        if held is not None and held.verdict is Verdict.INVALID:
            return dealer, int(Check.COMPLAINT), held.header.hash
        return dealer, int(Check.ASK), self.desk.setting.crypto.box_public(self._ask_secret(dealer))

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

    # -- asking --------------------------------------------------------------------------------

    def _ask_secret(self, dealer: int) -> bytes:
        return digest("peerd/ask", self._secret.reveal(), dealer.to_bytes(8, "little"))

    def _answer_late(self, dealer: int) -> None:
        """A dealing that came after this member asked for it: say that it is here now."""
        asked = self.evidence.asks(self.desk.me, dealer)
        if not asked or self.dealings[dealer].verdict is not Verdict.VALID:
            return
        if not self.may_answer or not self.desk.can_sign(Kind.ANSWER):
            return
        payload = Answer(self.dealings[dealer].header.hash)
        errand = self.panel.errand(dealer, self.desk.me)
        self.tell(self.desk.sign(Kind.ANSWER, payload, errand), self.panel.seats)

    def _unpack_delivery(self, dealer: int, asked: Statement, delivery: Statement) -> None:
        held = self.dealings.get(dealer)
        if held is not None and held.verdict is Verdict.VALID:
            return
        if not self.evidence.asks(self.desk.me, dealer) or not self.desk.can_sign(Kind.ANSWER):
            return
        if delivery.hash in self._opened or not self._base_model:
            return
        self._opened.add(delivery.hash)
        setting, secret = self.desk.setting, self._ask_secret(dealer)
        opened = open_delivery(setting, self.certificate, delivery, secret)
        foreign = opened is not None and self._is_foreign(opened[0])
        if opened is None or not (foreign or self._is_valid(*opened)):
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
        for report in self.evidence.reports():
            self._compare_headers(report)

    def _is_foreign(self, header: Statement) -> bool:
        """From a base that this member can't judge a dealing under: another reference."""
        other = header.payload.base_model != self._base_model
        return other and self.desk.setting.aggregator.uses_reference

    def _is_valid(self, header: Statement, package: bytes) -> bool:
        setting, seat = self.desk.setting, self.panel.seats.index(self.desk.me)
        base = self._base
        if header.payload.base_model != self._base_model:
            base = Base(setting, header.payload.base_model)
        verdict = judge_dealing(setting, self.certificate, header, seat, package, base)
        return verdict is Verdict.VALID

    # -- relaying ------------------------------------------------------------------------------

    def _on_delivery(self, statement: Statement) -> None:
        """Open it, where it is for this member; carry it on, where this member relays it."""
        self.evidence.deliveries[statement.hash] = statement
        self.evidence.judge_disclosures()
        self._carry_on(statement)

    def _carry_on(self, statement: Statement) -> None:
        dealer, asker = self.panel.errand_of(statement.slot.subject)
        asked = self.evidence.report_of(asker)
        if asked is None or statement.payload.report != asked.hash:
            return
        if asker == self.desk.me:
            self._unpack_delivery(dealer, asked, statement)
        elif self.desk.me in self.panel.relays(asker):
            self.relay(asker, statement)

    def _retry_deliveries(self) -> None:
        """A delivery may come before the report with the ask that it answers."""
        for statement in list(self.evidence.deliveries.values()):
            self._carry_on(statement)

    def relay(self, asker: int, delivery: Statement) -> None:
        """Forward first, then attest (§3)."""
        subject = delivery.slot.subject
        if subject in self._relayed or not self.desk.can_sign(Kind.ATTESTATION):
            return
        self._relayed.add(subject)  # in this life: an earlier one may have died before it sent
        self.desk.send((asker,), StatementFrame(delivery.wire))
        attestation = self.desk.sign(Kind.ATTESTATION, Attestation(delivery.hash), subject)
        self.tell(attestation, self.panel.seats)
