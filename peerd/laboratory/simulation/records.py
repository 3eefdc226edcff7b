"""What a simulated peer takes from the records of others: opened polynomials, and certificates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peerd.laboratory.simulation.agenda import Act
from peerd.laboratory.simulation.node import Node
from protocols.errors import ProtocolError, WireError
from protocols.record.certificate import CertifiedRound, verify_certificate
from protocols.record.effects import Completed, Step
from protocols.record.position import Position, check_chain
from protocols.record.setting import Setting
from protocols.session.events import Peer
from protocols.session.standing import after, remembers, sat_out, sat_out_key, suspected_until

if TYPE_CHECKING:
    from peerd.laboratory.simulation.world import World

ANSWER, AGAIN, CHAIN = 20, 50, 30
"""Milliseconds until an answer is there, until one asks again, and for a chain of certificates."""


def fetch(world: World, node: Node, round_: int, peers: tuple[int, ...]) -> None:
    """The polynomials of a round from whoever of ``peers`` has them; asks until somebody does."""
    for peer in peers:
        record = world.nodes[peer].completed.get(round_)
        if record is not None and world.linked(node, world.nodes[peer]):
            world.at(node, ANSWER, _on_polynomials(round_, record.polynomials))
            return

    def again(session: Peer) -> list[Step]:
        if session.position.round == round_:
            fetch(world, node, round_, peers)
        return []

    world.at(node, AGAIN, again)


def catch_up(world: World, node: Node, peer: Node) -> None:
    """Certificates of the rounds that this peer lacks, from one that says it has them."""
    if world.linked(node, peer):
        world.at(node, CHAIN, lambda session: _adopt(world.setting, session, node, peer))


def _adopt(setting: Setting, session: Peer, node: Node, peer: Node) -> list[Step]:
    chain, records = chain_from(setting, peer, session.position.round)
    if not chain:
        return []
    try:
        effects = session.adopt(chain, records[-1].model)
    except ProtocolError:
        return []
    node.completed.update({record.round: record for record in records})
    node.position = session.position
    return effects


def survey(world: World, node: Node, position: Position) -> tuple[Position, int]:
    """Where the group stands, by what those that are connected can prove, the furthest first; and
    the last one in which it may have signed what it forgot. Its disk is brought there.
    """
    start, remembered = position.round, remembers(node.journal.get(position.round, {}))
    others = [peer for peer in world.nodes if peer is not node and peer.up and not peer.silent]
    others = [peer for peer in others if world.linked(node, peer)]
    for peer in sorted(others, key=lambda peer: -max(peer.completed, default=-1)):
        chain, records = chain_from(world.setting, peer, position.round)
        if chain and not check_chain(position, chain, records[-1].model):
            last = sat_out(node.journal.get(position.round, {}))
            position = after(position, chain, records[-1].model)
            if last >= position.round:
                node.journal.setdefault(position.round, {})[sat_out_key(last)] = b""
            for record in records:
                node.completed[record.round] = record
                node.journal.pop(record.round, None)
    return position, suspected_until(start, position.round, remembered)


def chain_from(
    setting: Setting, peer: Node, round_: int
) -> tuple[list[CertifiedRound], list[Completed]]:
    """One certificate after another, each naming the one before, as the runner asks for them.

    Empty if one of them is not valid.
    """
    chain: list[CertifiedRound] = []
    records: list[Completed] = []
    while round_ + len(chain) in peer.completed:
        records.append(peer.completed[round_ + len(chain)])
        try:
            chain.append(verify_certificate(setting, records[-1].certificate))
        except WireError:
            return [], []
    return chain, records


def _on_polynomials(round_: int, data: bytes) -> Act:
    return lambda session: session.on_polynomials(round_, data)
