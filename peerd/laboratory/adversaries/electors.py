"""Peers that lie in the flip of the coin."""

from __future__ import annotations

from peerd.laboratory.adversaries.forging import forge
from protocols.election.machine import ElectionMachine
from protocols.hashing import digest
from protocols.record.certificate import seats_of
from protocols.record.election import Election
from protocols.wire.frames import StatementFrame
from protocols.wire.statement import Kind, Reveal, Statement


class SilentRevealer(ElectionMachine):
    """17: commits, and never reveals."""

    def _reveal(self) -> None:
        pass


class PickyRevealer(ElectionMachine):
    """17, 19: hears everybody's reveal first, and reveals only for a coin that seats it."""

    def _reveal(self) -> None:
        self._consider()

    def _match_reveals(self) -> None:
        super()._match_reveals()
        self._consider()

    def _consider(self) -> None:
        me = self._desk.me
        if self.commitments is None or me in self._reveals:
            return
        others = {peer for peer, _, _ in self.commitments.commits} - {me}
        if others <= set(self._reveals) and self.likes(self._would_be_seated()):
            super()._reveal()

    def _would_be_seated(self) -> tuple[int, ...]:
        """The committee that the coin draws if this peer reveals."""
        nonces = {peer: said.payload.nonce for peer, said in self._reveals.items()}
        nonces[self._desk.me] = self._draw.nonce
        assert self.commitments is not None
        seats = tuple((peer, key, nonces[peer]) for peer, _, key in self.commitments.commits)
        return seats_of(self._desk.setting, Election(seats, (), (), ()))

    def likes(self, seats: tuple[int, ...]) -> bool:
        return self._desk.me in seats


class WrongRevealer(ElectionMachine):
    """18: reveals another nonce than it committed to."""

    def _reveal(self) -> None:
        nonce = digest("lab/nonce", self._draw.nonce)
        statement = forge(self._desk, Kind.REVEAL, Reveal(nonce))
        self._desk.send(self._desk.everyone(), StatementFrame(statement.wire))


class HalfRevealer(ElectionMachine):
    """20: reveals to half of the roster only."""

    def _reveal(self) -> None:
        statement = self._desk.sign(Kind.REVEAL, Reveal(self._draw.nonce))
        self._reveals[self._desk.me] = statement
        self._desk.send(self._desk.everyone()[::2], StatementFrame(statement.wire))


class CommitCopier(ElectionMachine):
    """9: commits to what another peer committed to."""

    def _commit(self) -> None:
        pass

    def _on_commit(self, statement: Statement) -> None:
        super()._on_commit(statement)
        if self._desk.me not in self._commits:
            copied = forge(self._desk, Kind.COMMIT, statement.payload)
            self._commits[self._desk.me] = copied
            self.say(copied)

    def _reveal(self) -> None:
        pass

    def _on_reveal(self, statement: Statement) -> None:
        super()._on_reveal(statement)
        if self._desk.me not in self._reveals and self._desk.me in self._commits:
            copied = forge(self._desk, Kind.REVEAL, statement.payload)
            self._reveals[self._desk.me] = copied
            self.say(copied)
