"""A dealer outside its session: what an honest dealer does, for those that lie in it."""

from __future__ import annotations

from peerd.laboratory.adversaries.place import Place, Words
from peerd.laboratory.adversaries.trick import Trick
from protocols.proof import Dealing, DealingShape, ProjectionOverflow, deal
from protocols.record.base import Values
from protocols.wire.canonical import pack
from protocols.wire.frames import DealingFrame, Frame, StatementFrame
from protocols.wire.payloads import Delivery, Header, Kind
from protocols.wire.statement import Statement

__all__ = ["LyingDealer", "Words"]


class LyingDealer(Trick):
    """Deals in place of the honest session, which gets no update, and its package as any member.

    Where a rule has a reference, which comes with the update, the session inside deals too, and
    nobody hears of it.
    """

    role = "dealer"
    deals = True

    def __init__(self, at: Place) -> None:
        super().__init__(at)
        self.dealing: Dealing | None = None
        self.header: Statement | None = None
        self._reports: dict[int, Statement] = {}
        self._answered: set[int] = set()

    def trained(self) -> None:
        self._begin()

    def elected(self) -> None:
        self._begin()

    def reported(self) -> None:
        assert self.at.report is not None
        self.heard(self.at.report)

    def heard(self, statement: Statement) -> None:
        if statement.kind is Kind.REPORT:
            self._reports.setdefault(statement.signer, statement)
            self._answer_asks()

    # -- dealing -------------------------------------------------------------------------------

    def _begin(self) -> None:
        at = self.at
        if not at.is_elected or at.values is None or at.decided or self.dealing is not None:
            return
        if at.can_sign and at.me in at.panel.selected:
            self.deal(at.values)
            self._answer_asks()

    def deal(self, values: Values) -> None:
        try:
            self.dealing = self.split(values)
        except ProjectionOverflow:
            return
        self.header = self.head(self.dealing)
        for seat, peer in enumerate(self.at.panel.seats):
            self.deliver(seat, peer)

    def split(self, values: Values) -> Dealing:
        return deal(self.shape, values, self.at.dealing_secret, self.context(), self.public)

    def head(self, dealing: Dealing) -> Statement:
        """The signed header of a dealing."""
        header = Header(self.base_model(), dealing.root, dealing.proof)
        return self.at.forge(Kind.HEADER, header)

    def base_model(self) -> bytes:
        return self.at.base.hash

    def context(self) -> bytes:
        return self.at.context(self.base_model())

    @property
    def shape(self) -> DealingShape:
        return self.at.base.shape

    @property
    def public(self) -> tuple[int, ...]:
        """What the relation takes of this dealer."""
        return self.at.setting.public_inputs(self.at.me)

    def package(self, seat: int) -> bytes:
        assert self.dealing is not None
        return self.dealing.packages[seat]

    def deliver(self, seat: int, peer: int) -> None:
        assert self.header is not None
        frame = DealingFrame(self.header.wire, self.package(seat))
        if peer != self.at.me:
            self.at.send((peer,), frame)
            return
        self.at.dealings[peer] = frame
        if not self._session_deals:
            self.at.tell_self(frame)

    # -- answering -----------------------------------------------------------------------------

    def _answer_asks(self) -> None:
        """Each member once, that asks for this dealing."""
        at = self.at
        if self.dealing is None or at.decided or not at.can_sign:
            return
        for asker, report in list(self._reports.items()):
            key = at.keys_of(report).get(at.me)
            if key is not None and asker in at.panel.seats and asker not in self._answered:
                self._answered.add(asker)
                self.answer(report, key)

    def answer(self, report: Statement, key: bytes) -> None:
        assert self.header is not None
        package = self.package(self.at.panel.seats.index(report.signer))
        self.post(report, self.delivery(report, self.seal(key, self.header, package)))

    def seal(self, key: bytes, header: Statement, package: bytes) -> bytes:
        """The box that an ask is answered with."""
        return self.at.boxes.seal(key, pack([header.wire, package]))

    def delivery(self, report: Statement, box: bytes) -> Statement:
        return self.at.forge(Kind.DELIVERY, Delivery(report.hash, box), self.errand(report))

    def errand(self, report: Statement) -> int:
        return self.at.panel.errand(self.at.me, report.signer)

    def post(self, report: Statement, delivery: Statement) -> None:
        relays = self.at.panel.relays(report.signer)
        self.at.send(relays, StatementFrame(delivery.wire))
        if self.at.me in relays:
            self.at.tell_self(StatementFrame(delivery.wire))

    # -- the session's own dealing, where there is one -----------------------------------------

    @property
    def _session_deals(self) -> bool:
        return self.at.setting.aggregator.uses_reference

    def instead(self, said: Statement) -> Statement | None:
        hides = self._session_deals and said.kind is Kind.HEADER
        return self.header if hides else said

    def frame_for(self, peer: int, frame: Frame) -> Frame | None:
        return None if isinstance(frame, DealingFrame) else frame
