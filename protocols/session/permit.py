"""Whether a peer may sign in its round: its store may not know what it has signed (faults 47, 94,
§6).

Nothing is signed for rounds up to ``sit_out``: there the store is known to be older than what its
peer has said. Nor, for rounds up to ``suspect``, before a quorum that was there when the round
began has said that it knows of nothing. And nothing at all in a life before a quorum was asked what
it holds, and has answered (protocols.session.recall).
"""

from __future__ import annotations

from collections.abc import Iterable

from protocols.record.certificate import CertifiedRound
from protocols.record.effects import Effect, Persist
from protocols.record.journal import Journal
from protocols.session.local import LocalPeer
from protocols.session.recall import Recall
from protocols.session.standing import (
    DOUBTED,
    SIGNS,
    remembers,
    restored_until,
    sat_out,
    sat_out_key,
    suspected_until,
)
from protocols.wire.frames import RecalledFrame


class Permit:
    """``restored``: the operator says that the store was put back from a backup; or (False) that
    it never was, and never emptied: it is not doubted then, whatever it looks like.
    """

    def __init__(self, peer: LocalPeer, journal: Journal, *, restored: bool | None = None) -> None:
        self.recall = Recall(peer.setting, peer.me)
        self._restored = restored
        self._start = journal.round, remembers(journal)
        self._sit_out = sat_out(journal)
        self._suspect = journal.round if DOUBTED in journal else SIGNS
        self._since: int | None = None

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
        self._since = reached

    def was_there(self, round_: int) -> bool:
        """Whether this life has run since ``round_`` began: what others say of it came here."""
        return self._since is not None and round_ > self._since

    def must_sit_out(self, round_: int) -> bool:
        """Whether it is known that the store lacks what was signed in this round."""
        return round_ <= self._sit_out

    def is_doubtful(self, round_: int) -> bool:
        """Whether too few have yet said what they know; where the store looks old, of those that
        were there.
        """
        return not self.recall.quorum_answered(round_) or self.looks_old(round_)

    def is_suspect(self, round_: int) -> bool:
        """Whether the store looked old, or emptied, when it was led into this round."""
        return round_ <= self._suspect and self._restored is not False

    def looks_old(self, round_: int) -> bool:
        """And too few that were there have said what they know."""
        return self.is_suspect(round_) and not self.recall.quorum_was_there(round_)

    def journaled(self, round_: int) -> list[Persist]:
        """What must be known when this peer starts once more: whoever remembers what was signed may
        be silent then, and the store looks like any other once it holds the group's certificates.
        """
        known = []
        if self.must_sit_out(round_):
            known.append(Persist(round_, sat_out_key(self._sit_out), b""))
        if self.looks_old(round_):
            known.append(Persist(round_, DOUBTED, b""))
        return known

    def cleared(self, journal: Journal) -> list[Effect]:
        """The journal knows all of its round from now on."""
        return [journal.erase(DOUBTED)] if journal.round <= self._suspect else []

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

    def missed(self, rounds: Iterable[CertifiedRound], number: int) -> None:
        """Rounds from ``number`` on, in which this peer stands, were missed. If it had not yet
        heard enough to sign there, its store is older than it seemed, or in doubt in the next one
        as well.
        """
        if not (self.recall.waits or self.is_doubtful(number)):
            return
        start, remembered = self._start
        reached = max(certified.round for certified in rounds) + 1
        self._suspect = max(self._suspect, suspected_until(start, reached, remembered))
        if self._since is not None:
            self._since = max(self._since, reached)
        self.recall.expire(reached)
