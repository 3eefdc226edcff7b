"""Dealers that lie in what they deal, or to whom."""

from __future__ import annotations

from peerd.laboratory.adversaries.dealing import LyingDealer
from protocols.hashing import digest
from protocols.proof import Dealing, seal, split
from protocols.record.base import Values
from protocols.wire.frames import DealingFrame
from protocols.wire.statement import Statement


class Withholder(LyingDealer):
    """3: withholds from one, and answers its ask: nobody may be framed, and its update counts."""

    withheld = 1

    def deliver(self, seat: int, peer: int) -> None:
        if peer not in self.at.next_of(self.at.panel.seats)[: self.withheld]:
            super().deliver(seat, peer)


class StubbornWithholder(Withholder):
    """3: withholds from one, and is deaf to its ask."""

    def answer(self, report: Statement, key: bytes) -> None:
        pass


class MassWithholder(Withholder):
    """3: withholds from more than t + e."""

    withheld = 4


class TwoHeaders(LyingDealer):
    """8: deals under one header to half of the seats, under another to the rest."""

    def deal(self, values: Values) -> None:
        super().deal(values)
        at = self.at
        parts = split(self.shape, values, digest("lab/second"), self.context())
        other = seal(self.shape, self.context(), parts, self.public)
        header = self.head(other)
        for seat, peer in enumerate(at.panel.seats):
            if seat % 2 and peer != at.me:
                at.send((peer,), DealingFrame(header.wire, other.packages[seat]))

    def deliver(self, seat: int, peer: int) -> None:
        if not seat % 2:
            super().deliver(seat, peer)


class HighDegree(LyingDealer):
    """1: one polynomial has a degree above t + k − 1: its shares are moved off it."""

    def split(self, values: Values) -> Dealing:
        setting, context = self.at.setting, self.context()
        parts = split(self.shape, values, self.at.dealing_secret, context)
        p, degree = setting.field.p, setting.plan.degree
        for seat, vector in enumerate(parts.vectors):
            vector[0] = (int(vector[0]) + pow(seat + 1, degree + 1, p)) % p
        return seal(self.shape, context, parts, self.public)


class BadProofPolynomials(LyingDealer):
    """12: publishes proof polynomials that are not those of its dealing."""

    def split(self, values: Values) -> Dealing:
        dealing = super().split(values)
        width = self.at.setting.field.element_bytes
        proof = bytes(width) + dealing.proof[width:]
        return Dealing(dealing.root, proof, dealing.packages)


class ShortProof(LyingDealer):
    """4: a header whose proof lacks its end."""

    def split(self, values: Values) -> Dealing:
        dealing = super().split(values)
        return Dealing(dealing.root, dealing.proof[:-1], dealing.packages)


class ShortPackages(LyingDealer):
    """4: packages of a wrong length."""

    def package(self, seat: int) -> bytes:
        return super().package(seat)[:-3]


class WrongBase(LyingDealer):
    """6: deals from another model than the round's, to everyone."""

    def base_model(self) -> bytes:
        return digest("lab/base", super().base_model())


class Mute(LyingDealer):
    """11: never deals."""

    def deal(self, values: Values) -> None:
        pass
