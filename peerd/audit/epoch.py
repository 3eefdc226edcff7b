"""One group's part of a history: its genesis, its rounds, and how it ends."""

from __future__ import annotations

from dataclasses import dataclass, field

from peerd.audit.chain import Start, start_of
from peerd.audit.material import Piece
from peerd.group import Genesis
from peerd.group.members import told
from peerd.runner.resume import setting_of
from protocols.record.audit import Audit
from protocols.record.certificate import CertifiedRound
from protocols.record.evidence import Finding
from protocols.record.setting import Setting


@dataclass(slots=True)
class Claimed:
    """All that is claimed of one round."""

    certificates: list[Piece] = field(default_factory=list)
    transcripts: list[Piece] = field(default_factory=list)

    @property
    def pieces(self) -> list[Piece]:
        return [*self.certificates, *self.transcripts]


@dataclass(frozen=True, slots=True)
class Verified:
    """A round that holds. ``audit``: what its transcript shows beside; None where only the
    certificate is left.
    """

    certified: CertifiedRound
    audit: Audit | None


@dataclass(slots=True)
class Epoch:
    """``start``: where its first round leads on from. ``rounds``: those that hold, in order.
    ``findings``: who is proven guilty under this genesis. ``convicted``: of each that is guilty the
    round from which on, also by what certificates name, and those that were so before this group.
    """

    genesis: Genesis
    setting: Setting
    start: Start
    rounds: dict[int, Verified] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    convicted: dict[int, int] = field(default_factory=dict)

    def certify(self, found: Verified) -> None:
        """The next round."""
        certified = found.certified
        self.rounds[certified.round] = found
        for peer, _ in certified.guilty:
            self._convict(peer, certified.round)

    def _convict(self, peer: int, round_: int) -> None:
        self.convicted[peer] = min(round_, self.convicted.get(peer, round_))

    def find(self, finding: Finding) -> None:
        """Each only once: a piece of evidence is in several places."""
        if finding not in self.findings:
            self.findings.append(finding)
            self._convict(finding.culprit, finding.round)

    def told(self, error: Exception) -> str:
        """What the core says of these bytes."""
        return told(self.genesis, error)


def epoch_of(genesis: Genesis, setting: Setting | None = None) -> Epoch:
    """An epoch without rounds yet. ``setting``: a successor's, with where it begins. GroupError."""
    setting = setting or setting_of(genesis)
    origin = setting.origin
    before = {} if origin is None else dict.fromkeys(origin.ledger.guilty, origin.round)
    return Epoch(genesis, setting, start_of(setting), convicted=before)
