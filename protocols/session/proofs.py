"""Evidence against liars, as one peer holds it: what is news, and what the next election names."""

from __future__ import annotations

from collections import Counter

from protocols.errors import WireError
from protocols.record.effects import Blame
from protocols.record.evidence import (
    Evidence,
    Finding,
    judge,
    judge_bytes,
    open_evidence,
    rank,
)
from protocols.record.ledger import Ledger
from protocols.record.setting import Setting

MAX_WORTHLESS = 16
"""Pieces of evidence of one sender, in a round, that prove nothing: after that none is judged."""
MAX_EVIDENCE_OF_ONE = 4
"""Rounds for which one peer is blamed, and pieces of evidence against it that are kept. A liar can
sign proof against itself for every round there will ever be; the next commitment set needs one."""
MAX_CHANGES = 8
"""Of the piece that is kept of one blame: of n that come in any order the smallest changes some
ln n times, and a liar may sign one that is smaller, again and again."""


class Proofs:
    """``blamed``: (round, peer) of every blame that was laid."""

    def __init__(self, setting: Setting, me: int) -> None:
        self.blamed: set[tuple[int, int]] = set()
        self._setting = setting
        self._me = me
        self._evidence: dict[tuple[int, int], bytes] = {}
        self._worthless: dict[int, int] = {}
        self._changed: Counter[tuple[int, int]] = Counter()

    def hear(self, sender: int, data: bytes, ledger: Ledger) -> Blame | None:
        """Evidence that ``sender`` passed on. Raises WireError where it proves nothing."""
        if self._worthless.get(sender, 0) >= MAX_WORTHLESS:
            return None
        try:
            if self._is_old(open_evidence(self._setting, data), data):
                return None
            finding = judge_bytes(self._setting, data)
        except WireError:
            self._worthless[sender] = self._worthless.get(sender, 0) + 1
            raise
        return self._take(finding, data, ledger)

    def _is_old(self, evidence: Evidence, data: bytes) -> bool:
        """Whether a suspect of its is blamed, by a piece that ranks before it or was enough. All
        tell all what they have found, each its own piece, and some take as long to judge as a
        dealing. Should it prove the other one guilty, who complains of a liar or of whom a liar
        complains, that comes with the cohort, with another's word or with the next commitment set.
        """
        round_ = evidence.statements[0].slot.round
        places = self.blamed.intersection((round_, peer) for peer in evidence.suspects)
        return not all(self._makes_way(place, data) for place in places)

    def _makes_way(self, place: tuple[int, int], data: bytes) -> bool:
        """Whether ``data`` would be kept in place of the piece that is."""
        held = self._evidence.get(place)
        few = self._changed[place] < MAX_CHANGES
        return held is not None and few and rank(data) < rank(held)

    def accuse(self, evidence: Evidence, ledger: Ledger) -> Blame | None:
        """Evidence that was found here. Raises WireError where it proves nothing."""
        finding = judge(self._setting, evidence)
        return self._take(finding, evidence.encode(), ledger)

    def _take(self, finding: Finding, data: bytes, ledger: Ledger) -> Blame | None:
        """The blame that is laid, if it is news; the ledger's guilty are old news."""
        place = finding.round, finding.culprit
        if finding.culprit == self._me:
            return None
        if place in self.blamed:
            self._keep_smaller(place, data)
            return None
        if sum(peer == finding.culprit for _, peer in self.blamed) >= MAX_EVIDENCE_OF_ONE:
            return None
        self.blamed.add(place)
        if finding.culprit in ledger.guilty:
            return None
        self._evidence[place] = data
        return Blame(finding.round, finding.culprit, finding.reason, data)

    def _keep_smaller(self, place: tuple[int, int], data: bytes) -> None:
        """So all come to hold the same piece, and what they list in the next election is judged
        once, not once for each of them.
        """
        if self._makes_way(place, data):
            self._changed[place] += 1
            self._evidence[place] = data

    def next_round(self, ledger: Ledger) -> None:
        """Forget what certified rounds have named, and who sent rubbish."""
        self._worthless = {}
        self._evidence = {
            place: data for place, data in self._evidence.items() if place[1] not in ledger.guilty
        }

    def pieces(self) -> tuple[bytes, ...]:
        return tuple(self._evidence.values())

    def blamed_in(self, round_: int) -> set[int]:
        return {peer for when, peer in self.blamed if when == round_}
