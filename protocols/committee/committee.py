"""The committee of an attempt, as everything that judges a dealing sees it."""

from __future__ import annotations

from dataclasses import dataclass

from protocols.record.base import Base
from protocols.record.cohort import Panel
from protocols.record.elected import Elected
from protocols.record.evidence import Evidence, Fault
from protocols.record.setting import Setting
from protocols.wire.statement import Statement


@dataclass(frozen=True, slots=True)
class Committee:
    """Who elected it, who sits and deals, and what dealings start from."""

    flip: Elected
    panel: Panel
    base: Base

    @property
    def keyed(self) -> tuple[int, ...]:
        """Seated peers that revealed: the others can sign nothing."""
        return tuple(peer for peer in self.panel.seats if peer in self.flip.keys)

    def context(self, setting: Setting, base_model: bytes, dealer: int) -> bytes:
        """What a dealing's challenges depend on."""
        return setting.dealing_context(*self.flip.place, self.flip.hash, base_model, dealer)

    def proof(self, fault: Fault, *statements: Statement) -> Evidence:
        """Evidence about a dealing; the reference goes with it, where there is one."""
        return Evidence(fault, self.flip.certificate, statements, self.base.items())
