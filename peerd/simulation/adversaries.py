"""Adversaries: the honest machines, each lying at a named point. Numbers are rows of the faults
that docs/attacks.md lists.

Every class replaces one part; ``TARGET`` attributes say whom it picks on, as an offset from its own
index, so that several liars pick on different peers.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from protocols.agreement.votes import outcome_hash
from protocols.election.machine import ElectionMachine
from protocols.hashing import digest
from protocols.opening import encode_words, word_root
from protocols.proof import Dealing, seal, split
from protocols.round.attempt import Parts
from protocols.round.dealer import Dealer
from protocols.round.desk import Desk
from protocols.round.member import Member
from protocols.round.opener import Opener
from protocols.wire.canonical import pack
from protocols.wire.frames import DealingFrame, HaveFrame, StatementFrame, SumFrame
from protocols.wire.statement import (
    Answer,
    Attestation,
    Ballot,
    Check,
    Complaint,
    Delivery,
    Disclosure,
    Header,
    Kind,
    Payload,
    Report,
    Result,
    Reveal,
    Statement,
    Sum,
    sign,
)

Words = npt.NDArray[np.unsignedinteger]


def forge(desk: Desk, kind: Kind, payload: Payload, subject: int = 0, view: int = 0) -> Statement:
    """Signed with the liar's own key, past the journal that keeps honest peers from it."""
    slot = desk._slot(kind, subject, view)
    secret = desk._identity if slot.by_identity else desk._round_secret
    assert secret is not None
    return sign(desk.setting.crypto, secret.reveal(), desk.setting.group, slot, payload)


def victims(dealer: Dealer, count: int) -> list[int]:
    """The next seated peers after the liar, cyclically; never itself."""
    size = dealer.desk.setting.peers
    order = [(dealer.desk.me + step) % size for step in range(1, size)]
    return [peer for peer in order if peer in dealer.panel.seats][:count]


# -- dealers -----------------------------------------------------------------------------------


class Withholder(Dealer):
    """3: withholds from one, and answers its ask: nobody may be framed, and its update counts."""

    withheld = 1

    def deliver(self, seat: int, peer: int) -> None:
        if peer not in victims(self, self.withheld):
            super().deliver(seat, peer)


class StubbornWithholder(Withholder):
    """3: withholds from one, and is deaf to its ask."""

    def on_report(self, report: Statement) -> None:
        pass


class MassWithholder(Withholder):
    """3: withholds from more than t + e."""

    withheld = 4


class GarbageDeliverer(Withholder):
    """69: answers the ask with rubbish."""

    def answer(self, report: Statement, key: bytes) -> None:
        errand = self.panel.errand(self.desk.me, report.signer)
        box = self.desk.setting.crypto.seal(key, digest("lab/ephemeral"), b"rubbish")
        self._post(report.signer, forge(self.desk, Kind.DELIVERY, self._said(report, box), errand))

    def _said(self, report: Statement, box: bytes) -> Delivery:
        return Delivery(report.hash, box)

    def _post(self, asker: int, statement: Statement) -> None:
        self.desk.send(self.panel.relays(asker), StatementFrame(statement.wire))


class UnopenableDeliverer(GarbageDeliverer):
    """69: answers the ask with bytes that no key opens."""

    def answer(self, report: Statement, key: bytes) -> None:
        errand = self.panel.errand(self.desk.me, report.signer)
        said = self._said(report, bytes(100))
        self._post(report.signer, forge(self.desk, Kind.DELIVERY, said, errand))


class TwoFacedDeliverer(GarbageDeliverer):
    """69: one ciphertext to half of the relays, another to the rest."""

    def answer(self, report: Statement, key: bytes) -> None:
        errand = self.panel.errand(self.desk.me, report.signer)
        relays = self.panel.relays(report.signer)
        for turn, relay in enumerate(relays):
            box = self.desk.setting.crypto.seal(key, digest("lab/face"), bytes([turn % 2]))
            said = forge(self.desk, Kind.DELIVERY, self._said(report, box), errand)
            self.desk.send((relay,), StatementFrame(said.wire))


