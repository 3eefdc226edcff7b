"""89: a liar shows its false asks only in its proposal, just before its view ends (§5)."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from peerd.laboratory.adversaries.leaders import LateAsker
from peerd.laboratory.adversaries.liar import Lie
from peerd.laboratory.adversaries.place import Woken
from peerd.laboratory.simulation.node import Node
from peerd.laboratory.simulation.violation import Violation
from peerd.laboratory.simulation.world import World
from protocols.plan import CommitteePlan
from protocols.record.cohort import Findings
from protocols.record.effects import Effect, Timer
from protocols.record.timers import ViewOver
from protocols.wire.frames import StatementFrame, decode_frame
from protocols.wire.payloads import Kind, Topic
from protocols.wire.statement import decode_statement
from tests.mutation.planting import planted
from tests.simulation.oracle import check_safety
from tests.simulation.swarm import FOUR, swarm

SIX = CommitteePlan(committee=6, threshold=1, packing=1, absent=1)
DRAWN = CommitteePlan(committee=5, threshold=1, packing=1, absent=0)
LIAR = 2
SLOWEST = 800
DELIVERED = (Kind.DELIVERY, Kind.ATTESTATION, Kind.ANSWER)


class Punctual(LateAsker):
    """It is told when an honest member's view is about to end."""

    def reported(self) -> None:
        pass


def wake(timer: Timer, session: Any) -> Any:
    return session.on_timer(timer)


def tell_the_time(world: World) -> None:
    told: set[tuple[int, int]] = set()
    before = world.before

    def listening(node: Node, effect: Effect) -> None:
        before(node, effect)
        if not node.honest or not isinstance(effect, Timer) or effect.place in told:
            return
        event = effect.event
        if isinstance(event, ViewOver) and (event.topic, event.view) == (Topic.COHORT, 0):
            told.add(effect.place)
            woken = Timer(effect.place, Woken(), 0)
            world.at(world.nodes[LIAR], effect.delay - 2, partial(wake, woken))

    world.before = listening


def hold_up(world: World) -> None:
    """The liar is quick, and what answers an ask takes as long as it may."""

    def delay(sender: int, to: int, data: bytes) -> int | None:
        if sender == LIAR:
            return 1
        frame = decode_frame(data)
        if not isinstance(frame, StatementFrame):
            return None
        said = decode_statement(frame.statement, world.setting.group)
        return SLOWEST if said.kind in DELIVERED else None

    world.delay = delay


def left_out(plan: CommitteePlan, seed: int, *, peers: int | None = None, rounds: int = 1) -> int:
    """In how many rounds an honest dealer is not in the cohort."""
    lies = {LIAR: Lie(Punctual)}
    world = swarm(
        plan, 1, seed=seed, slowest=SLOWEST, lies=lies, peers=peers, rounds=rounds, traced=False
    )
    hold_up(world)
    tell_the_time(world)
    world.run(until=900_000 * rounds)
    check_safety(world, unknown_inputs=(LIAR,))
    honest = {node.index for node in world.nodes if node.honest}
    for index in honest:
        assert len(world.nodes[index].completed) == rounds, "no group stops"
    records = world.nodes[min(honest)].completed.values()
    return sum(not honest <= set(record.dealers) for record in records)


def every_report(findings: Findings, threshold: int) -> set[bytes]:
    return {report.hash for report in findings.reports.values()}


def with_the_hole(seed: int) -> bool:
    """As if every report counted that a proposal shows: whether somebody is left out."""
    with planted("protocols.record.cohort:Findings.named", lambda sound: every_report):
        try:
            return left_out(FOUR, seed) > 0
        except Violation as found:
            return found.rule == "left-out"


@pytest.mark.parametrize("seed", range(16))
def test_nobody_is_left_out_of_four(seed: int) -> None:
    assert left_out(FOUR, seed) == 0


@pytest.mark.parametrize("seed", range(8))
def test_nor_where_one_may_be_away(seed: int) -> None:
    assert left_out(SIX, seed) == 0


@pytest.mark.parametrize("seed", range(4))
def test_nor_of_a_drawn_committee(seed: int) -> None:
    assert left_out(DRAWN, seed, peers=7, rounds=3) == 0


def test_a_rule_that_counts_every_report_leaves_honest_dealers_out() -> None:
    """The control: the adversary does what it is for."""
    assert sum(with_the_hole(seed) for seed in range(16)) >= 3
