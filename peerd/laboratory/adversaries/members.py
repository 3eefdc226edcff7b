"""Members that lie in their reports, complaints, asks and relays."""

from __future__ import annotations

from peerd.laboratory.adversaries.trick import Trick
from protocols.hashing import digest
from protocols.wire.frames import AskFrame, Frame, HaveFrame, StatementFrame
from protocols.wire.payloads import (
    Answer,
    Attestation,
    Check,
    Complaint,
    Disclosure,
    Kind,
    Payload,
    Report,
)
from protocols.wire.statement import Statement

Word = tuple[int, int, bytes]
"""Dealer, word, and a header's hash or a one-time key."""
SMALL_ORDER = 32
"""Bytes of X25519 at the end of a key, of all of it in version 2."""
TOLD = frozenset({Kind.REPORT, Kind.COMPLAINT, Kind.ATTESTATION, Kind.ANSWER, Kind.DISCLOSURE})
"""What a member says about dealings."""


class LyingMember(Trick):
    """What it thinks of each dealing is for ``word`` to lie about."""

    role = "member"

    def word(self, honest: Word) -> Word:
        return honest

    def instead(self, said: Statement) -> Statement | None:
        if said.kind is not Kind.REPORT:
            return said
        words = tuple(self.word(word) for word in said.payload.words)
        same = words == said.payload.words
        return said if same else self.at.forge(Kind.REPORT, Report(words))

    def tell(self, kind: Kind, payload: Payload, subject: int = 0) -> None:
        """Say it to the committee, beside what is said anyhow."""
        statement = self.at.forge(kind, payload, subject)
        self.at.send(self.at.panel.seats, StatementFrame(statement.wire))

    @property
    def neighbour(self) -> int:
        return (self.at.me + 1) % self.at.setting.peers


class FalseComplainer(LyingMember):
    """7: complains about the next peer's valid share."""

    def word(self, honest: Word) -> Word:
        dealer, word, header = honest
        if word != Check.OK or not self.picks_on(dealer):
            return honest
        return dealer, int(Check.COMPLAINT), header

    def picks_on(self, dealer: int) -> bool:
        return dealer == self.neighbour

    def reported(self) -> None:
        assert self.at.report is not None
        for dealer, word, _ in self.at.report.payload.words:
            held = self.at.dealings.get(dealer)
            if word == Check.COMPLAINT and held is not None and self.picks_on(dealer):
                self.tell(Kind.COMPLAINT, Complaint(held.header, held.package), dealer)


class ForeignComplainer(LyingMember):
    """70: complains with a package that the header does not bind."""

    def reported(self) -> None:
        held = self.at.dealings.get(self.neighbour)
        if held is not None:
            payload = Complaint(held.header, held.package[:-1] + b"\0\0")
            self.tell(Kind.COMPLAINT, payload, self.neighbour)


class FalseAsker(LyingMember):
    """72: asks for what it has, of everyone, and is silent then."""

    def word(self, honest: Word) -> Word:
        dealer = honest[0]
        if dealer == self.at.me:  # its own dealing, which it does not answer for
            return honest
        return dealer, int(Check.ASK), self.at.ask_with(self.key(dealer))

    def key(self, dealer: int) -> bytes:
        """The key that it asks this dealer with."""
        return self.at.boxes.public(self.ask_secret(dealer))

    def ask_secret(self, dealer: int) -> bytes:
        return digest("lab/ask", self.at.nonce, dealer.to_bytes(8, "little"))

    def heard(self, statement: Statement) -> None:
        report, panel = self.at.report, self.at.panel if self.at.is_elected else None
        if statement.kind is not Kind.DELIVERY or report is None or panel is None:
            return
        if statement.payload.report == report.hash and statement.signer in panel.selected:
            self.delivered(report, statement)

    def delivered(self, asked: Statement, delivery: Statement) -> None:
        """An answer to its ask has come."""


class FalseDiscloser(FalseAsker):
    """69: opens a valid delivery as an invalid one."""

    def delivered(self, asked: Statement, delivery: Statement) -> None:
        secret = self.disclosed_secret(delivery.signer)
        payload = Disclosure(asked.hash, delivery.hash, secret)
        self.at.send(self.at.panel.seats, StatementFrame(delivery.wire))
        self.tell(Kind.DISCLOSURE, payload, delivery.slot.subject)

    def disclosed_secret(self, dealer: int) -> bytes:
        return self.ask_secret(dealer)


