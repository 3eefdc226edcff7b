"""What operators approve: kept over rounds and restarts, told to all, counted in elections (§6)."""

from __future__ import annotations

from collections.abc import Iterable

from protocols.errors import WireError
from protocols.record.approval import MAX_WINDOW, check_approval, hands_over, resumes
from protocols.record.door import read_statement
from protocols.record.effects import Approved, Keep, Send, Step
from protocols.record.party import Component
from protocols.record.position import Position, rests, since_of
from protocols.record.spending import is_spent
from protocols.session.events import Approval, Refused
from protocols.session.local import LocalPeer
from protocols.wire.frames import StatementFrame, encode_frame
from protocols.wire.payloads import Act, Approve, Kind
from protocols.wire.schema import MAX_ROUND
from protocols.wire.statement import Slot, Statement, sign

MAX_APPROVALS_OF_ONE = 8
"""Approvals of one member that are kept: of more than these none is heard until some are over."""
WINDOW = 1000
"""Rounds for which an approval of a pause holds, unless the operator says how many."""


class Approvals(Component):
    """``kept``: what an earlier life heard, or signed itself."""

    def __init__(self, peer: LocalPeer, position: Position, kept: Iterable[bytes] = ()) -> None:
        super().__init__()
        self._peer = peer
        self._held: dict[int, list[Statement]] = {}
        since = since_of(peer.setting, position)
        for data in kept:
            said = check_approval(peer.setting, read_statement(peer.setting, data))
            # one of a pause that is yet to come here is told by the others once more
            past = said.payload.act == Act.PAUSE and said.payload.about != since
            if said.payload.last >= position.round and not past:
                self._held.setdefault(said.signer, []).append(said)

    def held(self) -> tuple[Statement, ...]:
        return tuple(said for signer in sorted(self._held) for said in self._held[signer])

    def own_of_a_pause(self) -> tuple[Statement, ...]:
        """What this peer's operator has approved of pauses that are yet to come."""
        mine = self._held.get(self._peer.me, ())
        return tuple(said for said in mine if said.payload.act == Act.PAUSE)

    def may_go_on(self, position: Position) -> bool:
        """Whether enough operators want the group, which rests, to go on."""
        return resumes(self._peer.setting, self.held(), position.previous)

    def may_hand_over(self, position: Position) -> bool:
        """Whether enough operators want the group to hand over in the coming round."""
        return hands_over(self._peer.setting, self.held(), position.round)

    # -- what others say -----------------------------------------------------------------------

    def hear(self, said: Statement | None, round_: int) -> Step:
        """WireError for what is no approval. One too many of its signer's is not kept: whoever
        passes it on may hold others of that signer's.
        """
        if said is None:
            raise WireError("an approval without a statement")
        check_approval(self._peer.setting, said)
        known = self._held.get(said.signer, ())
        news = all(earlier.body != said.body for earlier in known)
        if news and said.payload.last >= round_ and len(known) < MAX_APPROVALS_OF_ONE:
            self._take(said)
        return self.done()

    def greet(self, peers: Iterable[int]) -> Step:
        """Tell these what is held: they may have been away when it was said."""
        others = tuple(sorted(set(peers) - {self._peer.me}))
        for said in self.held() if others else ():
            self.emit(Send(others, encode_frame(StatementFrame(said.wire))))
        return self.done()

    def forget_over(self, before: Position, now: Position) -> None:
        """What can't count any more: rounds are over, or the pause that was approved has been."""
        past = since_of(self._peer.setting, before)
        rested = past != since_of(self._peer.setting, now)
        for signer, mine in self._held.items():
            self._held[signer] = [
                said
                for said in mine
                if said.payload.last >= now.round
                and not (rested and said.payload.act == Act.PAUSE and said.payload.about == past)
            ]

    def _take(self, said: Statement) -> None:
        self._held.setdefault(said.signer, []).append(said)
        self.emit(Keep(said.wire))
        payload = said.payload
        shown = Act(payload.act), payload.about, payload.first, payload.last
        self.emit(Approved(said.signer, *shown))

    # -- what this peer's operator says --------------------------------------------------------

    def order(self, order: Approval, position: Position) -> Step:
        """Once more what was approved before, where that is the same. Raises Refused where it
        contradicts that, or makes no sense now.
        """
        payload = self._payload(order, position)
        said = self._said_before(order, payload) or self._signed(payload)
        known = self._held.get(self._peer.me, ())
        if not any(earlier.body == said.body for earlier in known):
            if len(known) >= MAX_APPROVALS_OF_ONE:
                raise Refused("too much is approved already: some of it must be over first")
            self._take(said)
        others = (peer for peer in range(self._peer.setting.peers) if peer != self._peer.me)
        self.emit(Send(tuple(others), encode_frame(StatementFrame(said.wire))))
        return self.done()

    def _said_before(self, order: Approval, wanted: Approve) -> Statement | None:
        """What was approved in an earlier round, where the operator names no rounds."""
        if order.first is not None or order.last is not None:
            return None
        for said in self._held.get(self._peer.me, ()):
            other = said.payload
            same = (other.act, other.about) == (wanted.act, wanted.about)
            if same and other.first <= wanted.first <= other.last:
                return said
        return None

    def _payload(self, order: Approval, position: Position) -> Approve:
        now, act = position.round, int(order.act)
        if position.ledger.handed_over:
            raise Refused("this group has handed over: its successor goes on")
        if order.act is Act.RESUME:
            if not rests(position):
                raise Refused("the group does not rest: there is nothing to resume")
            return Approve(act, position.previous, now, now)
        first = now if order.first is None else order.first
        last = min(first + WINDOW - 1, MAX_ROUND) if order.last is None else order.last
        if not now <= last < first + MAX_WINDOW or not 0 <= first <= last <= MAX_ROUND:
            raise Refused(f"rounds {first} to {last} are no window: the group is in round {now}")
        if order.act is Act.PAUSE:
            if rests(position):
                raise Refused("the group rests already")
            if is_spent(self._peer.setting, position.ledger):
                raise Refused("the privacy budget is spent: the group makes no round to pause in")
            return Approve(act, since_of(self._peer.setting, position), first, last)
        self._check_draft(order.draft, first, last)
        return Approve(act, order.draft, first, last)

    def _check_draft(self, draft: bytes, first: int, last: int) -> None:
        """One draft in a window: so no two of them have a quorum, as two quorums share an honest
        member.
        """
        for said in self._held.get(self._peer.me, ()):
            other = said.payload
            apart = other.last < first or last < other.first
            if other.act == Act.HANDOVER and other.about != draft and not apart:
                raise Refused(
                    f"another draft is approved for the rounds {other.first} to {other.last}"
                )

    def _signed(self, payload: Approve) -> Statement:
        peer = self._peer
        setting, slot = peer.setting, Slot(payload.first, 0, Kind.APPROVE, 0, 0, peer.me)
        return sign(setting.crypto, peer.identity.reveal(), setting.group, slot, payload)
