"""Round after round: the one in progress, the one before it, and the evidence that goes along."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from protocols.aggregation import model_hash
from protocols.election.flip import Outset
from protocols.errors import WireError
from protocols.presence.awaits import Awaits
from protocols.record.certificate import CertifiedRound, Close, verify_certificate
from protocols.record.effects import Adopted, Dropped, Erase, Send, Spent, Step
from protocols.record.evidence import Evidence
from protocols.record.journal import Journal
from protocols.record.outcomes import Accused, Behind, Left, RoundOver, Wasted
from protocols.record.party import Component
from protocols.record.position import Position
from protocols.record.spending import is_spent
from protocols.session.approvals import Approvals
from protocols.session.completion import completed
from protocols.session.local import LocalPeer
from protocols.session.proofs import Proofs
from protocols.session.round import Round
from protocols.session.standing import after
from protocols.wire.frames import STATEMENT, EvidenceFrame, encode_frame
from protocols.wire.statement import Statement


class Rounds(Component):
    """``current``; ``previous``, of whose last attempt late words are still compared. Comes to
    ``Left`` once this peer goes on behind certified rounds.
    """

    def __init__(
        self,
        peer: LocalPeer,
        position: Position,
        journal: Mapping[str, bytes],
        approvals: Iterable[bytes] = (),
    ) -> None:
        super().__init__()
        self.current = Round(peer, position, Journal(position.round, dict(journal)))
        self.previous: Round | None = None
        self.proofs = Proofs(peer.setting, peer.me)
        self.approvals = Approvals(peer, position, approvals)
        self.awaits = Awaits()
        self._peer = peer

    @property
    def position(self) -> Position:
        return self.current.position

    @property
    def are_over(self) -> bool:
        """Whether the privacy budget allows no further round: none begins but to hand over, and
        nobody commits in that.
        """
        spent = is_spent(self._peer.setting, self.position.ledger)
        return spent and not self.approvals.may_hand_over(self.position)

    def begin(self, present: Iterable[int]) -> Step:
        """The round, or the attempt in it that is to follow."""
        hasty = self.awaits.not_for(self.current.number)
        held = self.proofs.pieces(), self.approvals.held()
        outset = Outset(frozenset(present), hasty, *held, self._peer.head())
        begin = self.current.begin if self.current.attempt is None else self.current.again
        return self.follow(begin(outset))

    def follow(self, step: Step) -> Step:
        """What a round calls for, and what follows from it here."""
        for outcome in self.absorb(step):
            if isinstance(outcome, Accused):
                self._accuse(outcome.evidence)
            elif isinstance(outcome, RoundOver):
                self._complete(outcome)
            elif isinstance(outcome, Wasted):
                self.awaits.wasted(outcome.peers, self.current.number)
        return self.done()

    def adopt(self, certified: Sequence[CertifiedRound], model: npt.NDArray[np.float32]) -> Step:
        """On to the round behind these, with the last one's model: others have made them."""
        self.emit(Adopted(tuple(certified), model))
        self._leave(certified, model)
        for each in certified[1:]:
            self.emit(Erase(each.round))
        return self.done()

    def hear_evidence(self, sender: int, evidence: bytes) -> Step:
        """WireError where it proves nothing."""
        news = self.proofs.hear(sender, evidence, self.position.ledger)
        if news is not None:
            self.emit(news)
        return self.done()

    def has_settled(self, frame: bytes) -> bool:
        """Whether it has been heard, and says nothing more."""
        if not frame.startswith(STATEMENT):
            return False
        for each in (self.current, self.previous):
            attempt = None if each is None else each.attempt
            if attempt is not None and attempt.party.inbox.has_settled(frame):
                return True
        return False

    def said_by(self, peer: int) -> list[Statement]:
        """What this peer holds that ``peer`` signed, in this round and the last."""
        held = self.previous.said_by(peer) if self.previous is not None else []
        return held + self.current.said_by(peer)

    def _complete(self, over: RoundOver) -> None:
        """The certificate and the model that this machine computes from it are both here."""
        if model_hash(over.model) != over.certified.result.model:
            # take the model itself, by its hash, from those who signed it (fault 67)
            for peer in over.certified.signers:
                if peer != self._peer.me:
                    self.emit(Behind(self.current.number, peer))
            return
        certified = verify_certificate(self._peer.setting, over.certified.certificate)
        self.emit(completed(self.current, over, certified, self.proofs))
        self._leave([certified], over.model)

    def _leave(self, certified: Sequence[CertifiedRound], model: npt.NDArray[np.float32]) -> None:
        self.absorb(self.current.leave())
        self.previous, position = self.current, self.current.position
        for each in certified:
            before, position = position, after(position, [each], model)
            approved = self.approvals.own_of_a_pause()
            self.approvals.forget_over(before, position)
            if each.close is Close.PAUSED and approved != self.approvals.own_of_a_pause():
                self.emit(Spent(each.round))
            self.proofs.next_round(position.ledger)
            self.awaits.took_part(each.keys)
        self.current = Round(self._peer, position, Journal(position.round))
        self.emit(Left(tuple(certified)))

    def _accuse(self, evidence: Evidence) -> None:
        """Tell everyone what can be proven; it enters the next commitment set (§0)."""
        try:
            news = self.proofs.accuse(evidence, self.current.position.ledger)
        except WireError as error:  # it looked like proof, and is none: nobody is accused
            self.emit(Dropped(self._peer.me, str(error)))
            return
        if news is not None:
            me, peers = self._peer.me, range(self._peer.setting.peers)
            others = tuple(peer for peer in peers if peer != me)
            self.emit(news)
            self.emit(Send(others, encode_frame(EvidenceFrame(news.evidence))))