class BogusAnswerer(FalseAsker):
    """69: asks, and answers with a header that does not exist, at once."""

    def reported(self) -> None:
        for dealer in self.at.panel.selected:
            subject = self.at.panel.errand(dealer, self.at.me)
            self.tell(Kind.ANSWER, Answer(digest("lab/no-header")), subject)


class WeakKeyAsker(FalseAsker):
    """69: asks with keys that are of small order on X25519, to which nothing can be sealed."""

    def key(self, dealer: int) -> bytes:
        return super().key(dealer)[:-SMALL_ORDER] + bytes(SMALL_ORDER)


class UnreducedKeyAsker(FalseAsker):
    """69: asks with keys that no coefficients of ML-KEM spell."""

    def key(self, dealer: int) -> bytes:
        key = super().key(dealer)
        return b"\xff" * (len(key) - SMALL_ORDER) + key[-SMALL_ORDER:]


class KeylessAsker(FalseAsker):
    """69: asks with keys that it shows nobody: no dealer can answer."""

    def frame_for(self, peer: int, frame: Frame) -> Frame | None:
        return StatementFrame(frame.statement) if isinstance(frame, AskFrame) else frame


class KeysForOne(KeylessAsker):
    """20: shows the keys of its asks to one other member, and its report to all."""

    def frame_for(self, peer: int, frame: Frame) -> Frame | None:
        if not isinstance(frame, AskFrame) or [peer] == self.at.next_of(self.at.panel.seats)[:1]:
            return frame
        return super().frame_for(peer, frame)


class IdleRelay(LyingMember):
    """69: attests what it did not deliver."""

    def frame_for(self, peer: int, frame: Frame) -> Frame | None:
        if not isinstance(frame, StatementFrame):
            return frame
        said = self.at.read(frame.statement)
        if said is None or said.kind is not Kind.DELIVERY:
            return frame
        _, asker = self.at.panel.errand_of(said.slot.subject)
        return None if peer == asker else frame


class DenyingRelay(LyingMember):
    """69: delivers, and attests nothing of it."""

    def instead(self, said: Statement) -> Statement | None:
        if said.kind is not Kind.ATTESTATION:
            return said
        return self.at.forge(Kind.ATTESTATION, Attestation(b""))


class SelectiveReporter(LyingMember):
    """20: its report goes to half of the seats only."""

    def frame_for(self, peer: int, frame: Frame) -> Frame | None:
        if not isinstance(frame, StatementFrame):
            return frame
        said = self.at.read(frame.statement)
        if said is None or said.signer != self.at.me or said.kind not in TOLD:
            return frame
        half = (*self.at.panel.seats, *self.at.panel.selected)[::2]
        return frame if peer in half else None


class TwoReports(LyingMember):
    """21: one report to some, and another to others."""

    def reported(self) -> None:
        words = tuple((dealer, int(Check.OK), bytes(32)) for dealer in self.at.panel.selected)
        other = self.at.forge(Kind.REPORT, Report(words))
        self.at.send(self.at.panel.seats[::2], StatementFrame(other.wire))


class ManyReports(LyingMember):
    """21: a different report for every seat, and a few more."""

    def reported(self) -> None:
        for turn, peer in enumerate(self.at.panel.seats):
            for more in range(3):
                word = digest("lab/many", bytes((turn, more)))
                words = tuple((dealer, int(Check.OK), word) for dealer in self.at.panel.selected)
                other = self.at.forge(Kind.REPORT, Report(words))
                self.at.send((peer,), StatementFrame(other.wire))


class Hoarder(LyingMember):
    """E: claims, again and again, to hold nothing."""

    def reported(self) -> None:
        assert self.at.flip is not None
        keyed = [peer for peer in self.at.panel.seats if peer in self.at.flip.keys]
        for _ in range(40):
            self.at.send(keyed, HaveFrame(self.at.round, self.at.attempt, ()), again=False)
