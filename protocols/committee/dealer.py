"""The dealer: one message to each member, and answers to those who did not get it (docs §3)."""

from __future__ import annotations

from collections.abc import Callable

from protocols.hashing import digest
from protocols.proof import Dealing, DealingShape, ProjectionOverflow, deal
from protocols.record.base import Base, Values
from protocols.record.certificate import ElectionCertificate
from protocols.record.cohort import Panel
from protocols.record.desk import Desk
from protocols.secret import Secret
from protocols.wire.canonical import pack
from protocols.wire.frames import DealingFrame, StatementFrame
from protocols.wire.statement import Check, Delivery, Header, Kind, Statement


class Dealer:
    """``local`` hands a frame's content to this peer's own member role, when it has a seat."""

    def __init__(
        self,
        desk: Desk,
        certificate: ElectionCertificate,
        panel: Panel,
        base: Base,
        secret: Secret,
        *,
        local: Callable[[DealingFrame | StatementFrame], None],
    ) -> None:
        self.desk = desk
        self.panel = panel
        self.secret = secret
        self._certificate = certificate
        self._base = base
        self._base_model = b"" if base.awaits_reference else base.hash
        self._local = local
        self._dealing: Dealing | None = None
        self.header: Statement | None = None
        self._asks: dict[int, Statement] = {}
        self._answered: set[int] = set()
        self._done = False

    def on_update(self, values: Values) -> None:
        """Deal the encoded update, |v| integers. The same update gives the same bytes.

        The round's reference, for a rule that uses one, is here by then.
        """
        if not self.desk.can_sign(Kind.HEADER):
            return  # what this peer committed to in this round was another life's key
        if self._done or self._dealing is not None or self.desk.me not in self.panel.selected:
            return
        self._base_model = self._base_model or self._base.hash
        try:
            self._dealing = self.split(values)
        except ProjectionOverflow:
            return  # by chance below 2^-42 (§3): this peer deals nothing, in this attempt
        payload = Header(self._base_model, self._dealing.root, self._dealing.proof)
        self.header = self.desk.sign(Kind.HEADER, payload)
        if self.header.payload != payload:
            return  # an earlier life dealt another update in this attempt, and that one stands
        for seat, peer in enumerate(self.panel.seats):
            self.deliver(seat, peer)
        for report in self._asks.values():
            self.on_report(report)

    def forget(self) -> None:
        """The cohort is decided: the dealing and its masks are of no more use but to a thief."""
        self._dealing = None
        self._done = True
        self.secret.forget()

    @property
    def shape(self) -> DealingShape:
        return self._base.shape

    def split(self, values: Values) -> Dealing:
        return deal(self.shape, values, self.secret.reveal(), self.context())

    def context(self) -> bytes:
        desk = self.desk
        return desk.setting.dealing_context(
            desk.round,
            desk.attempt,
            self._certificate.hash(desk.setting),
            self._base_model,
            desk.me,
        )

    def package(self, seat: int) -> bytes:
        """What the member in this seat is sent."""
        assert self._dealing is not None
        return self._dealing.packages[seat]

    def deliver(self, seat: int, peer: int) -> None:
        assert self.header is not None
        frame = DealingFrame(self.header.wire, self.package(seat))
        if peer == self.desk.me:
            self._local(frame)
        else:
            self.desk.send((peer,), frame)

    def on_report(self, report: Statement) -> None:
        """Answer an ASK that names this dealer, through relays; no more than t + e are due (§3)."""
        me = self.desk.me
        keys = [
            key for about, word, key in report.payload.words if (about, word) == (me, Check.ASK)
        ]
        if not keys or report.signer not in self.panel.seats:
            return
        if self._done:
            return
        if self._dealing is None or self.header is None:
            self._asks.setdefault(report.signer, report)
            return
        if report.signer in self._answered:
            return
        self._answered.add(report.signer)  # in this life: an earlier one may have died too soon
        if self.desk.can_sign(Kind.DELIVERY):
            self.answer(report, keys[0])

    def answer(self, report: Statement, key: bytes) -> None:
        asker = report.signer
        errand = self.panel.errand(self.desk.me, asker)
        assert self.header is not None
        content = pack([self.header.wire, self.package(self.panel.seats.index(asker))])
        ephemeral = digest(
            "peerd/ephemeral", self.secret.reveal(), errand.to_bytes(8, "little"), report.hash
        )
        box = self.desk.setting.crypto.seal(key, ephemeral, content)
        statement = self.desk.sign(Kind.DELIVERY, Delivery(report.hash, box), errand)
        frame = StatementFrame(statement.wire)
        relays = self.panel.relays(asker)
        self.desk.send(relays, frame)
        if self.desk.me in relays:
            self._local(frame)
