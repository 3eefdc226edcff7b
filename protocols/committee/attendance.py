"""For whom a member waits: nobody is that is not connected, and its word counts if it comes."""

from __future__ import annotations

from collections.abc import Iterable

from protocols.committee.committee import Committee
from protocols.record.party import Party


class Attendance:
    """Everybody, until it is told who is connected."""

    def __init__(self, party: Party, committee: Committee) -> None:
        self._me = party.me
        self._keyed = frozenset(committee.keyed)
        self._quorum = committee.panel.plan.quorum
        self._present = frozenset(party.everyone())

    def take(self, present: Iterable[int]) -> None:
        self._present = frozenset(present) | {self._me}

    def of(self, peers: Iterable[int]) -> frozenset[int]:
        """Who of these is connected; all of them for a member that has itself lost the others."""
        cut_off = len(self._present & self._keyed) < self._quorum
        return frozenset(peers) if cut_off else frozenset(peers) & self._present

    @property
    def seats(self) -> frozenset[int]:
        """Those that can sign."""
        return self.of(self._keyed)