class OtherHeaderDeliverer(GarbageDeliverer):
    """70: what the asker gets is valid, under a header that nobody else has."""

    def answer(self, report: Statement, key: bytes) -> None:
        errand = self.panel.errand(self.desk.me, report.signer)
        other = digest("lab/other", self.secret.reveal())
        assert self.values is not None
        dealing = self._deal_under(other)
        base = self.base_of(self._base_model)
        header = forge(self.desk, Kind.HEADER, Header(base, dealing.root, dealing.proof))
        seat = self.panel.seats.index(report.signer)
        content = pack([header.wire, dealing.packages[seat]])
        box = self.desk.setting.crypto.seal(key, digest("lab/ephemeral"), content)
        self._post(report.signer, forge(self.desk, Kind.DELIVERY, self._said(report, box), errand))

    values: Words | None = None

    def base_of(self, base: bytes) -> bytes:
        return base

    def split(self, values: Words) -> Dealing:
        self.values = values
        return super().split(values)

    def _deal_under(self, secret: bytes) -> Dealing:
        desk = self.desk
        assert self.values is not None
        context = desk.setting.dealing_context(
            desk.round,
            desk.attempt,
            self._certificate.hash(desk.setting),
            self.base_of(self._base_model),
            desk.me,
        )
        parts = split(desk.setting.shape, self.values, secret, context)
        return seal(desk.setting.shape, context, parts)


class OtherBaseDeliverer(OtherHeaderDeliverer):
    """70: valid for the asker, but from another base model than the round's."""

    def base_of(self, base: bytes) -> bytes:
        return digest("lab/base", base)


class TwoHeaders(Dealer):
    """8: deals under one header to half of the seats, under another to the rest."""

    def on_update(self, values: Words) -> None:
        super().on_update(values)
        if self._dealing is None:
            return
        setting, desk = self.desk.setting, self.desk
        parts = split(setting.shape, values, digest("lab/second"), self.context())
        other = seal(setting.shape, self.context(), parts)
        header = forge(desk, Kind.HEADER, Header(self._base_model, other.root, other.proof))
        for seat, peer in enumerate(self.panel.seats):
            if seat % 2 and peer != desk.me:
                desk.send((peer,), DealingFrame(header.wire, other.packages[seat]))

    def deliver(self, seat: int, peer: int) -> None:
        if not seat % 2:
            super().deliver(seat, peer)


class HighDegree(Dealer):
    """1: one polynomial has a degree above t + k − 1: its shares are moved off it."""

    def split(self, values: Words) -> Dealing:
        setting, context = self.desk.setting, self.context()
        parts = split(setting.shape, values, self.secret.reveal(), context)
        p, degree = setting.field.p, setting.plan.degree
        for seat, vector in enumerate(parts.vectors):
            vector[0] = (int(vector[0]) + pow(seat + 1, degree + 1, p)) % p
        return seal(setting.shape, context, parts)


class BadProofPolynomials(Dealer):
    """12: publishes proof polynomials that are not those of its dealing."""

    def split(self, values: Words) -> Dealing:
        dealing = super().split(values)
        width = self.desk.setting.field.element_bytes
        proof = bytes(width) + dealing.proof[width:]
        return Dealing(dealing.root, proof, dealing.packages)


class ShortProof(Dealer):
    """4: a header whose proof lacks its end."""

    def split(self, values: Words) -> Dealing:
        dealing = super().split(values)
        return Dealing(dealing.root, dealing.proof[:-1], dealing.packages)


class ShortPackages(Dealer):
    """4: packages of a wrong length."""

    def package(self, seat: int) -> bytes:
        return super().package(seat)[:-3]


class WrongBase(Dealer):
    """6: deals from another model than the round's, to everyone."""

    def on_update(self, values: Words) -> None:
        self._base_model = digest("lab/base", self._base_model)
        super().on_update(values)


class Mute(Dealer):
    """11: never deals."""

    def on_update(self, values: Words) -> None:
        pass


# -- members -----------------------------------------------------------------------------------


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


# -- leaders and voters ------------------------------------------------------------------------


class RubbishLeader(Member):
    """22: proposes an outcome that does not follow from its inputs."""

    def _propose(self) -> tuple[bytes, tuple[bytes, ...]] | None:
        proposal = super()._propose()
        return None if proposal is None else (b"rubbish", proposal[1])


class CensoringLeader(Member):
    """71, 83: leaves one piece of evidence out."""

    def _propose(self) -> tuple[bytes, tuple[bytes, ...]] | None:
        hidden = sorted(self.pool)[:1]
        kept = {key: self.pool.pop(key) for key in hidden}
        try:
            return super()._propose()
        finally:
            self.pool.update(kept)


class SilentLeader(Member):
    """22: never proposes."""

    def _propose(self) -> tuple[bytes, tuple[bytes, ...]] | None:
        return None


class DoubleVoter(Member):
    """21: beside each vote, another vote for another outcome."""

    def on_statement(self, statement: Statement) -> None:
        super().on_statement(statement)
        if self.desk._round_secret is None or getattr(self, "_voted", False):
            return
        self._voted = True
        for kind in (Kind.FIRST_VOTE, Kind.SECOND_VOTE):
            for half in (0, 1):
                ballot = Ballot(outcome_hash(self.agreement.topic, bytes((half, kind))))
                vote = forge(self.desk, kind, ballot, int(self.agreement.topic))
                self.desk.send(self.panel.seats[half::2], StatementFrame(vote.wire))


