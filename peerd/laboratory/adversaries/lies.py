"""Protocol lies: the real machines, each lying at one named point (docs/attacks.md).

A lie is a set of ``Parts`` in which one part is replaced; a daemon or a simulated peer plays with
them instead of the honest ones.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from protocols.committee.dealer import Dealer
from protocols.committee.opener import Opener
from protocols.election.machine import ElectionMachine
from protocols.hashing import digest
from protocols.proof import Dealing, seal, split
from protocols.session.attempt import Parts
from protocols.wire.frames import StatementFrame
from protocols.wire.statement import Commit, Kind, Statement, sign


class BadProofDealer(Dealer):
    """Deals a value outside V (docs/protocol.md §4; fault 5)."""

    def split(self, values: npt.NDArray[np.unsignedinteger]) -> Dealing:
        forged = np.array(values, dtype=np.int64)
        forged[0] = 2
        shape, context = self.shape, self.context()
        return seal(shape, context, split(shape, forged, self.secret.reveal(), context))


class BadShareDealer(Dealer):
    """Commits to a wrong share for the member in the last seat but its own (fault 2)."""

    def split(self, values: npt.NDArray[np.unsignedinteger]) -> Dealing:
        setting = self.desk.setting
        context = self.context()
        parts = split(self.shape, values, self.secret.reveal(), context)
        victim = max(
            seat
            for seat, peer in enumerate(self.panel.seats)
            if peer in self.panel.selected and peer != self.desk.me
        )
        vector = parts.vectors[victim]
        vector[0] = (int(vector[0]) + 1) % setting.field.p
        return seal(self.shape, context, parts)


class WrongOpeningOpener(Opener):
    """Adds one to a coordinate of its sum (fault 14)."""

    def sum_rows(self, rows: npt.NDArray[np.unsignedinteger]) -> npt.NDArray[np.unsignedinteger]:
        words = super().sum_rows(rows).copy()
        words[-1] = (int(words[-1]) + 1) % self.desk.setting.field.p
        return words


class EquivocatingElection(ElectionMachine):
    """Commits to one nonce before half of the roster and to another before the rest (fault 21)."""

    def say(self, statement: Statement) -> None:
        if statement.kind is not Kind.COMMIT:
            super().say(statement)
            return
        desk = self._desk
        other = Commit(digest("lab/other-nonce", statement.body), statement.payload.round_key)
        forged = sign(
            desk.setting.crypto,
            desk._identity.reveal(),
            desk.setting.group,
            statement.slot,
            other,
        )
        peers = desk.everyone()
        desk.send(peers[::2], StatementFrame(statement.wire))
        desk.send(peers[1::2], StatementFrame(forged.wire))


class BadProof(Parts):
    dealer = BadProofDealer


class BadShare(Parts):
    dealer = BadShareDealer


class WrongOpening(Parts):
    opener = WrongOpeningOpener


class Equivocate(Parts):
    election = EquivocatingElection


LIES: dict[str, type[Parts]] = {
    "bad-proof": BadProof,
    "bad-share": BadShare,
    "wrong-opening": WrongOpening,
    "equivocate": Equivocate,
}
"""The names that ``--attack`` takes; ``silent`` needs no part: such a peer says nothing at all."""

SILENT = "silent"
