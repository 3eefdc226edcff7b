"""A member as the one who is dealt to: it checks dealings, asks for what it lacks, and relays what
others asked for (docs/protocol.md §3).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from protocols.committee.asks import OwnAsks
from protocols.committee.committee import Committee
from protocols.committee.pool import Pool
from protocols.committee.relay import Relay
from protocols.errors import WireError
from protocols.proof import Verdict, check_many
from protocols.proof.challenge import BLOCK
from protocols.record.base import Base
from protocols.record.effects import Step
from protocols.record.evidence import judge_dealing, open_delivery
from protocols.record.inbox import Admission
from protocols.record.outcomes import Said
from protocols.record.party import Party, Role
from protocols.secret import Secret
from protocols.wire.canonical import pack, unpack
from protocols.wire.frames import StatementFrame
from protocols.wire.payloads import Answer, Check, Complaint, Disclosure, Kind, Payload
from protocols.wire.schema import MAX_STATEMENT, Bytes, Tuple
from protocols.wire.statement import Statement

Word = tuple[int, int, bytes]
"""(dealer, word, header hash or what stands for the key to answer an ask with)."""


ALONE = BLOCK
"""Elements of a vector from which on a dealing is checked, and kept, as it comes: several at once
would be no faster, and are not held at once.
"""
KEPT = Tuple((Bytes(MAX_STATEMENT), Bytes(MAX_STATEMENT)))
"""A dealing in the journal: header and package."""


def kept_prefix(attempt: int) -> str:
    """Of the journal's keys for dealings to which this member said OK."""
    return f"dealing/{attempt}/"


@dataclass(slots=True)
class Held:
    """A dealing as this member got it. ``verdict`` is None until it is checked."""

    header: Statement
    package: bytes = field(repr=False)
    verdict: Verdict | None = None
    share: npt.NDArray[np.unsignedinteger] | None = field(default=None, repr=False)
    kept: bool = False

    @property
    def valid(self) -> bool:
        return self.verdict is Verdict.VALID


