"""The round machine against a member that sends anything, at every stage of a round.

``step``: any frame at any stage; nothing but effects may come out. ``play``: a whole round in which
the hostile member lies as the script says; the other three must end it with one model and without
an honest peer blamed.
"""

from __future__ import annotations

from functools import cache

from fuzz_scene import HOSTILE, PEERS, distinct, scene, world
from fuzz_trees import Script, expand, lie, trees_of

from peerd.laboratory.simulation.world import Node, World
from protocols.record.effects import Effect
from protocols.session.session import Session
from protocols.wire.canonical import unpack

STAGES = (1, 120, 200, 400, 540, 620, 700, 900, 1030, 1150, 1210, 1300, 1450, 1570, 1700, 1841)
"""Virtual milliseconds into the recorded round, a few in every phase."""
STEPS_PER_LIFE = 64
"""Frames that one session is fed before a fresh one takes its place."""
MAX_EFFECTS = 512
"""What one frame can cause; the largest honest number, in a resend, is below 100."""
MAX_INJECTED = 24


class Bench:
    """Sessions in mid-round, one for each stage, replaced when they have been fed enough."""

    def __init__(self) -> None:
        self.sessions: dict[int, Session] = {}
        self.fed: dict[int, list[tuple[int, bytes]]] = {}

    def feed(self, stage: int, sender: int, data: bytes) -> None:
        if stage not in self.sessions or len(self.fed[stage]) >= STEPS_PER_LIFE:
            self.sessions[stage], self.fed[stage] = session_at(STAGES[stage]), []
        self.fed[stage].append((sender, data))
        try:
            steps = self.sessions[stage].on_message(sender, data)
            assert sum(1 for step in steps for _ in step) <= MAX_EFFECTS
        except Exception as error:
            story = [(who, what.hex()) for who, what in self.fed.pop(stage)]
            del self.sessions[stage]
            error.add_note(f"stage {stage}, frames {story}")
            raise


def session_at(moment: int) -> Session:
    """Peer 0's session in a round that goes as it should, at this virtual time."""
    swarm = world()
    swarm.run(until=moment)
    session = swarm.nodes[0].session
    assert session is not None
    return session


_BENCH = Bench()


def raw(data: bytes) -> None:
    """One frame as it comes, from the hostile member; the first byte says at which stage."""
    if data:
        _BENCH.feed(data[0] % len(STAGES), HOSTILE, data[1:])


@cache
def _trees() -> list[object]:
    return trees_of(distinct(scene().frames) + distinct(scene().relayed))


def step(data: bytes) -> None:
    """One frame made of real ones and signed again."""
    script = Script(data)
    stage = script.below(len(STAGES))
    message = lie(script, _trees())
    if message is not None:
        _BENCH.feed(stage, HOSTILE, message)


def play(data: bytes) -> None:
    """One round with MAX_INJECTED lies at most. Everything that is not the hostile member's own
    comes from this very round: what honest peers said in another one would prove them guilty."""
    script = Script(data)
    swarm = world()
    swarm.nodes[HOSTILE].honest = False
    said: list[bytes] = []
    made: list[object] = []

    def note(sender: int, to: int, frame: bytes) -> bool:
        if frame not in said:
            said.append(frame)
        return silence > 0 and sender == HOSTILE and len(said) % silence == 0

    def inject() -> None:
        made.extend(expand(unpack(frame)) for frame in said[len(made) :])
        message = lie(script, made) if made else None
        if message is not None:
            to = swarm.nodes[script.below(PEERS - 1)]
            swarm.at(to, 0, lambda session: session.on_message(HOSTILE, message))

    silence = script.below(4)
    swarm.drop = note
    at = 0
    for _ in range(min(MAX_INJECTED, len(data) // 6)):
        at += script.below(256)
        swarm.happen(at, inject)
    swarm.before = _bounded
    swarm.run(until=120_000)
    _judge(swarm)


def _bounded(node: Node, effect: Effect) -> None:
    begun = node.session is not None and node.session.rounds.current.attempt is not None
    assert not begun or len(node.dropped) < 10_000


def _judge(swarm: World) -> None:
    honest = [node for node in swarm.nodes if node.honest]
    for node in honest:
        assert {blame.peer for blame in node.blamed} <= {HOSTILE}, "an honest peer is blamed"
        assert 0 in node.completed, f"peer {node.index} did not complete the round"
    assert len({node.completed[0].model_hash for node in honest}) == 1
    for node in honest:
        assert {0, 1, 2} <= set(node.completed[0].dealers), "an honest dealer is left out"
