"""The lies that a real daemon can be told to tell (docs/attacks.md)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from peerd.laboratory.adversaries.dealing import LyingDealer
from peerd.laboratory.adversaries.electors import Elector
from peerd.laboratory.adversaries.liar import Lie
from peerd.laboratory.adversaries.noisy import NoNoise, PoisonedNoise
from peerd.laboratory.adversaries.openers import WrongSummer, moved
from peerd.laboratory.adversaries.place import Words
from protocols.aggregation.evaluation import Counts
from protocols.hashing import digest
from protocols.proof import Dealing, seal, split
from protocols.record.base import Values
from protocols.wire.frames import Frame, StatementFrame
from protocols.wire.payloads import Commit, Kind


class BadProofDealer(LyingDealer):
    """Deals a value outside V (docs/protocol.md §4; fault 5)."""

    def split(self, values: Values) -> Dealing:
        forged = np.array(values, dtype=np.int64)
        forged[0] += 3  # neither a bit any more, nor a number with the same square
        shape, context = self.shape, self.context()
        parts = split(shape, forged, self.at.dealing_secret, context)
        return seal(shape, context, parts, self.public)


class BadShareDealer(LyingDealer):
    """Commits to a wrong share for the member in the last seat but its own (fault 2)."""

    def split(self, values: Values) -> Dealing:
        at, context = self.at, self.context()
        parts = split(self.shape, values, at.dealing_secret, context)
        victim = max(
            seat
            for seat, peer in enumerate(at.panel.seats)
            if peer in at.panel.selected and peer != at.me
        )
        vector = parts.vectors[victim]
        vector[0] = (int(vector[0]) + 1) % at.setting.field.p
        return seal(self.shape, context, parts, self.public)


class Overcounter(LyingDealer):
    """Counts a held-out row that it doesn't have, and all of them right (docs/protocol.md §4)."""

    def split(self, values: Values) -> Dealing:
        evaluation, me = self.at.setting.evaluation, self.at.me
        if evaluation is None or not evaluation.rows[me]:
            return super().split(values)
        claimed = list(evaluation.rows)
        claimed[me] += 1 if claimed[me] + 1 < 1 << evaluation.row_bits else -1
        other, none = replace(evaluation, rows=tuple(claimed)), (0,) * evaluation.classes
        counted = other.encode(me, Counts(1, claimed[me], claimed[me], none, none))
        forged = np.concatenate([np.asarray(values)[: -len(counted)], counted])
        shape, context = self.shape, self.context()
        parts = split(shape, forged, self.at.dealing_secret, context)
        return seal(shape, context, parts, self.public)


class WrongOpeningOpener(WrongSummer):
    """Adds one to a coordinate of its sum (fault 14)."""

    def words(self, right: Words) -> Words:
        return moved(right, -1, 1, self.at.setting.field.p)


class EquivocatingElection(Elector):
    """Commits to one nonce before half of the roster and to another before the rest (fault 21)."""

    def frame_for(self, peer: int, frame: Frame) -> Frame | None:
        if not isinstance(frame, StatementFrame) or peer in self.at.everyone[::2]:
            return frame
        said = self.at.read(frame.statement)
        if said is None or (said.kind, said.signer) != (Kind.COMMIT, self.at.me):
            return frame
        other = Commit(digest("lab/other-nonce", said.body), said.payload.round_key)
        return StatementFrame(self.at.forge(Kind.COMMIT, other).wire)


OVERCOUNT = "overcount"
LIES = {
    "bad-proof": Lie(BadProofDealer),
    "bad-share": Lie(BadShareDealer),
    "wrong-opening": Lie(WrongOpeningOpener),
    "equivocate": Lie(EquivocatingElection),
    OVERCOUNT: Lie(Overcounter),
}
"""By the names that ``--attack`` takes. Each is proven with evidence."""
POISONED_NOISE = "poisoned-noise"
NOISE_LIES = {"no-noise": Lie(NoNoise), POISONED_NOISE: Lie(PoisonedNoise)}
"""Where a rule has noise. Nobody can prove them: they are among what the noise allows for."""
