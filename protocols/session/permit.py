"""Whether a peer may sign in its round: its store may not know what it has signed (fault 47, §6).

Nothing is signed for rounds up to ``sit_out``: there the store is known to be older than what its
peer has said. Nor, for rounds up to ``suspect``, before a quorum has said that it knows of nothing.
And nothing at all before the others were asked what they hold (protocols.session.recall).
"""

from __future__ import annotations

from collections.abc import Iterable

from protocols.record.certificate import CertifiedRound
from protocols.record.effects import Persist
from protocols.record.journal import Journal
from protocols.session.local import LocalPeer
from protocols.session.recall import Recall
from protocols.session.standing import (
    SIGNS,
    remembers,
    restored_until,
    sat_out,
    sat_out_key,
    suspected_until,
)
from protocols.wire.frames import RecalledFrame


class Permit:
    """``restored``: the operator says that the store was put back from a backup."""

    def __init__(self, peer: LocalPeer, journal: Journal, *, restored: bool = False) -> None:
        self.recall = Recall(peer.setting, peer.me)
        self._restored = restored
        self._start = journal.round, remembers(journal)
        self._sit_out = sat_out(journal)
        self._suspect = SIGNS

    def surveyed(self, round_: int, shown: int) -> None:
        """The group stands at ``round_`` by what this peer could take up, and behind ``shown`` by
        what somebody proved: where nobody gives the model that leads on.
        """
        start, remembered = self._start
        reached = max(round_, shown + 1)
        if self._restored:
            self._sit_out = max(self._sit_out, restored_until(reached))
        if round_ < reached:
            self._sit_out = max(self._sit_out, shown)
        self._suspect = max(self._suspect, suspected_until(start, reached, remembered))

    def must_sit_out(self, round_: int) -> bool:
        """Whether it is known that the store lacks what was signed in this round."""
        return round_ <= self._sit_out

    def is_doubtful(self, round_: int) -> bool:
        """Whether the store looks old, and too few have yet said that they know of nothing."""
        return round_ <= self._suspect and not self.recall.quorum_answered()

    def journaled(self, round_: int) -> list[Persist]:
        """What is known is journaled, and what is only suspected is not: who remembers what was
        signed may be silent when this peer starts once more.
        """
        if not self.must_sit_out(round_):
            return []
        return [Persist(round_, sat_out_key(self._sit_out), b"")]

    def hear(self, sender: int, frame: RecalledFrame, journal: Journal) -> int:
        """What ``sender`` holds that this peer has signed: the last round in which something is
        lacking here, or ``SIGNS``. Raises WireError for rubbish, which is an answer too.
        """
        return self.recall.hear(sender, frame, journal.round, journal)

    def sit_out_until(self, last: int) -> bool:
        """True if that is further than what was known."""
        further = last > self._sit_out
        self._sit_out = max(last, self._sit_out)
        return further

    def doubt(self, start: int, missed: Iterable[CertifiedRound], journal: Journal) -> None:
        """Rounds were missed before anything was signed: the store is older than it seemed."""
        reached = max(certified.round for certified in missed) + 1
        last = suspected_until(start, reached, remembers(journal))
        self._suspect = max(self._suspect, last)
