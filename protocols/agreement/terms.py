"""What one agreement is about, fixed before it begins (docs/protocol.md §5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeAlias

from protocols.record.effects import Step
from protocols.record.votes import Electorate
from protocols.wire.payloads import Topic

Proposal: TypeAlias = tuple[bytes, tuple[bytes, ...]]
"""An outcome, and the inputs that it follows from."""


class Inputs(Protocol):
    """What this member goes by: the statements that it holds."""

    def propose(self) -> Proposal | None:
        """The outcome of its own inputs, or None while there are too few."""

    def judge(self, outcome: bytes, inputs: tuple[bytes, ...]) -> tuple[bool, Step]:
        """Whether a proposal's outcome follows from its inputs, and these lack nothing that this
        member held at the deadline; and what looking at them calls for. WireError refuses it.
        """


@dataclass(frozen=True, slots=True)
class Terms:
    """``leaders``, in the order of their views. ``resort`` is the outcome by which members give up
    once their patience is over (§6); without one they try for ever.
    """

    topic: Topic
    electorate: Electorate
    leaders: tuple[int, ...]
    inputs: Inputs
    resort: bytes | None = None

    def leader(self, view: int) -> int:
        return self.leaders[view % len(self.leaders)]
