"""Peers that lie in the flip of the coin."""

from __future__ import annotations

from peerd.laboratory.adversaries.place import Place
from peerd.laboratory.adversaries.trick import Trick
from protocols.hashing import digest
from protocols.record.elected import seats_of
from protocols.record.election import Election
from protocols.wire.frames import Frame, StatementFrame
from protocols.wire.payloads import Kind, Reveal
from protocols.wire.statement import Statement


class Elector(Trick):
    role = "election"

    def tell(self, statement: Statement) -> None:
        self.at.send(self.at.everyone, StatementFrame(statement.wire))


class SilentRevealer(Elector):
    """17: commits, and never reveals."""

    def instead(self, said: Statement) -> Statement | None:
        return None if said.kind is Kind.REVEAL else said


class CommitOnly(Elector):
    """11, 86: commits, and says nothing else in that attempt."""

    def frame_for(self, peer: int, frame: Frame) -> Frame | None:
        said = self.at.read(frame.statement) if isinstance(frame, StatementFrame) else None
        return frame if said is not None and said.kind is Kind.COMMIT else None


class PickyRevealer(Elector):
    """17, 19: hears everybody's reveal first, and reveals only for a coin that seats it."""

    def __init__(self, at: Place) -> None:
        super().__init__(at)
        self._reveals: dict[int, bytes] = {}
        self._held: Statement | None = None
        self._revealed = False

    def instead(self, said: Statement) -> Statement | None:
        if said.kind is not Kind.REVEAL:
            return said
        self._held = said
        self._consider()
        return said if self._revealed else None

    def committed(self) -> None:
        self._consider()

    def heard(self, statement: Statement) -> None:
        if statement.kind is Kind.REVEAL and statement.signer != self.at.me:
            self._reveals.setdefault(statement.signer, statement.payload.nonce)
            self._consider()

    def _consider(self) -> None:
        if self.at.commitments is None or self._held is None or self._revealed:
            return
        nonces = {self.at.me: self._held.payload.nonce}
        for peer, commitment, _ in self.at.commitments.commits:
            nonce = self._reveals.get(peer)
            if nonce is not None and self._opens(peer, nonce, commitment):
                nonces[peer] = nonce
        everybody = {peer for peer, _, _ in self.at.commitments.commits}
        if everybody <= nonces.keys() and self.likes(self._would_be_seated(nonces)):
            self._revealed = True
            self.tell(self._held)

    def _opens(self, peer: int, nonce: bytes, commitment: bytes) -> bool:
        at = self.at
        return at.setting.commitment(at.round, at.attempt, peer, nonce) == commitment

    def _would_be_seated(self, nonces: dict[int, bytes]) -> tuple[int, ...]:
        """The committee that the coin draws if this peer reveals."""
        assert self.at.commitments is not None
        seats = tuple((peer, key, nonces[peer]) for peer, _, key in self.at.commitments.commits)
        place = self.at.round, self.at.attempt
        return seats_of(self.at.setting, Election(seats, (), (), ()), place)

    def likes(self, seats: tuple[int, ...]) -> bool:
        return self.at.me in seats


class WrongRevealer(Elector):
    """18: reveals another nonce than it committed to."""

    def instead(self, said: Statement) -> Statement | None:
        if said.kind is not Kind.REVEAL:
            return said
        return self.at.forge(Kind.REVEAL, Reveal(digest("lab/nonce", said.payload.nonce)))


class HalfRevealer(Elector):
    """20: reveals to half of the roster only."""

    def frame_for(self, peer: int, frame: Frame) -> Frame | None:
        if not isinstance(frame, StatementFrame) or peer in self.at.everyone[::2]:
            return frame
        said = self.at.read(frame.statement)
        hidden = said is not None and (said.kind, said.signer) == (Kind.REVEAL, self.at.me)
        return None if hidden else frame


class CommitCopier(Elector):
    """9: commits to what another peer committed to, and reveals what that one reveals."""

    def __init__(self, at: Place) -> None:
        super().__init__(at)
        self._copies: dict[Kind, Statement] = {}
        self._copied: int | None = None

    def instead(self, said: Statement) -> Statement | None:
        return self._copies.get(said.kind) if said.kind in (Kind.COMMIT, Kind.REVEAL) else said

    def heard(self, statement: Statement) -> None:
        kind, signer = statement.kind, statement.signer
        if kind not in (Kind.COMMIT, Kind.REVEAL) or kind in self._copies or signer == self.at.me:
            return
        if kind is Kind.COMMIT:
            self._copied = signer
        if signer == self._copied:
            self._copies[kind] = self.at.forge(kind, statement.payload)
            self.tell(self._copies[kind])
