"""One group's part of a history: its genesis, its rounds, and how it ends."""

from __future__ import annotations

from dataclasses import dataclass, field

from peerd.audit.chain import Start, start_of
from peerd.audit.material import Piece
from peerd.group import Genesis
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
    ``findings``: who is proven guilty under this genesis.
    """

    genesis: Genesis
    setting: Setting
    start: Start
    rounds: dict[int, Verified] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def find(self, finding: Finding) -> None:
        """Each only once: a piece of evidence is in several places."""
        if finding not in self.findings:
            self.findings.append(finding)


def epoch_of(genesis: Genesis, setting: Setting | None = None) -> Epoch:
    """An epoch without rounds yet. ``setting``: a successor's, with where it begins. GroupError."""
    setting = setting or setting_of(genesis)
    return Epoch(genesis, setting, start_of(setting))
