"""What a member does with each statement about dealings, its own ones too (docs/protocol.md §3)."""

from __future__ import annotations

from collections.abc import Sequence

from protocols.committee.committee import Committee
from protocols.committee.comparison import Comparison
from protocols.committee.pool import Pool
from protocols.committee.receiver import Receiver
from protocols.errors import WireError
from protocols.record.asks import Keys, ask_frame, asked, frames_to, keys_among, keys_in
from protocols.record.cohort import POOL_KINDS
from protocols.record.effects import Outcome, Step
from protocols.record.outcomes import Conflict, Reported, Said
from protocols.record.party import Party, Role
from protocols.secret import Secret
from protocols.version import V3
from protocols.wire.frames import AskFrame, HaveFrame, StatementFrame
from protocols.wire.payloads import Kind, Seen, Topic
from protocols.wire.statement import Statement


class Intake(Role):
    """``compares``: whether the others are told what changes in the pool."""

    def __init__(self, party: Party, committee: Committee, secret: Secret) -> None:
        super().__init__(party)
        self.pool = Pool(party, committee)
        self.receiver = Receiver(party, committee, secret, self.pool)
        self.comparison = Comparison(
            party, self.pool.statements, committee.keyed, self.pool.spare, self.pool.asks
        )
        self.compares = False
        self._panel = committee.panel

    def hear(self, statement: Statement, frame: AskFrame | None = None) -> Step:
        """A verified statement about dealings, from whoever sent it; ``frame``: that of a report
        with keys. WireError for a statement of another kind, or about nobody.
        """
        if statement.kind not in POOL_KINDS:
            raise WireError(f"{statement.kind.name} does not belong here")
        if self.pool.belongs(statement):  # else not its signer's to say: not even remembered
            counts = self.admit(statement).counts
            if counts or self.pool.convicts_anew(statement):
                self._take(statement)
            self._settle(statement)
        if frame is not None:
            self._take_keys(statement, keys_in(self.party.setting.version, statement, frame))
        return self._done()

    def _settle(self, statement: Statement) -> None:
        """What is remembered, or kept beside that in its slot, and no other signature of it."""
        inbox = self.party.inbox
        known = self.pool.statements.get(statement.hash) or inbox.of(statement.slot)
        if known is not None and known.wire == statement.wire:
            inbox.settle(statement)

    def offered(self, statement: Statement) -> Step:
        """What a proposal carries counts as heard, and is judged, before the proposal is;
        a disclosure comes behind the ask and the delivery that it needs. WireError
        for a statement about nobody: asked first, because what this member has no room for is not
        looked at again, and the proposal's other checks rely on it.
        """
        self.pool.belongs(statement)
        if statement.kind is Kind.DELIVERY:
            self.pool.deliveries[statement.hash] = statement
        counts = self.admit(statement).counts
        if statement.kind is Kind.COMPLAINT:
            counts = self.pool.convicts_by_itself(statement) and counts
        elif statement.kind is Kind.DISCLOSURE:
            self.pool.judge_shown(statement)
        if counts:
            self._take(statement)
        return self._done()

    def judge_rest(self) -> Step:
        """What waits in the pool until this member proposes."""
        self.pool.judge_rest()
        return self._done()

    def own(self, report: Statement) -> Step:
        """Send the report that this member has signed, with the keys of its asks, and keep it."""
        version, keys = self.party.setting.version, self.receiver.own_asks.keys(report)
        whom = self._panel.seats, self._panel.selected
        for peers, frame in frames_to(version, report, keys, *whom):
            self.send(peers, frame)
        self._take(report)
        if version >= V3:
            self._take_keys(report, keys)
        return self._done()

    def _take_keys(self, report: Statement, keys: Keys) -> None:
        """Of a report that is not kept they are not either."""
        news = self.pool.take_keys(report, keys)
        if news:
            self._on_asks(report, news)
            self._announce()

    def list_reports(self) -> Step:
        """Sign which reports are here, with all keys of their asks, and pass them to whoever has
        not said that it holds them, and to each dealer its key: ahead of the list, since one that
        is listed must be known to all, and be answered (§5).
        """
        index = self.pool.index
        listed = [r for r in index.reports if r.signer not in index.doublers]
        held = sorted(r.hash for r in listed if self.pool.has_keys(r))
        self._announce()
        self.absorb(self.comparison.push(held))
        for key in held:  # a later life must be able to say the list again
            if keys := self.pool.asks.keys(self.pool.statements[key]):
                self.persist(_keys_entry(self.party, key), keys)
        statement = self.sign(Kind.SEEN, Seen(tuple(held), ()), int(Topic.COHORT))
        if self._holds(statement.payload.statements):
            self._take(statement)
            self.send(self._panel.seats, StatementFrame(statement.wire))
        return self._done()

    def _holds(self, listed: Sequence[bytes]) -> bool:
        """Whether all of it is here, with its keys: a list that an earlier life has signed stands,
        and is not said by a life that can't have its asks answered.
        """
        known = (self.pool.statements.get(key) for key in listed)
        return all(report is not None and self.pool.has_keys(report) for report in known)

    def follow(self, step: Step) -> Step:
        """What this member's receiver calls for, its words taken in."""
        self._follow(self.absorb(step))
        return self._done()

    def conflict(self, conflict: Conflict) -> Step:
        """Two statements in one slot: evidence against their signer, in the pool as such."""
        first, second = conflict.first, conflict.second
        if first.kind in POOL_KINDS and self.pool.belongs(first):
            self.pool.take_conflict(first, second)
            self._announce()
        return self._done()

    def on_have(self, sender: int, frame: HaveFrame) -> Step:
        """Send what the sender lacks; know when its evidence and mine are the same."""
        if sender in self.comparison.members:
            self.absorb(self.comparison.hear(sender, frame.hashes))
            if not self.compares:
                self.absorb(self.comparison.ask(sender))
        return self._done()

    def announce(self) -> Step:
        self._announce()
        return self._done()

    def _announce(self) -> None:
        if self.compares:
            self.absorb(self.comparison.announce())

    def _take(self, statement: Statement) -> None:
        """Into the pool, if it is evidence."""
        if statement.hash in self.pool.statements or not self.pool.belongs(statement):
            return
        if statement.kind is Kind.DELIVERY:
            self._follow(self.absorb(self.receiver.on_delivery(statement)))
        elif self.pool.take(statement):
            if statement.kind is Kind.REPORT:
                self._on_report(statement)
        else:
            return
        self._announce()

    def _on_report(self, report: Statement) -> None:
        version = self.party.setting.version
        if version < V3:
            self._on_asks(report, asked(report))
        elif kept := self.party.journal.get(_keys_entry(self.party, report.hash)):
            self._take_keys(report, keys_among(version, report, kept))
        self.pool.judge_disclosures()
        self._follow(self.absorb(self.receiver.on_report(report)))

    def _on_asks(self, report: Statement, keys: Keys) -> None:
        """A dealer without a seat must learn who asks for its dealing; no seat compares with it."""
        self.emit(Reported(report, keys))
        version = self.party.setting.version
        for dealer in sorted(set(keys) & set(self._panel.selected) - set(self._panel.seats)):
            self.send((dealer,), ask_frame(version, report, {dealer: keys[dealer]}))

    def _follow(self, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            if isinstance(outcome, Said):
                self._take(outcome.statement)
            else:
                self.emit(outcome)

    def _done(self) -> Step:
        """With what the pool has found to convict on the way."""
        for outcome in self.absorb(self.pool.done()):
            self.emit(outcome)
        return self.done()


def _keys_entry(party: Party, report: bytes) -> str:
    """The journal's, for the keys beside a report that was listed."""
    return f"asks/{party.attempt}/{report.hex()}"
