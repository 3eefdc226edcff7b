"""The phases of an attempt: each is a type that has what it needs, and goes on from the one before.

The order of things is the paper's Figure 3; docs/protocol.md has the diagram.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from protocols.agreement.machine import Agreement
from protocols.committee.committee import Committee
from protocols.committee.dealer import Dealer
from protocols.committee.member import Member
from protocols.committee.opening import Opening
from protocols.committee.sums import Sums
from protocols.election.flip import Flip
from protocols.wire.statement import Topic


@dataclass(frozen=True, slots=True)
class Electing:
    """The roster flips the coin (§2)."""

    flip: Flip

    @property
    def name(self) -> str:
        return self.flip.state.value

    def agreement(self, topic: Topic) -> Agreement | None:
        """The agreement on this topic, once there is one."""
        return None if topic is Topic.COHORT else self.flip.agreement(topic)

    def closing(self) -> Iterator[Agreement]:
        """Whose decisions show a peer that is still in this attempt that it is over."""
        yield self.flip.agreement(Topic.REVEALS)


@dataclass(frozen=True, slots=True)
class Aggregating(Electing):
    """The committee is dealt to, and agrees on the cohort (§3, §5)."""

    committee: Committee
    dealer: Dealer
    member: Member
    sums: Sums

    @property
    def name(self) -> str:
        return self.member.state.value

    def agreement(self, topic: Topic) -> Agreement | None:
        return self.member.agreement if topic is Topic.COHORT else self.flip.agreement(topic)

    def closing(self) -> Iterator[Agreement]:
        yield self.flip.agreement(Topic.REVEALS)
        yield self.member.agreement


@dataclass(frozen=True, slots=True)
class Summing(Aggregating):
    """The cohort is decided: its sum is opened and certified (§6)."""

    opening: Opening
