"""Two statements in one signed slot, whatever the slot's kind (fault 21): everybody proves it."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from peerd.laboratory.adversaries import ALL
from peerd.laboratory.adversaries.liar import Lie
from peerd.laboratory.adversaries.lies import LIES
from peerd.laboratory.simulation.node import Node
from peerd.laboratory.simulation.world import World
from protocols.aggregation import aggregator
from protocols.election.flip import Draw
from protocols.record.effects import Effect, Send
from protocols.record.votes import outcome_hash
from protocols.secret import Secret
from protocols.session.events import Order
from protocols.version import EARLIEST, LATEST
from protocols.wire.frames import (
    DealingFrame,
    ProposalFrame,
    SeenFrame,
    SumFrame,
    decode_frame,
    encode_frame,
)
from protocols.wire.payloads import Ballot, Kind, Topic
from protocols.wire.statement import Statement, decode_statement, sign
from tests.simulation.oracle import Watch, check
from tests.simulation.swarm import EIGHT, swarm

TWO_FACED = 6
LATE = 400_000
"""Virtual milliseconds by which a group without sums has stopped."""
BESIDE: dict[Kind, tuple[int, Lie]] = {
    Kind.COMPLAINT: (5, LIES["bad-share"]),
    Kind.ANSWER: (5, ALL["Withholder"]),
    Kind.DISCLOSURE: (5, ALL["GarbageDeliverer"]),
    Kind.DELIVERY: (TWO_FACED, ALL["Withholder"]),
    Kind.ATTESTATION: (4, ALL["Withholder"]),
}
"""Who else lies, and how, where honest peers give no reason for a statement of this kind."""
SEEDS = {Kind.COMPLAINT: 6, Kind.PROPOSAL: 2}
"""Where the peer has the last seat, and where it leads."""


def contradicting(payload: Any) -> Any:
    """The same with another hash in it, or with one entry fewer."""
    for field in reversed(fields(payload)):
        value = getattr(payload, field.name)
        if isinstance(value, bytes) and len(value) == 32:
            return replace(payload, **{field.name: bytes([value[0] ^ 1]) + value[1:]})
        if isinstance(value, tuple) and value:
            return replace(payload, **{field.name: value[1:]})
    field = fields(payload)[-1]
    return replace(payload, **{field.name: getattr(payload, field.name) + b"\0"})


class TwoFaced:
    """Whatever of one kind the peer signs and sends, it says once more, and otherwise."""

    def __init__(self, world: World, kind: Kind) -> None:
        self.world, self.kind = world, kind
        self.said: set[bytes] = set()
        self.round_keys: dict[tuple[int, int], Secret] = {}
        before, draw = world.before, world._secret

        def drawing(node: Node, round_: int, key: str) -> Secret:
            secret = draw(node, round_, key)
            if node.index == TWO_FACED and key.startswith("secret/"):
                self.round_keys[round_, int(key.split("/")[1])] = Draw.of(secret).round_secret
            return secret

        def listening(node: Node, effect: Effect) -> None:
            before(node, effect)
            if node.index == TWO_FACED and isinstance(effect, Send):
                self.contradict(node, effect)

        world.before = listening
        world._secret = drawing  # type: ignore[method-assign]

    def contradict(self, node: Node, effect: Send) -> None:
        frame = decode_frame(effect.frame)
        where = "header" if isinstance(frame, DealingFrame) else "statement"
        wire = getattr(frame, where, None)
        if wire is None:
            return
        statement = decode_statement(wire, self.world.setting.group)
        if (statement.signer, statement.kind) != (TWO_FACED, self.kind):
            return
        payload = contradicting(statement.payload)
        more: dict[str, Any] = {}
        if isinstance(frame, ProposalFrame):
            payload = Ballot(outcome_hash(Topic(statement.slot.subject), b"another"))
            more = {"outcome": b"another"}
        if isinstance(frame, SeenFrame):
            listed = [decode_statement(item, self.world.setting.group) for item in frame.statements]
            more = {
                "statements": tuple(item.wire for item in listed if item.hash in payload.statements)
            }
        other = self.otherwise(node, statement, payload)
        self.said.add(other.body)
        sent = encode_frame(replace(frame, **{where: other.wire}, **more))
        for to in effect.peers:
            self.world._deliver(node, self.world.nodes[to], sent)

    def otherwise(self, node: Node, statement: Statement, payload: Any) -> Statement:
        slot = statement.slot
        mine = self.round_keys[slot.round, slot.attempt]
        secret = node.secret if slot.by_identity else mine
        return sign(
            self.world.setting.crypto,
            secret.reveal(),
            self.world.setting.group,
            slot,
            payload,
        )


def silence_the_first_leaders(world: World) -> None:
    """Nothing that is proposed in a view 0 arrives, so that all go on to the next."""

    def lost(sender: int, to: int, data: bytes) -> bool:
        frame = decode_frame(data)
        if not isinstance(frame, ProposalFrame):
            return False
        return decode_statement(frame.statement, world.setting.group).slot.view == 0

    world.drop = lost


def have_the_cohort_given_up(world: World) -> None:
    """No sum of round 0 arrives, so that the group stops; then all operators give it up."""

    def lost(sender: int, to: int, data: bytes) -> bool:
        frame = decode_frame(data)
        if not isinstance(frame, SumFrame):
            return False
        return decode_statement(frame.statement, world.setting.group).slot.round == 0

    def order() -> None:
        for node in world.nodes:
            stop = node.stopped[-1]
            word = Order(stop.round, stop.attempt, stop.cohort)
            world.at(node, 0, lambda peer, word=word: peer.on_order(word))

    world.drop = lost
    world.happen(LATE, order)


CONVICTING = [kind for kind in Kind if kind is not Kind.APPROVE]
"""An operator may want several things: two approvals prove nothing (test_resolutions.py)."""


@pytest.mark.parametrize("kind", CONVICTING, ids=lambda kind: kind.name)
def test_two_statements_of_any_kind_convict(kind: Kind) -> None:
    other, lie = BESIDE.get(kind, (TWO_FACED, Lie()))
    lies = {TWO_FACED: Lie(), other: lie}
    seed = SEEDS.get(kind, 7)
    version = EARLIEST if kind is Kind.REVEAL else LATEST  # later ones reveal where they draw
    sizes = {"rounds": 3, "parameters": 3, "version": version}
    rule = aggregator("dp-sgd" if kind is Kind.COIN else "rsa", {})
    world = swarm(EIGHT, 2, seed=seed, lies=lies, traced=False, rule=rule, **sizes)
    if kind is Kind.NEW_VIEW:
        silence_the_first_leaders(world)
    if kind is Kind.ABANDON:
        have_the_cohort_given_up(world)
    two_faced = TwoFaced(world, kind)
    Watch(world)
    world.run(until=600_000)
    assert two_faced.said, "it had nothing to say"
    check(world, unknown_inputs=lies)
    for node in world.nodes:
        if node.honest:
            assert TWO_FACED in {blame.peer for blame in node.blamed}
