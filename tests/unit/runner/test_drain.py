"""A drain in a simulated group, at any moment: the attempt in progress ends, and none begins."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from peerd.laboratory.simulation.swarm import FOUR, swarm
from peerd.laboratory.simulation.world import World
from peerd.phases import IDLE
from peerd.runner.operators.drain import Drain, flushed
from protocols.record.effects import Adopted, Completed, Effect, Phase, Step
from tests.patience import HANG

ROUNDS = 4
AWAY = 3_000  # virtual milliseconds


class Leaving:
    """Peer 0 of a simulated group, driven as the runner drives it: it drains at ``at`` virtual
    milliseconds, ends as a daemon does, and comes back.
    """

    def __init__(self, world: World, at: int) -> None:
        self.world, self.node = world, world.nodes[0]
        self.drain = Drain()
        self.carried: list[Effect] = []
        self.phase = ""
        self.place = (0, 0)
        self.asked_in: tuple[int, int] | None = None
        self.left = False
        self._carry_out = world._carry_out
        world._carry_out = self.carry_out  # type: ignore[method-assign]
        world.happen(at, self.ask)

    def ask(self) -> None:
        self.asked_in = self.place if self.phase not in IDLE | {""} else (-1, -1)
        self.drain.ask()
        if not self.drain.takes:
            self.leave()

    def leave(self) -> None:
        self.left = True
        self.world.crash(self.node)
        self.world.happen(self.world.now + AWAY, lambda: self.world.boot(self.node))

    def carry_out(self, node: Any, steps: list[Step]) -> None:
        if node is not self.node or self.left:
            self._carry_out(node, steps)
            return
        admitted = self.drain.admit(steps)
        for effect in (each for step in admitted for each in step):
            if isinstance(effect, Phase) and effect.round >= self.place[0]:
                self.place, self.phase = (effect.round, effect.attempt), effect.name
            if self.asked_in is not None:
                self.carried.append(effect)
        self._carry_out(node, admitted)
        if not self.drain.takes:
            self.leave()


@pytest.mark.parametrize("at", range(1, 4_000, 90))
def test_it_leaves_between_attempts_and_nobody_is_worse_off(at: int) -> None:
    world = swarm(FOUR, 1, rounds=ROUNDS, seed=at)
    peer = Leaving(world, at)
    world.run()
    if peer.asked_in is None:  # all rounds were over by then
        return
    assert peer.left
    told = [each for each in peer.carried if isinstance(each, Phase)]
    here = [(each.round, each.attempt) for each in told if each.name not in IDLE]
    assert set(here) <= {peer.asked_in}
    completed = [each.round for each in peer.carried if isinstance(each, Completed)]
    assert set(completed) <= {peer.asked_in[0]}
    for node in world.nodes:
        assert sorted(node.completed) == list(range(ROUNDS))
        assert node.blamed == []
        assert len({record.model_hash for record in node.completed.values()}) == ROUNDS


def test_most_leave_with_their_round_completed() -> None:
    """Not only by giving up: nothing was in the way of those rounds."""
    ended = []
    for at in range(300, 1_500, 200):
        world = swarm(FOUR, 1, rounds=ROUNDS, seed=at)
        peer = Leaving(world, at)
        world.run()
        assert peer.asked_in is not None and peer.asked_in[0] >= 0
        ended.append(any(isinstance(each, Completed) for each in peer.carried))
    assert all(ended)


def test_rounds_that_others_made_end_it_and_nothing_is_said_of_the_next() -> None:
    world = swarm(FOUR, 1, rounds=ROUNDS)
    peer = Leaving(world, 20)
    world.drop = lambda sender, to, data: to == 0 and not peer.left and world.now < 2_500
    world.run()
    assert peer.left
    assert all(sorted(node.completed) == list(range(ROUNDS)) for node in world.nodes)
    ends = [i for i, each in enumerate(peer.carried) if isinstance(each, Adopted | Completed)]
    if ends and isinstance(peer.carried[ends[0]], Adopted):
        rest = peer.carried[ends[0] + 1 :]
        assert not [each for each in rest if type(each).__name__ in ("Send", "Train", "Timer")]


def test_who_is_in_no_attempt_has_nothing_to_end() -> None:
    drain = Drain()
    drain.ask()
    drain.tell()
    assert drain.ended.is_set() and not drain.takes
    assert drain.admit([Step(notices=(Phase(0, 0, "collecting commitments"),))]) == []


def test_what_is_said_is_waited_for_but_not_of_those_that_are_away() -> None:
    class Links:
        def __init__(self) -> None:
            self.looks = 0

        def links(self) -> list[Any]:
            self.looks += 1
            queued = max(0, 3 - self.looks)
            return [_Link(True, queued), _Link(False, 99)]

    async def main() -> int:
        transport = Links()
        with trio.fail_after(HANG):
            await flushed(transport)  # type: ignore[arg-type]
        return transport.looks

    assert trio.run(main) == 3


class _Link:
    def __init__(self, connected: bool, queued: int) -> None:
        self.connected, self.queued_bytes = connected, queued
