"""Dealers that withhold a package, and answer the ask for it with a lie."""

from __future__ import annotations

from peerd.laboratory.adversaries.dealers import Withholder
from protocols.hashing import digest
from protocols.proof import Dealing, seal, split
from protocols.wire.canonical import pack
from protocols.wire.frames import StatementFrame
from protocols.wire.payloads import Header, Kind
from protocols.wire.statement import Statement


class GarbageDeliverer(Withholder):
    """69: answers the ask with rubbish."""

    def answer(self, report: Statement, key: bytes) -> None:
        self.post(report, self.delivery(report, self.boxed(key, b"rubbish")))

    def boxed(self, key: bytes, content: bytes) -> bytes:
        return self.at.boxes.seal(key, content)

    def post(self, report: Statement, delivery: Statement) -> None:
        relays = self.at.panel.relays(report.signer)
        self.at.send(relays, StatementFrame(delivery.wire))


class UnopenableDeliverer(GarbageDeliverer):
    """69: answers the ask with bytes that no key opens."""

    def answer(self, report: Statement, key: bytes) -> None:
        self.post(report, self.delivery(report, bytes(100)))


class TwoFacedDeliverer(GarbageDeliverer):
    """69: one ciphertext to half of the relays, another to the rest."""

    def answer(self, report: Statement, key: bytes) -> None:
        for turn, relay in enumerate(self.at.panel.relays(report.signer)):
            said = self.delivery(report, self.boxed(key, bytes([turn % 2])))
            self.at.send((relay,), StatementFrame(said.wire))


class OtherHeaderDeliverer(GarbageDeliverer):
    """70: what the asker gets is valid, under a header that nobody else has."""

    def answer(self, report: Statement, key: bytes) -> None:
        dealing, base = self._other(), self.other_base()
        header = self.at.forge(Kind.HEADER, Header(base, dealing.root, dealing.proof))
        seat = self.at.panel.seats.index(report.signer)
        content = pack([header.wire, dealing.packages[seat]])
        self.post(report, self.delivery(report, self.boxed(key, content)))

    def other_base(self) -> bytes:
        return self.base_model()

    def _other(self) -> Dealing:
        values, context = self.at.values, self.at.context(self.other_base())
        assert values is not None
        secret = digest("lab/other", self.at.dealing_secret)
        parts = split(self.shape, values, secret, context)
        return seal(self.shape, context, parts, self.public)


class OtherBaseDeliverer(OtherHeaderDeliverer):
    """70: valid for the asker, but from another base model than the round's."""

    def other_base(self) -> bytes:
        return digest("lab/base", self.base_model())
