"""A cut between the decision and the sums that outlasts every deadline, and then heals (row 37)."""

from __future__ import annotations

import pytest

from peerd.laboratory.simulation.node import Node
from protocols.plan import CommitteePlan
from protocols.record.effects import Effect, Send, Stop
from protocols.wire.frames import SumFrame, decode_frame
from tests.simulation.oracle import Watch, check
from tests.simulation.swarm import EIGHT, NINE, swarm


@pytest.mark.parametrize("away", [20_000, 60_000, 300_000])
@pytest.mark.parametrize(("plan", "liars"), [(EIGHT, 2), (NINE, 2)])
def test_members_call_for_help_and_go_on_by_themselves_once_it_heals(
    plan: CommitteePlan, liars: int, away: int
) -> None:
    world = swarm(plan, liars, seed=6, rounds=2)
    half = plan.committee // 2
    links = [
        link
        for one in range(half)
        for other in range(half, plan.committee)
        for link in ((one, other), (other, one))
    ]
    cut: list[int] = []

    def before(node: Node, effect: Effect) -> None:
        if (
            not cut
            and isinstance(effect, Send)
            and isinstance(decode_frame(effect.frame), SumFrame)
        ):
            cut.append(node.index)
            world.cut(links)
            world.happen(world.now + away, lambda: world.heal(links))

    world.before = before
    Watch(world)
    world.run(until=2_000_000)
    assert cut
    check(world, guilty=())
    stopped = [node for node in world.nodes if node.stopped]
    assert {item.reason for node in stopped for item in node.stopped} <= {Stop.QUORUM}
    if away >= 60_000:
        assert stopped, "this test is about members that had given up hope"
    for node in world.nodes:
        assert sorted(node.completed) == [0, 1]
