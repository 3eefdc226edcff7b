"""Dealers that withhold a package, and answer the ask for it with a lie."""

from __future__ import annotations

from peerd.laboratory.adversaries.dealers import Withholder
from peerd.laboratory.adversaries.forging import Words, forge
from protocols.hashing import digest
from protocols.proof import Dealing, seal, split
from protocols.wire.canonical import pack
from protocols.wire.frames import StatementFrame
from protocols.wire.statement import Delivery, Header, Kind, Statement


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
        parts = split(self.shape, self.values, secret, context)
        return seal(self.shape, context, parts)


class OtherBaseDeliverer(OtherHeaderDeliverer):
    """70: valid for the asker, but from another base model than the round's."""

    def base_of(self, base: bytes) -> bytes:
        return digest("lab/base", base)
