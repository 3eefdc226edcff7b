"""A cohort is decided and can't be opened: the group says so, once all were asked (docs §6)."""

from __future__ import annotations

from peerd.laboratory.simulation.node import Node
from protocols.record.effects import Effect, Stop, Stopped, Timer
from protocols.record.timers import SumsDue
from protocols.session.phases import Summing
from protocols.wire.frames import StatementFrame, SumFrame, decode_frame
from protocols.wire.payloads import Kind
from protocols.wire.statement import decode_statement
from tests.simulation.swarm import FOUR, group_id, swarm


def is_result(data: bytes) -> bool:
    frame = decode_frame(data)
    return isinstance(frame, StatementFrame) and (
        decode_statement(frame.statement, group_id(6)).kind is Kind.RESULT
    )


def is_of_the_opening(data: bytes) -> bool:
    return is_result(data) or isinstance(decode_frame(data), SumFrame)


def test_too_few_sums_stop_the_group_not_before_the_last_deadline() -> None:
    """Of two of four nothing is heard after the decision, and three sums are needed: one more is
    lost than the plan covers.
    """
    world = swarm(FOUR, 1, seed=6, traced=False, parameters=3)
    world.drop = lambda sender, to, data: sender in (2, 3) and is_of_the_opening(data)
    when: list[tuple[str, int]] = []
    before = world.before

    def watch(node: Node, effect: Effect) -> None:
        if node.index == 0 and isinstance(effect, Timer) and effect.event == SumsDue():
            when.append(("open", world.now))
        if node.index == 0 and isinstance(effect, Stopped):
            when.append((effect.reason, world.now))
        before(node, effect)

    world.before = watch
    world.run(until=300_000)
    deadlines = world.setting.deadlines
    reasons = [name for name, _ in when]
    assert reasons[:2] == ["open", Stop.QUORUM]
    assert when[1][1] - when[0][1] == deadlines.open + deadlines.result
    for node in world.nodes[:2]:
        assert {item.reason for item in node.stopped} == {Stop.QUORUM}
        assert not node.completed


def test_who_has_opened_and_gets_no_certificate_says_so_too() -> None:
    """All sums come, and no result: everyone has the model, and nobody can show that it is one."""
    world = swarm(FOUR, 1, seed=6, traced=False, parameters=3)
    world.drop = lambda sender, to, data: is_result(data)
    world.run(until=300_000)
    for node in world.nodes:
        assert node.session is not None and node.session.rounds.current.attempt is not None
        phase = node.session.rounds.current.attempt.phase
        assert isinstance(phase, Summing) and phase.opening._opened is not None
        assert {item.reason for item in node.stopped} == {Stop.UNCERTIFIED}
        assert not node.completed