class Receiver(Role):
    """What every member does with dealings; ``Member`` adds when, and the agreement on them. Each
    word that it signs comes out as ``Said``: the member's own pool hears it like anybody's.
    """

    def __init__(self, party: Party, committee: Committee, secret: Secret, pool: Pool) -> None:
        super().__init__(party)
        self.dealings: dict[int, Held] = {}
        self.base_model = b"" if committee.base.awaits_reference else committee.base.hash
        self.closed = False  # once the cohort is decided an answer matters to nobody
        self.relay = Relay(party, committee.panel)
        self.own_asks = OwnAsks(party.setting, secret)
        self._committee = committee
        self._pool = pool
        self._shown: set[bytes] = set()
        self._opened: set[bytes] = set()

    def restore(self) -> Step:
        """Dealings to which an earlier life said OK: what it promised is still here."""
        for record in self.party.journal.under(kept_prefix(self.party.attempt)):
            wire, package = KEPT.check(unpack(record), "journaled dealing")
            header = self.party.inbox.read(wire)
            if self.admit(header).counts:
                self.dealings[header.signer] = Held(header, package)
        return self.done()

    def forget(self) -> None:
        """Shares are of no more use but to a thief (§6)."""
        for held in self.dealings.values():
            held.share = None
            held.package = b""

    def _keep(self, dealer: int) -> None:
        """On disk ahead of the word that it is here: a cohort may rest on it, and no other opens
        in this round. Members that all lost power would else stop the group (fault 98). Behind
        the decision nothing is kept any more.
        """
        held = self.dealings[dealer]
        if held.valid and not held.kept and not self.closed:
            held.kept = True
            key = f"{kept_prefix(self.party.attempt)}{dealer}"
            self.persist_aside(key, pack([held.header.wire, held.package]))

    # -- dealings ------------------------------------------------------------------------------

    def on_dealing(self, header: Statement, package: bytes) -> bool:
        """Keep a dealing that its dealer sent; True if it can still be used."""
        dealer, panel = header.signer, self._committee.panel
        if dealer not in panel.selected or self.party.me not in panel.seats:
            raise WireError(f"peer {dealer} does not deal to this peer in this round")
        if self.base_model and header.payload.base_model != self.base_model:
            raise WireError("a dealing from another model than this round's")
        if not self.admit(header).counts:
            return False
        known = self.dealings.get(dealer)
        if known is not None and known.valid:
            return False
        self.dealings[dealer] = Held(header, package)
        if self.base_model and self._committee.base.shape.elements > ALONE:
            self.check((dealer,))
            self._keep(dealer)
        return True

    def check(self, dealers: Iterable[int]) -> None:
        """One batch: a member's work in a round is a few matrix products, not a loop.

        Nothing is checked before the round's reference is here.
        """
        unchecked = {d: held for d, held in self.dealings.items() if held.verdict is None}
        order = [dealer for dealer in dealers if dealer in unchecked]
        if not self.base_model or not order:
            return
        setting = self.party.setting
        items = []
        for dealer in order:
            said = unchecked[dealer].header.payload
            context = self._committee.context(setting, self.base_model, dealer)
            items.append((context, said.root, said.proof, unchecked[dealer].package))
        seat = self._committee.panel.seats.index(self.party.me)
        public = [setting.public_inputs(dealer) for dealer in order]
        verdicts, shares = check_many(self._committee.base.shape, seat, items, public)
        for index, dealer in enumerate(order):
            unchecked[dealer].verdict = verdicts[index]
            if unchecked[dealer].valid:
                unchecked[dealer].share = shares[index]

    def take_reference(self) -> Step:
        """The round's reference has come: what was dealt from another base is no dealing here."""
        self.base_model = self._committee.base.hash
        for dealer, held in list(self.dealings.items()):
            if held.header.payload.base_model != self.base_model:
                del self.dealings[dealer]
                self._show_header(held.header)
        self._pool.judge_again()
        self._retry_deliveries()
        return self.done()

    # -- the report ----------------------------------------------------------------------------

    def words(self) -> tuple[Word, ...]:
        """On every selected dealer, whatever others said (fault 82). What OK promises is kept."""
        selected = self._committee.panel.selected
        self.check(selected)
        words = tuple(self._word_on(dealer) for dealer in selected)
        for dealer, word, _ in words:
            if word == Check.OK:
                self._keep(dealer)
        return words

    def _word_on(self, dealer: int) -> Word:
        held = self.dealings.get(dealer)
        if held is not None and held.valid:
            return dealer, int(Check.OK), held.header.hash
        if held is not None and held.verdict is Verdict.INVALID:
            return dealer, int(Check.COMPLAINT), held.header.hash
        return dealer, int(Check.ASK), self.own_asks.word(dealer)

    def complain(self, found: Iterable[Word], told: Iterable[Word]) -> Step:
        """About what was ``found`` invalid and, in the report that stands, ``told`` so.

        An earlier life may have died between its report and its complaints, and the dealer has
        sent another dealing since: whoever complains of a valid one lies.
        """
        invalid = {dealer for dealer, word, _ in found if word == Check.COMPLAINT}
        for dealer, word, _ in told:
            if word != Check.COMPLAINT or dealer not in self.dealings:
                continue
            if dealer in invalid or self.party.has_signed(Kind.COMPLAINT, dealer):
                held = self.dealings[dealer]
                self._tell(Kind.COMPLAINT, Complaint(held.header.wire, held.package), dealer)
        return self.done()

    def _tell(self, kind: Kind, payload: Payload, subject: int) -> None:
        """Say it to the seats and to this member itself."""
        statement = self.sign(kind, payload, subject)
        self.send(self._committee.panel.seats, StatementFrame(statement.wire))
        self.emit(Said(statement))

    # -- what others report --------------------------------------------------------------------

    def on_report(self, report: Statement) -> Step:
        self._compare_headers(report)
        self._retry_deliveries()
        return self.done()

    def _compare_headers(self, report: Statement) -> None:
        """A member that names another header than the one held here: show it, and whoever holds
        the other one has proof that the dealer signed two (faults 8, 70).
        """
        for dealer, word, header in report.payload.words:
            held = self.dealings.get(dealer)
            if word != Check.ASK and held is not None and held.header.hash != header:
                self._show_header(held.header)

    def _show_header(self, header: Statement) -> None:
        if header.hash not in self._shown:
            self._shown.add(header.hash)
            self.send(self._committee.panel.seats, StatementFrame(header.wire))

    # -- asking --------------------------------------------------------------------------------

    def answer_late(self, dealers: Iterable[int]) -> Step:
        """Dealings that came after this member asked for them: say that they are here now."""
        for dealer in dealers:
            self._answer_late(dealer)
        return self.done()

    def _answer_late(self, dealer: int) -> None:
        me = self.party.me
        held = self.dealings.get(dealer)
        if held is None or not held.valid or not self._pool.index.asks(me, dealer):
            return
        if not self.closed and self.party.can_sign(Kind.ANSWER):
            self._keep(dealer)
            errand = self._committee.panel.errand(dealer, me)
            self._tell(Kind.ANSWER, Answer(held.header.hash), errand)

    # -- deliveries ----------------------------------------------------------------------------

    def on_delivery(self, statement: Statement) -> Step:
        """Open it, where it is for this member; carry it on, where this member relays it."""
        self._pool.take_delivery(statement)
        self._carry_on(statement)
        return self.done()

    def _carry_on(self, statement: Statement) -> None:
        panel = self._committee.panel
        dealer, asker = panel.errand_of(statement.slot.subject)
        asked = self._pool.index.report_of(asker)
        if asked is None or statement.payload.report != asked.hash:
            return
        if asker == self.party.me:
            self._unpack(dealer, asked, statement)
        elif self.party.me in panel.relays(asker):
            self.absorb(self.relay.carry((dealer, asker), statement))

    def _retry_deliveries(self) -> None:
        """A delivery may come before the report with the ask that it answers."""
        for statement in list(self._pool.deliveries.values()):
            self._carry_on(statement)

    def _unpack(self, dealer: int, asked: Statement, delivery: Statement) -> None:
        held = self.dealings.get(dealer)
        if held is not None and held.valid:
            return
        asks = self._pool.index.asks(self.party.me, dealer)
        if not asks or not self.party.can_sign(Kind.ANSWER):
            return
        if delivery.hash in self._opened or not self.base_model:
            return
        if self._pool.has_proven(dealer):
            return  # its dealing won't count, and nobody needs one more proof
        self._opened.add(delivery.hash)
        secret = self.own_asks.secret(dealer)
        opened = open_delivery(self.party.setting, self._committee.flip, delivery, secret)
        if opened is None or not (self._is_foreign(opened[0]) or self._is_valid(*opened)):
            payload = Disclosure(asked.hash, delivery.hash, secret)
            self.send(self._committee.panel.seats, StatementFrame(delivery.wire))
            self._tell(Kind.DISCLOSURE, payload, delivery.slot.subject)
        else:
            self._take_delivered(*opened)

    def _take_delivered(self, header: Statement, package: bytes) -> None:
        if self.admit(header) in (Admission.CONFLICT, Admission.DOUBLED):
            return
        if header.payload.base_model != self.base_model:
            self._show_header(header)
            return
        self.dealings[header.signer] = Held(header, package)
        self.check((header.signer,))
        self._answer_late(header.signer)
        for report in self._pool.index.reports:
            self._compare_headers(report)

    def _is_foreign(self, header: Statement) -> bool:
        """From a base that this member can't judge a dealing under: another reference."""
        other = header.payload.base_model != self.base_model
        return other and self.party.setting.aggregator.uses_reference

    def _is_valid(self, header: Statement, package: bytes) -> bool:
        """Under the base that its header names, which may be another model's."""
        setting, committee, named = self.party.setting, self._committee, header.payload.base_model
        base = committee.base if named == self.base_model else Base(setting, named)
        seat = committee.panel.seats.index(self.party.me)
        return judge_dealing(setting, committee.flip, header, seat, package, base) is Verdict.VALID
