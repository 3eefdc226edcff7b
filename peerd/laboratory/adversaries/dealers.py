"""Dealers that lie in what they deal, or to whom."""

from __future__ import annotations

from peerd.laboratory.adversaries.forging import Words, forge
from protocols.committee.dealer import Dealer
from protocols.hashing import digest
from protocols.proof import Dealing, seal, split
from protocols.wire.frames import DealingFrame
from protocols.wire.statement import Header, Kind, Statement


def victims(dealer: Dealer, count: int) -> list[int]:
    """The next seated peers after the liar, cyclically; never itself."""
    size = dealer.desk.setting.peers
    order = [(dealer.desk.me + step) % size for step in range(1, size)]
    return [peer for peer in order if peer in dealer.panel.seats][:count]


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


class TwoHeaders(Dealer):
    """8: deals under one header to half of the seats, under another to the rest."""

    def on_update(self, values: Words) -> None:
        super().on_update(values)
        if self._dealing is None:
            return
        desk = self.desk
        parts = split(self.shape, values, digest("lab/second"), self.context())
        other = seal(self.shape, self.context(), parts)
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
        parts = split(self.shape, values, self.secret.reveal(), context)
        p, degree = setting.field.p, setting.plan.degree
        for seat, vector in enumerate(parts.vectors):
            vector[0] = (int(vector[0]) + pow(seat + 1, degree + 1, p)) % p
        return seal(self.shape, context, parts)


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