# -- elections ---------------------------------------------------------------------------------


class SilentRevealer(ElectionMachine):
    """17: commits, and never reveals."""

    def _reveal(self) -> None:
        pass


class WrongRevealer(ElectionMachine):
    """18: reveals another nonce than it committed to."""

    def _reveal(self) -> None:
        nonce = digest("lab/nonce", self._draw.nonce)
        statement = forge(self._desk, Kind.REVEAL, Reveal(nonce))
        self._desk.send(self._desk.everyone(), StatementFrame(statement.wire))


class HalfRevealer(ElectionMachine):
    """20: reveals to half of the roster only."""

    def _reveal(self) -> None:
        statement = self._desk.sign(Kind.REVEAL, Reveal(self._draw.nonce))
        self._reveals[self._desk.me] = statement
        self._desk.send(self._desk.everyone()[::2], StatementFrame(statement.wire))


class CommitCopier(ElectionMachine):
    """9: commits to what another peer committed to."""

    def _commit(self) -> None:
        pass

    def _on_commit(self, statement: Statement) -> None:
        super()._on_commit(statement)
        if self._desk.me not in self._commits:
            copied = forge(self._desk, Kind.COMMIT, statement.payload)
            self._commits[self._desk.me] = copied
            self.say(copied)

    def _reveal(self) -> None:
        pass

    def _on_reveal(self, statement: Statement) -> None:
        super()._on_reveal(statement)
        if self._desk.me not in self._reveals and self._desk.me in self._commits:
            copied = forge(self._desk, Kind.REVEAL, statement.payload)
            self._reveals[self._desk.me] = copied
            self.say(copied)


# -- openers -----------------------------------------------------------------------------------


class SilentOpener(Opener):
    """16: no sum."""

    def send(self, statement: Statement, words: bytes) -> None:
        pass


class SelectiveOpener(Opener):
    """20: its sum goes to half of the seats."""

    def send(self, statement: Statement, words: bytes) -> None:
        self.desk.send(self.panel.seats[::2], SumFrame(statement.wire, words))


class TwoSums(Opener):
    """21, 78: a right sum to some, a wrong one to others, both signed."""

    def send(self, statement: Statement, words: bytes) -> None:
        shape = self.desk.setting.shape
        wrong = np.array(self._said, dtype=self._said.dtype)
        wrong[0] = (int(wrong[0]) + 1) % shape.field.p
        payload = Sum(statement.payload.cohort, word_root(shape, wrong))
        other = forge(self.desk, Kind.SUM, payload)
        seats = self.panel.seats
        self.desk.send(seats[::2], SumFrame(statement.wire, words))
        self.desk.send(seats[1::2], SumFrame(other.wire, encode_words(shape, wrong)))

    def sum_rows(self, rows: Words) -> Words:
        self._said = super().sum_rows(rows)
        return self._said


class WrongResult(Opener):
    """21: signs another result."""

    def result(self, payload: Result) -> Result:
        return Result(
            payload.election,
            payload.previous,
            payload.cohort,
            payload.dealers,
            digest("lab/polynomials", payload.polynomials),
            payload.model,
        )


def parts(name: str, **replaced: type) -> type[Parts]:
    return type(name, (Parts,), replaced)


DEALERS = {
    kind.__name__: parts(kind.__name__, dealer=kind)
    for kind in (
        Withholder,
        StubbornWithholder,
        MassWithholder,
        GarbageDeliverer,
        UnopenableDeliverer,
        TwoFacedDeliverer,
        OtherHeaderDeliverer,
        OtherBaseDeliverer,
        TwoHeaders,
        HighDegree,
        BadProofPolynomials,
        ShortProof,
        ShortPackages,
        WrongBase,
        Mute,
    )
}
MEMBERS = {
    kind.__name__: parts(kind.__name__, member=kind)
    for kind in (
        FalseComplainer,
        ForeignComplainer,
        FalseAsker,
        FalseDiscloser,
        BogusAnswerer,
        WeakKeyAsker,
        IdleRelay,
        DenyingRelay,
        SelectiveReporter,
        TwoReports,
        ManyReports,
        Hoarder,
        RubbishLeader,
        CensoringLeader,
        SilentLeader,
        DoubleVoter,
    )
}
ELECTORS = {
    kind.__name__: parts(kind.__name__, election=kind)
    for kind in (SilentRevealer, WrongRevealer, HalfRevealer, CommitCopier)
}
OPENERS = {
    kind.__name__: parts(kind.__name__, opener=kind)
    for kind in (SilentOpener, SelectiveOpener, TwoSums, WrongResult)
}
ALL = {**DEALERS, **MEMBERS, **ELECTORS, **OPENERS}
