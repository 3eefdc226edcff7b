"""A run as people read it: one line for everything that a peer does, messages taken apart."""

from __future__ import annotations

from peerd.laboratory.simulation.history import line_of
from peerd.laboratory.simulation.node import Node
from peerd.laboratory.simulation.world import World
from protocols.errors import WireError
from protocols.record.effects import Ask, Effect, Erase, Phase, Send, Timer
from protocols.wire.frames import (
    AwayFrame,
    CertificateFrame,
    DecisionFrame,
    EvidenceFrame,
    Frame,
    HaveFrame,
    HelloFrame,
    ReadyFrame,
    RecalledFrame,
    RecallFrame,
    decode_frame,
)
from protocols.wire.payloads import Topic
from protocols.wire.statement import Statement, decode_statement

AGREEMENTS = frozenset({"PROPOSAL", "FIRST_VOTE", "SECOND_VOTE", "NEW_VIEW", "SEEN"})


class Story:
    """Keeps what happens in a world, line by line; set up before the run."""

    def __init__(self, world: World) -> None:
        self.lines: list[str] = []
        self._world = world
        before = world.before

        def telling(node: Node, effect: Effect) -> None:
            if not isinstance(effect, Timer):
                self.lines.append(self._line(node, effect))
            before(node, effect)

        world.before = telling

    def _line(self, node: Node, effect: Effect) -> str:
        what = self._message(effect) if isinstance(effect, Send) else _deed(effect)
        mark = "" if node.honest else "*"
        return f"{self._world.now:>8} ms  peer {node.index}{mark:1}  {what}"

    def _message(self, effect: Send) -> str:
        to = ",".join(map(str, effect.peers))
        try:
            return f"{self._frame(decode_frame(effect.frame))} to {to}"
        except WireError as error:
            return f"rubbish ({error}) to {to}"

    def _frame(self, frame: Frame) -> str:
        if isinstance(frame, HelloFrame):
            return f"hello, at {frame.round}.{frame.attempt}"
        if isinstance(frame, RecallFrame):
            return f"asks what it signed from round {frame.round} on"
        if isinstance(frame, RecalledFrame):
            return f"knows {len(frame.statements)} statements of the one that asked"
        if isinstance(frame, ReadyFrame):
            return f"is ready for round {frame.round}"
        if isinstance(frame, AwayFrame):
            return f"is {'away' if frame.away else 'back'} from round {frame.round} on"
        if isinstance(frame, HaveFrame):
            return f"holds {len(frame.hashes)} pieces of evidence"
        if isinstance(frame, EvidenceFrame | CertificateFrame):
            return type(frame).__name__.removesuffix("Frame").lower()
        wire = getattr(frame, "statement", None) or getattr(frame, "header", None)
        if isinstance(frame, DecisionFrame):
            wire = frame.votes[0]
        if wire is None:
            return type(frame).__name__
        statement = decode_statement(wire, self._world.setting.group)
        said = _statement(statement)
        return f"decision by {said}" if isinstance(frame, DecisionFrame) else said


def _deed(effect: Effect) -> str:
    match effect:
        case Phase():
            return f"is {effect.name}"
        case Ask():
            return f"asks peer {effect.peer} for a {effect.record}, round {effect.round}"
        case Erase(_, keys):
            return f"erases {', '.join(keys)}" if keys else "erases the round's journal"
        case _:
            return line_of(effect)


def _statement(statement: Statement) -> str:
    slot = statement.slot
    name = slot.kind.name
    about = f" {Topic(slot.subject).name} view {slot.view}" if name in AGREEMENTS else ""
    if name in ("COMPLAINT", "DELIVERY", "ATTESTATION", "ANSWER", "DISCLOSURE"):
        about = f" on {slot.subject}"
    said = f"{name}{about} of peer {slot.signer} in {slot.round}.{slot.attempt}"
    return f"{said} #{statement.hash.hex()[:6]}"
