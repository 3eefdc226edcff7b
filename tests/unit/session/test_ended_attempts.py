"""Attempts that ended without a result: what is kept of them, what is not, and who goes on when."""

from __future__ import annotations

from dataclasses import replace

import pytest

from peerd.laboratory.adversaries import ALL
from peerd.laboratory.simulation.node import Node
from peerd.laboratory.simulation.world import World
from protocols.errors import WireError
from protocols.record.door import slot_of
from protocols.record.effects import Abort, Effect, Persist, Send
from protocols.record.position import first_position
from protocols.secret import Secret
from protocols.session.ending import Ending, ending_key
from protocols.session.local import LocalPeer
from protocols.session.session import Session
from protocols.version import EARLIEST
from protocols.wire.canonical import pack
from protocols.wire.frames import DecisionFrame, HelloFrame, decode_frame, encode_frame
from protocols.wire.payloads import Kind
from protocols.wire.statement import decode_statement
from tests.simulation.swarm import FOUR, swarm

ENDED = Ending(Abort.FLIP, (1, 3), (DecisionFrame(b"an election", (b"a vote",)),))


def test_a_record_is_read_as_it_was_written() -> None:
    assert Ending.decode(ENDED.encode()) == ENDED
    (flip,) = ENDED.void(7, 2)
    assert flip.place == (7, 2)
    assert (flip.outcome, flip.votes) == (b"an election", (b"a vote",))
    assert replace(ENDED, reason=Abort.COHORT).void(7, 2) == []


@pytest.mark.parametrize(
    "record",
    [
        b"",
        pack([b"flip", [], []]),
        pack([b"flip", [], [encode_frame(HelloFrame(0, 0))]]),
        pack([b"flip", [5000], [encode_frame(ENDED.frames[0])]]),
        pack([b"flip", [], [encode_frame(ENDED.frames[0])] * 3]),
    ],
    ids=["nothing", "no decision", "no decision's frame", "no such peer", "too many"],
)
def test_what_is_no_record(record: bytes) -> None:
    with pytest.raises(WireError):
        Ending.decode(record)


def spoiled() -> World:
    """Peer 3 commits and does not reveal: the first attempt's flip is void."""
    lies = {3: ALL["SilentRevealer"]}
    return swarm(FOUR, 1, seed=3, lies=lies, traced=False, parameters=3, version=EARLIEST)


def at_second_commit(world: World, act: object) -> None:
    """Call ``act(node)`` when peer 0 is about to send its COMMIT of the second attempt."""
    before, done = world.before, []

    def watch(node: Node, effect: Effect) -> None:
        if node.index == 0 and isinstance(effect, Send) and not done:
            frame = decode_frame(effect.frame)
            wire = getattr(frame, "statement", None)
            slot = None if wire is None else decode_statement(wire, world.setting.group).slot
            if slot is not None and slot.kind is Kind.COMMIT and slot.attempt == 1:
                done.append(True)
                act(node)  # type: ignore[operator]
        before(node, effect)

    world.before = watch


def test_the_journal_keeps_an_end_in_the_place_of_the_attempt_s_secrets() -> None:
    world, seen = spoiled(), []
    at_second_commit(world, lambda node: seen.append(dict(node.journal[0])))
    world.run()
    (journal,) = seen
    assert "secret/0" not in journal
    assert "deal/0" not in journal
    assert "secret/1" in journal
    assert Ending.decode(journal[ending_key(0)]).silent == (3,)


def test_the_end_is_durable_before_the_secrets_are_erased() -> None:
    """Else a crash between the two would bring the peer back into an attempt without its keys."""
    world, order = spoiled(), []
    before = world.before

    def watch(node: Node, effect: Effect) -> None:
        if node.index == 0:
            if isinstance(effect, Persist) and effect.key == ending_key(0):
                order.append("ended")
            if "secret/0" in (getattr(effect, "keys", None) or ()):
                order.append("erased")
        before(node, effect)

    world.before = watch
    world.run()
    assert order == ["ended", "erased"]


def test_a_peer_that_restarts_goes_on_behind_what_it_saw_end() -> None:
    """All at once, even: nobody is left who could tell, and the keys are erased."""
    world, said = spoiled(), []

    def outage(node: Node) -> None:
        for turn, other in enumerate(world.nodes):
            world.happen(5, lambda other=other: world.crash(other))  # type: ignore[misc]
            world.happen(500 + turn, lambda other=other: world.boot(other))  # type: ignore[misc]

    at_second_commit(world, outage)
    before = world.before

    def watch(node: Node, effect: Effect) -> None:
        if node.index == 0 and node.lives > 1 and isinstance(effect, Send):
            frame = decode_frame(effect.frame)
            wire = getattr(frame, "statement", None)
            if wire is not None:
                said.append(decode_statement(wire, world.setting.group).slot.attempt)
        before(node, effect)

    world.before = watch
    world.run()
    assert said
    assert min(said) == 1
    assert all(sorted(node.completed) == [0] for node in world.nodes if node.honest)
    assert {a.attempt for a in world.nodes[0].aborted} == {0}


def shown_to_hellos(world: World, session: Session) -> dict[int, set[int]]:
    """Of which attempts a hello is shown the end, by the attempt that it says."""
    shown = {}
    for attempt in (0, 1):
        hello = encode_frame(HelloFrame(0, attempt))
        sent = [e for step in session.on_message(3, hello) for e in step.request]
        frames = [decode_frame(effect.frame) for effect in sent]
        decisions = [frame for frame in frames if isinstance(frame, DecisionFrame)]
        slots = [slot_of(world.setting, decision) for decision in decisions]
        shown[attempt] = {slot.attempt for slot in slots if slot is not None}
    return shown


def test_a_hello_is_answered_with_the_ends_of_attempts_that_its_sender_has_not_seen() -> None:
    world, shown = spoiled(), dict[int, set[int]]()

    def ask(node: Node) -> None:
        assert node.session is not None
        assert node.session.place == (0, 1)
        shown.update(shown_to_hellos(world, node.session))

    at_second_commit(world, ask)
    world.run()
    assert shown == {0: {0}, 1: set()}


def test_and_by_one_that_has_restarted_and_not_begun() -> None:
    """The one that asks asks once: who answers nothing leaves it there for good."""
    world, shown = spoiled(), dict[int, set[int]]()

    def ask(node: Node) -> None:
        peer = LocalPeer(world.setting, node.index, node.secret, lambda round_, key: Secret(b""))
        position = first_position(world.setting, world.model)
        shown.update(shown_to_hellos(world, Session(peer, position, node.journal[0])))

    at_second_commit(world, ask)
    world.run()
    assert shown == {0: {0}, 1: set()}
