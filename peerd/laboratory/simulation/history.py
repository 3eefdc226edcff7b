"""What every peer did, and when: as one digest, and as lines where somebody wants to read them."""

from __future__ import annotations

from hashlib import sha256

from peerd.laboratory.simulation.node import Node
from protocols.hashing import digest
from protocols.record.effects import Completed, Effect, Persist, Send, Train


class History:
    """``lines`` stays empty unless ``traced``. What the digest is of is kept as it came: nearly
    nobody asks.
    """

    def __init__(self, traced: bool) -> None:
        self.lines: list[str] = []
        self._traced = traced
        self._noted: list[tuple[int, int, int, Effect]] = []

    @property
    def digest(self) -> str:
        found = sha256()
        for now, index, lives, effect in self._noted:
            found.update(b"%d %d %d " % (now, index, lives) + _bytes_of(effect))
        return found.hexdigest()

    def note(self, now: int, node: Node, effect: Effect) -> None:
        if self._traced:
            self.lines.append(f"{now} {node.index} {line_of(effect)}")
        self._noted.append((now, node.index, node.lives, effect))


def _bytes_of(effect: Effect) -> bytes:
    match effect:
        case Send(peers, frame):
            return bytes(peers) + frame
        case Persist(_, key, value):
            return key.encode() + value
        case Train() | Completed():
            return line_of(effect).encode()
        case _:
            return repr(effect).encode()


def line_of(effect: Effect) -> str:
    """What a peer did, for people and for comparison."""
    match effect:
        case Send(peers, frame):
            return f"send {peers} {digest('trace', frame).hex()[:12]}"
        case Persist(_, key, value):
            return f"persist {key} {digest('trace', value).hex()[:12]}"
        case Completed():
            return f"completed {effect.round} {effect.model_hash.hex()[:12]}"
        case Train(round_, _):
            return f"train {round_}"
        case _:
            return repr(effect)
