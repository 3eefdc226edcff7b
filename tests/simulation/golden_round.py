"""One round of four honest peers, as text: who does what, in virtual time.

    .venv/bin/python -m tests.simulation.golden_round     writes tests/simulation/golden/round.txt

It is told by effects and frames alone, so that only what can be seen from outside changes it: a
message more, another order, another phase, other bytes (#: a statement's hash). Every message takes
10 ms and training 1 ms. Timers are left out: one that matters shows in what follows.
"""

from __future__ import annotations

from pathlib import Path

from peerd.laboratory.simulation.node import Node
from peerd.laboratory.simulation.story import AGREEMENTS, Story
from peerd.laboratory.simulation.swarm import FOUR, swarm
from protocols.record.effects import Effect, Send
from protocols.wire.frames import decode_frame
from protocols.wire.payloads import Topic
from protocols.wire.statement import decode_statement

GOLDEN = Path(__file__).parent / "golden" / "round.txt"
MESSAGE_MS = 10


class GoldenRound:
    """``kinds``: what messages there are, in the order in which each was first sent."""

    def __init__(self) -> None:
        self._world = swarm(FOUR, 1, slowest=1)
        self._world.delay = lambda sender, to, data: MESSAGE_MS
        self._kinds: dict[str, None] = {}
        self._story = Story(self._world)
        self._told = self._world.before
        self._world.before = self._before
        self._world.run()

    def _before(self, node: Node, effect: Effect) -> None:
        self._told(node, effect)
        if isinstance(effect, Send):
            self._kinds[kind_of(effect.frame, self._world.setting.group)] = None

    @property
    def text(self) -> str:
        return "\n".join([*self._story.lines, ""])

    @property
    def kinds(self) -> list[str]:
        return list(self._kinds)


def kind_of(data: bytes, group: bytes) -> str:
    """As docs/protocol.md names it: a statement's kind, else the frame; with the topic, if any."""
    frame = decode_frame(data)
    name = type(frame).__name__
    wire = getattr(frame, "statement", None) or getattr(frame, "header", None)
    votes = getattr(frame, "votes", None)
    if wire is None and not votes:
        return name
    slot = decode_statement(wire or votes[0], group).slot
    if wire is not None:
        name = slot.kind.name
    return f"{name} {Topic(slot.subject).name}" if slot.kind.name in AGREEMENTS else name


if __name__ == "__main__":
    GOLDEN.write_text(GoldenRound().text, encoding="utf-8")
