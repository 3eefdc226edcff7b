"""What an operator orders: to give up a decided cohort whose sum is lost for good (docs §6).

A peer that takes part signs only what it sees decided. One whose store is gone sits its round out
and knows no cohort: it signs what its operator names, once the others have said what it signed
before. Either signs a result or this, never both.
"""

from __future__ import annotations

from collections.abc import Iterable

from protocols.aggregation import model_hash
from protocols.record.abandonment import WORDS
from protocols.record.door import is_signed, read_statement
from protocols.record.effects import Step
from protocols.record.journal import Journal
from protocols.record.party import Component, Party, Role
from protocols.session.attempt import Attempt
from protocols.session.events import Order, Refused
from protocols.session.local import LocalPeer
from protocols.session.permit import Permit
from protocols.session.phases import Summing
from protocols.session.rounds import Rounds
from protocols.wire.frames import RecalledFrame, StatementFrame
from protocols.wire.payloads import Abandon, Kind


class Abandonments(Component):
    """``hear`` what others show: a RESULT that a lost store forgot still binds its peer."""

    def __init__(self, peer: LocalPeer, rounds: Rounds, permit: Permit) -> None:
        super().__init__()
        self._peer = peer
        self._rounds = rounds
        self._permit = permit
        self._results: set[tuple[int, int]] = set()

    def hear(self, frame: RecalledFrame) -> None:
        """A RESULT is this peer's own under the key that its COMMIT names; whoever holds the one
        holds the other. WireError for what is no statement of this group.
        """
        setting, me = self._peer.setting, self._peer.me
        said = [read_statement(setting, item) for item in frame.statements]
        commits = (s for s in said if s.kind is Kind.COMMIT and s.signer == me)
        mine = (s for s in commits if is_signed(setting, s, setting.roster[me]))
        keys = {s.slot.place: s.payload.round_key for s in mine}
        for result in (s for s in said if s.kind is Kind.RESULT and s.signer == me):
            key = keys.get(result.slot.place)
            if key is not None and is_signed(setting, result, key):
                self._results.add(result.slot.place)

    def order(self, order: Order, *, sits_out: bool) -> Step:
        """Raises Refused where this peer may not sign it; then nothing has changed."""
        round_ = self._rounds.current
        if order.round != round_.number:
            raise Refused(f"this peer stands in round {round_.number}, not in {order.round}")
        if sits_out:
            self._sign_without_memory(order)
            return self.done()
        attempt = round_.attempt
        if attempt is None or attempt.party.attempt != order.attempt:
            raise Refused(f"this peer is not in attempt {order.attempt}")
        return give_up(attempt, order.cohort)

    def _sign_without_memory(self, order: Order) -> None:
        peer, round_ = self._peer, self._rounds.current
        if not self._permit.recall.quorum_answered(round_.number):
            raise Refused("too few others have said what this peer signed before")
        if (order.round, order.attempt) in self._results:
            raise Refused("others show that this peer has signed a result there")
        party = Party(peer.setting, peer.me, peer.identity, order.attempt, round_.journal)
        position, role = round_.position, Role(party)
        kept = model_hash(position.model)
        end = Abandon(position.previous, order.cohort, kept, WORDS.encode())
        said = role.sign(Kind.ABANDON, end)
        if said.payload != end:
            raise Refused("this peer has given up another cohort of that attempt")
        role.send(party.everyone(), StatementFrame(said.wire))
        self.absorb(role.done())


def give_up(attempt: Attempt, cohort: bytes) -> Step:
    """Raises Refused. What could help to open the cohort is erased ahead of the word."""
    phase, party = attempt.phase, attempt.party
    if not isinstance(phase, Summing) or attempt.over:
        raise Refused("no cohort is decided here: the group goes on by itself")
    if phase.abandoning.cohort != cohort:
        raise Refused(f"the cohort that is decided here is {phase.abandoning.cohort.hex()}")
    if party.has_signed(Kind.RESULT):
        raise Refused("this peer has opened the cohort and signed its result")
    if not phase.opening.hopeless and not party.has_signed(Kind.ABANDON):
        raise Refused("the group has not stopped here: what is missing may still come")
    phase.member.receiver.forget()
    return attempt.follow(phase.abandoning.abandon())


def given_up_in(journal: Journal) -> Iterable[bytes]:
    """What this peer has signed of the kind, for whoever has not heard it."""
    for key in journal.keys_under("slot/"):
        said = journal.get(key)
        if said is not None and key.split("/")[2] == str(int(Kind.ABANDON)):
            yield said
