"""An attempt that ended without a result, as its peers remember it (docs/protocol.md §6).

The journal keeps it in the place of the attempt's keys: a peer that restarts goes on behind it, and
shows what ended it to whoever is still in it.
"""

from __future__ import annotations

from dataclasses import dataclass

from protocols.errors import WireError
from protocols.record.effects import Abort
from protocols.record.elected import ElectionCertificate
from protocols.record.journal import Journal
from protocols.version import V3
from protocols.wire.canonical import Value, pack, unpack
from protocols.wire.frames import DecisionFrame, decode_frame, encode_frame
from protocols.wire.schema import MAX_BULK, MAX_PEERS, PEER, Bytes, ListOf, Tuple

RECORD = Tuple((Bytes(16), ListOf(PEER, MAX_PEERS), ListOf(Bytes(MAX_BULK), 2)))


@dataclass(frozen=True, slots=True)
class Ending:
    """``silent``: who takes no part in the next attempt. ``frames``: the decisions that ended it,
    of the reveals and, where there was a committee, of the empty cohort.
    """

    reason: Abort
    silent: tuple[int, ...]
    frames: tuple[DecisionFrame, ...]

    def void(self, round_: int, attempt: int) -> list[ElectionCertificate]:
        """The election of a flip that somebody voided."""
        if self.reason is not Abort.FLIP:
            return []
        reveals = self.frames[0]
        return [ElectionCertificate(round_, attempt, reveals.outcome, reveals.votes)]

    def lifts_lockouts(self, version: int) -> bool:
        """Whether too few took part, so that the round needs whoever is locked out (§2)."""
        return self.reason is Abort.QUORUM or (version >= V3 and self.reason is not Abort.FLIP)

    def encode(self) -> bytes:
        frames: list[Value] = [encode_frame(frame) for frame in self.frames]
        return pack([self.reason.encode(), list(self.silent), frames])

    @classmethod
    def decode(cls, data: bytes) -> Ending:
        """Raises WireError for a record that no life of this peer wrote."""
        reason, silent, frames = RECORD.check(unpack(data), "journaled end of an attempt")
        found = [decode_frame(frame) for frame in frames]
        decisions = [frame for frame in found if isinstance(frame, DecisionFrame)]
        if not decisions or len(decisions) < len(found):
            raise WireError("an attempt that no decision ended")
        return cls(Abort(reason.decode()), tuple(silent), tuple(decisions))


def ending_key(attempt: int) -> str:
    """The journal's key for an attempt's end."""
    return f"ended/{attempt}"


def endings_in(journal: Journal) -> list[Ending]:
    """Of the attempts that an earlier life of this peer saw end, in their order."""
    found: list[Ending] = []
    while (record := journal.get(ending_key(len(found)))) is not None:
        found.append(Ending.decode(record))
    return found


def secret_key(attempt: int) -> str:
    """The journal's key for the secret that an attempt's nonce and keys come from."""
    return f"secret/{attempt}"


def dealing_key(attempt: int) -> str:
    """The journal's key for the secret that an attempt's masks come from."""
    return f"deal/{attempt}"


def attempt_secrets(attempt: int) -> tuple[str, str]:
    return secret_key(attempt), dealing_key(attempt)
