"""Evidence against liars, as one peer holds it: what is news, and what the next election names."""

from __future__ import annotations

from protocols.errors import WireError
from protocols.record.effects import Blame
from protocols.record.evidence import Evidence, Finding, evidence_hash, judge, judge_bytes
from protocols.record.ledger import Ledger
from protocols.record.setting import Setting

MAX_WORTHLESS = 16
"""Pieces of evidence of one sender, in a round, that prove nothing: after that none is judged."""
MAX_EVIDENCE_OF_ONE = 4
"""Rounds for which one peer is blamed, and pieces of evidence against it that are kept. A liar can
sign proof against itself for every round there will ever be; the next commitment set needs one."""


class Proofs:
    """``blamed``: (round, peer) of every blame that was laid."""

    def __init__(self, setting: Setting, me: int) -> None:
        self.blamed: set[tuple[int, int]] = set()
        self._setting = setting
        self._me = me
        self._evidence: dict[bytes, tuple[bytes, Finding]] = {}
        self._worthless: dict[int, int] = {}

    def hear(self, sender: int, data: bytes, ledger: Ledger) -> Blame | None:
        """Evidence that ``sender`` passed on. Raises WireError where it proves nothing."""
        if self._worthless.get(sender, 0) >= MAX_WORTHLESS:
            return None
        try:
            finding = judge_bytes(self._setting, data)
        except WireError:
            self._worthless[sender] = self._worthless.get(sender, 0) + 1
            raise
        return self._take(finding, data, ledger)

    def accuse(self, evidence: Evidence, ledger: Ledger) -> Blame | None:
        """Evidence that was found here. Raises WireError where it proves nothing."""
        finding = judge(self._setting, evidence)
        return self._take(finding, evidence.encode(), ledger)

    def _take(self, finding: Finding, data: bytes, ledger: Ledger) -> Blame | None:
        """The blame that is laid, if it is news; the ledger's guilty are old news."""
        known = (finding.round, finding.culprit) in self.blamed
        if known or finding.culprit == self._me:
            return None
        if sum(peer == finding.culprit for _, peer in self.blamed) >= MAX_EVIDENCE_OF_ONE:
            return None
        self.blamed.add((finding.round, finding.culprit))
        if finding.culprit in ledger.guilty:
            return None
        self._evidence[evidence_hash(data)] = (data, finding)
        return Blame(finding.round, finding.culprit, finding.reason, data)

    def next_round(self, ledger: Ledger) -> None:
        """Forget what certified rounds have named, and who sent rubbish."""
        self._worthless = {}
        self._evidence = {
            key: (data, finding)
            for key, (data, finding) in self._evidence.items()
            if finding.culprit not in ledger.guilty
        }

    def pieces(self) -> tuple[bytes, ...]:
        return tuple(data for data, _ in self._evidence.values())

    def blamed_in(self, round_: int) -> set[int]:
        return {peer for when, peer in self.blamed if when == round_}
