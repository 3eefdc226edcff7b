"""The dealer: one message to each member, and answers to those who did not get it (docs §3)."""

from __future__ import annotations

from collections import deque

from protocols.committee.committee import Committee
from protocols.proof import ProjectionOverflow, deal
from protocols.record.asks import Keys, boxes_of
from protocols.record.base import Values
from protocols.record.effects import Step
from protocols.record.outcomes import Told
from protocols.record.party import Party, Role
from protocols.secret import Secret
from protocols.wire.canonical import pack
from protocols.wire.frames import DealingFrame, StatementFrame, decode_frame
from protocols.wire.payloads import Delivery, Header, Kind
from protocols.wire.statement import Statement


class Dealer(Role):
    """What it says to itself, as a member, comes out as ``Told``."""

    def __init__(self, party: Party, committee: Committee, secret: Secret) -> None:
        super().__init__(party)
        self._committee = committee
        self._secret = secret
        self._dealt: tuple[Statement, dict[int, bytes]] | None = None
        """The header, and by seat the frame that went there: it holds the package."""
        self._asks: dict[int, tuple[Statement, bytes]] = {}
        """By asker, the report that asks for this dealing, and the key to answer it with."""
        self._answered: set[int] = set()
        self._done = False

    def on_update(self, values: Values) -> Step:
        """Deal the encoded update, |v| integers. The same update gives the same bytes.

        The round's reference, for a rule that uses one, is here by then.
        """
        party, panel = self.party, self._committee.panel
        # without a key, what this peer committed to in this round was another life's
        able = party.can_sign(Kind.HEADER) and party.me in panel.selected
        if able and not self._done and self._dealt is None:
            self._deal(values)
        return self.done()

    def forget(self) -> None:
        """The cohort is decided: the dealing and its masks are of no more use but to a thief."""
        self._dealt = None
        self._done = True
        self._secret.forget()

    def _deal(self, values: Values) -> None:
        party, base = self.party, self._committee.base
        context = self._committee.context(party.setting, base.hash, party.me)
        try:
            public = party.setting.public_inputs(party.me)
            dealing = deal(base.shape, values, self._secret.reveal(), context, public)
        except ProjectionOverflow:
            return  # by chance below 2^-41 (§3): this peer deals nothing, in this attempt
        payload = Header(base.hash, dealing.root, dealing.proof)
        header = self.sign(Kind.HEADER, payload)
        if header.payload != payload:
            return  # an earlier life dealt another update in this attempt, and that one stands
        self._dealt = header, {}
        packages = deque(dealing.packages)
        del dealing  # a package is let go once it is in its frame
        for seat, peer in enumerate(self._committee.panel.seats):
            frame = DealingFrame(header.wire, packages.popleft())
            if peer == party.me:
                self.emit(Told(header, frame))
            else:
                self._dealt[1][seat] = self.send((peer,), frame)
        for report, key in self._asks.values():
            self._on_ask(report, key)

    def on_report(self, report: Statement, keys: Keys) -> Step:
        """Answer an ASK that names this dealer, through relays; no more than t + e are due (§3)."""
        if self.party.me in keys:
            self._on_ask(report, keys[self.party.me])
        return self.done()

    def _on_ask(self, report: Statement, key: bytes) -> None:
        if report.signer not in self._committee.panel.seats or self._done:
            return
        if self._dealt is None:
            self._asks.setdefault(report.signer, (report, key))
            return
        if report.signer in self._answered:
            return
        self._answered.add(report.signer)  # in this life: an earlier one may have died too soon
        if self.party.can_sign(Kind.DELIVERY):
            self._answer(report, key, *self._dealt)

    def _answer(
        self, report: Statement, key: bytes, header: Statement, frames: dict[int, bytes]
    ) -> None:
        panel, asker = self._committee.panel, report.signer
        errand = panel.errand(self.party.me, asker)
        sent = decode_frame(frames[panel.seats.index(asker)])
        assert isinstance(sent, DealingFrame)
        content = pack([header.wire, sent.package])
        box = boxes_of(self.party.setting).seal(key, content)
        statement = self.sign(Kind.DELIVERY, Delivery(report.hash, box), errand)
        frame = StatementFrame(statement.wire)
        relays = panel.relays(asker)
        self.send(relays, frame)
        if self.party.me in relays:
            self.emit(Told(statement, frame))
