"""Members that lie in their reports, complaints, asks and relays."""

from __future__ import annotations

from collections.abc import Iterable

from peerd.laboratory.adversaries.forging import forge
from protocols.committee.member import Member
from protocols.hashing import digest
from protocols.wire.frames import HaveFrame, StatementFrame
from protocols.wire.statement import (
    Answer,
    Attestation,
    Check,
    Complaint,
    Disclosure,
    Kind,
    Report,
    Statement,
)


class Liar(Member):
    """What it thinks of each dealing is for ``word_on`` to lie about."""

    def after_report(self) -> None:
        """Called once its report is out."""

    def report(self) -> None:
        super().report()
        if self.desk._round_secret is not None:
            self.after_report()


class FalseComplainer(Liar):
    """7: complains about the next peer's valid share."""

    def word_on(self, dealer: int) -> tuple[int, int, bytes]:
        held = self.dealings.get(dealer)
        if dealer == (self.desk.me + 1) % self.desk.setting.peers and held is not None:
            return dealer, int(Check.COMPLAINT), held.header.hash
        return super().word_on(dealer)


class ForeignComplainer(Liar):
    """70: complains with a package that the header does not bind."""

    def after_report(self) -> None:
        dealer = (self.desk.me + 1) % self.desk.setting.peers
        held = self.dealings.get(dealer)
        if held is not None:
            payload = Complaint(held.header.wire, held.package[:-1] + b"\0\0")
            statement = forge(self.desk, Kind.COMPLAINT, payload, dealer)
            self.desk.send(self.panel.seats, StatementFrame(statement.wire))


class FalseAsker(Liar):
    """72: asks for what it has, of everyone, and is silent then."""

    def word_on(self, dealer: int) -> tuple[int, int, bytes]:
        key = self.desk.setting.crypto.box_public(self._ask_secret(dealer))
        return dealer, int(Check.ASK), key

    def _unpack_delivery(self, dealer: int, asked: Statement, delivery: Statement) -> None:
        pass

    def _answer_late(self, dealer: int) -> None:
        pass


class FalseDiscloser(FalseAsker):
    """69: opens a valid delivery as an invalid one."""

    def _unpack_delivery(self, dealer: int, asked: Statement, delivery: Statement) -> None:
        payload = Disclosure(asked.hash, delivery.hash, self._ask_secret(dealer))
        self.desk.send(self.panel.seats, StatementFrame(delivery.wire))
        statement = forge(self.desk, Kind.DISCLOSURE, payload, delivery.slot.subject)
        self.desk.send(self.panel.seats, StatementFrame(statement.wire))


class BogusAnswerer(FalseAsker):
    """69: asks, and answers with a header that does not exist, at once."""

    def after_report(self) -> None:
        for dealer in self.panel.selected:
            payload = Answer(digest("lab/no-header"))
            subject = self.panel.errand(dealer, self.desk.me)
            statement = forge(self.desk, Kind.ANSWER, payload, subject)
            self.desk.send(self.panel.seats, StatementFrame(statement.wire))


class WeakKeyAsker(FalseAsker):
    """69: asks with keys of small order, to which nothing can be sealed."""

    def word_on(self, dealer: int) -> tuple[int, int, bytes]:
        return dealer, int(Check.ASK), bytes(32)


class IdleRelay(Member):
    """69: attests what it did not deliver."""

    def relay(self, asker: int, delivery: Statement) -> None:
        if not self.desk.can_sign(Kind.ATTESTATION):
            return
        subject = delivery.slot.subject
        attestation = forge(self.desk, Kind.ATTESTATION, Attestation(delivery.hash), subject)
        self.desk.send(self.panel.seats, StatementFrame(attestation.wire))


class DenyingRelay(Member):
    """69: delivers, and attests another ciphertext."""

    def relay(self, asker: int, delivery: Statement) -> None:
        if not self.desk.can_sign(Kind.ATTESTATION):
            return
        subject = delivery.slot.subject
        other = Attestation(digest("lab/other-delivery"))
        attestation = forge(self.desk, Kind.ATTESTATION, other, subject)
        self.desk.send(self.panel.seats, StatementFrame(attestation.wire))


class SelectiveReporter(Member):
    """20: its report goes to half of the seats only."""

    def tell(self, statement: Statement, peers: Iterable[int]) -> None:
        super().tell(statement, list(peers)[::2])


class TwoReports(Liar):
    """21: one report to some, and another to others."""

    def after_report(self) -> None:
        words = tuple((dealer, int(Check.OK), bytes(32)) for dealer in self.panel.selected)
        other = forge(self.desk, Kind.REPORT, Report(words))
        self.desk.send(self.panel.seats[::2], StatementFrame(other.wire))


class ManyReports(Liar):
    """21: a different report for every seat, and a few more."""

    def after_report(self) -> None:
        for turn, peer in enumerate(self.panel.seats):
            for more in range(3):
                word = digest("lab/many", bytes((turn, more)))
                words = tuple((dealer, int(Check.OK), word) for dealer in self.panel.selected)
                other = forge(self.desk, Kind.REPORT, Report(words))
                self.desk.send((peer,), StatementFrame(other.wire))


class Hoarder(Liar):
    """E: claims, again and again, to hold nothing."""

    def after_report(self) -> None:
        for _ in range(40):
            frame = HaveFrame(self.desk.round, self.desk.attempt, ())
            self.desk.send(self._keyed, frame, again=False)
