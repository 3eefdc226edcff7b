"""What a simulated peer keeps of rounds that are over, and gives to whoever asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peerd.laboratory.simulation.agenda import Act
from peerd.laboratory.simulation.node import Node
from protocols.record.effects import Adopted, Ask, Completed, Record
from protocols.record.position import first_position
from protocols.session.standing import after
from protocols.wire.canonical import pack

if TYPE_CHECKING:
    from peerd.laboratory.simulation.world import World

ANSWER, TIMEOUT = 20, 20_000
"""Milliseconds until an answer is there; and until one that never comes is given up."""


def answer(world: World, node: Node, ask: Ask) -> None:
    """What the peer that is asked has on its disk now; nothing, where it can't be reached. One that
    is silent lets its asker wait.
    """
    peer = world.nodes[ask.peer]
    reached = peer.up and not peer.silent and world.linked(node, peer)
    data = _record(peer, ask) if reached else b""
    world.at(node, TIMEOUT if peer.silent else ANSWER, _on_answer(ask, data))


def adopt(world: World, node: Node, effect: Adopted) -> None:
    """Its disk has the rounds that others made, as these have them."""
    for certified in effect.rounds:
        records = (peer.completed.get(certified.round) for peer in world.nodes)
        known = (r for r in records if r is not None and r.model_hash == certified.end.model)
        node.completed[certified.round] = next(known)
    before = node.position or first_position(world.setting, world.model)
    node.position = after(before, effect.rounds, effect.model)


def _record(peer: Node, ask: Ask) -> bytes:
    if ask.record is Record.HEAD:
        return pack(max(peer.completed, default=-1))
    completed = peer.completed.get(ask.round)
    return b"" if completed is None else _part(completed, ask.record)


def _part(completed: Completed, record: Record) -> bytes:
    if record is Record.CERTIFICATE:
        return completed.certificate
    if record is Record.MODEL:
        return completed.model.astype("<f4").tobytes()
    return completed.polynomials


def _on_answer(ask: Ask, data: bytes) -> Act:
    return lambda session: session.on_answer(ask, data)
