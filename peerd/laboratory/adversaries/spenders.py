"""Liars that are proven guilty at once, and go on: what is left to them is to make others work.

``peerd bench liars`` measures what they cost.
"""

from __future__ import annotations

from peerd.laboratory.adversaries.members import FalseComplainer, LyingMember
from protocols.hashing import digest
from protocols.record.evidence import Evidence, Fault
from protocols.wire.frames import EvidenceFrame
from protocols.wire.payloads import Commit, Kind
from protocols.wire.statement import Statement

PIECES = 64


class ComplainerOfAll(FalseComplainer):
    """7: complains about every valid share that it got; to judge one is to check a dealing."""

    def picks_on(self, dealer: int) -> bool:
        return dealer != self.at.me


class SelfAccuser(LyingMember):
    """33: shows everybody many proofs against itself, each of which is valid, and another."""

    def reported(self) -> None:
        for turn in range(PIECES):
            said = self._commit(turn, 0), self._commit(turn, 1)
            proof = Evidence(Fault.EQUIVOCATION, None, said).encode()
            self.at.send(self.at.everyone, EvidenceFrame(proof), again=False)

    def _commit(self, turn: int, face: int) -> Statement:
        nonce = digest("lab/self-accuser", bytes((turn, face)))
        return self.at.forge(Kind.COMMIT, Commit(nonce, digest("lab/no-key", nonce)))
