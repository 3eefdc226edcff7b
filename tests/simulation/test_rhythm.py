"""Rounds that have their time, by clocks that differ (docs/protocol.md §6)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from peerd.group.rhythm import Rhythm
from peerd.laboratory.simulation.node import Node
from peerd.laboratory.simulation.swarm import EIGHT, FOUR, swarm
from peerd.laboratory.simulation.times import EPOCH
from peerd.laboratory.simulation.world import World
from protocols.record.door import open_message
from protocols.record.effects import AwaitTime, Effect, Send
from protocols.wire.frames import ReadyFrame, encode_frame
from protocols.wire.payloads import Kind
from tests.simulation.oracle import check

EVERY = 60
FIRST = 30_000
"""Virtual milliseconds at which a right clock has the time of the first round."""
TWO_DELTA = 2000
ROUND = 10_000
"""Virtual milliseconds that any round takes that nobody holds up."""


class Times:
    """When each peer committed to a round, and came to wait for one."""

    def __init__(self, world: World) -> None:
        self.began: dict[tuple[int, int], int] = {}
        self.waits: dict[tuple[int, int], int] = {}
        self.ready: dict[tuple[int, int], int] = {}
        before = world.before

        def looking(node: Node, effect: Effect) -> None:
            before(node, effect)
            if isinstance(effect, AwaitTime):
                self.waits.setdefault((node.index, effect.round), world.now)
            if isinstance(effect, Send):
                message = open_message(world.setting, node.index, effect.frame)
                if isinstance(message.frame, ReadyFrame):
                    self.ready.setdefault((node.index, message.frame.round), world.now)
                if message.slot is not None and message.slot.kind is Kind.COMMIT:
                    self.began.setdefault((node.index, message.slot.round), world.now)

        world.before = looking

    def of(self, round_: int) -> list[int]:
        return [when for (_, number), when in self.began.items() if number == round_]


def time_of(round_: int) -> int:
    return FIRST + round_ * EVERY * 1000


def timed(
    skews: tuple[int, ...] = (), rounds: int = 3, rhythm: Rhythm = Rhythm(EVERY), seed: int = 1
) -> World:
    plan, liars = (FOUR, 1) if len(skews) <= 4 else (EIGHT, 2)
    world = swarm(plan, liars, rounds=rounds, seed=seed, traced=False)
    world.rhythm = rhythm
    world.setting = replace(world.setting, paced=rhythm.paced, rounds=rhythm.stop_after)
    for node, skew in zip(world.nodes, skews, strict=False):
        node.skew = skew
    return world


SKEWS = [
    (0, 0, 0, 0),
    (20_000, 0, 0, 0),  # alone early
    (0, -25_000, 0, 0),  # alone late
    (5000, -5000, 2000, -20_000),
    (20_000, 0, -20_000, 9000, -9000, 3000, -3000, 500),
    (25_000, 25_000, 0, 0, 0, 0, 0, 0),
]


@pytest.mark.parametrize("skews", SKEWS)
@pytest.mark.parametrize("seed", [1, 2])
def test_all_begin_together_and_each_time_makes_one_round(
    skews: tuple[int, ...], seed: int
) -> None:
    world = timed(skews, seed=seed)
    times = Times(world)
    world.run()
    check(world)
    liars = world.setting.liars
    # by the first clock at the earliest, and by the (b + 1)th at the latest
    early, due = (sorted(-skew for skew in skews)[i] for i in (0, liars))
    for round_ in range(world.rounds):
        began = times.of(round_)
        point = time_of(round_)
        assert max(began) - min(began) <= TWO_DELTA
        assert point + early <= min(began) and max(began) <= point + due + TWO_DELTA
    assert world.now < world.rounds * EVERY * 1000 + due + ROUND


def test_a_clock_that_is_early_alone_signs_nothing_ahead_of_the_others() -> None:
    world = timed((25_000, 0, 0, 0))
    times = Times(world)
    world.run()
    for round_ in range(world.rounds):
        assert times.ready[0, round_] <= time_of(round_) - 24_000
        assert times.began[0, round_] >= time_of(round_)
    check(world)


@pytest.mark.parametrize("further", [0, 1 << 31])
def test_liars_that_are_ready_early_start_nobody(further: int) -> None:
    """b of them, all the time, for this round and for rounds far ahead."""
    world = timed((0,) * 8)
    lying = world.nodes[:2]
    for node in lying:
        node.honest = False
    ready = encode_frame(ReadyFrame(further))

    def lie() -> None:
        for liar in lying:
            for node in world.nodes[2:]:
                world.at(node, 1, lambda peer, liar=liar: peer.on_message(liar.index, ready))

    for at in range(1000, world.rounds * EVERY * 1000, 5000):
        world.happen(at, lie)
    times = Times(world)
    world.run()
    check(world)
    for round_ in range(world.rounds):
        assert min(times.of(round_)) >= time_of(round_)


@pytest.mark.parametrize("silent", [0, 3])
def test_silent_liars_hold_up_no_time(silent: int) -> None:
    world = timed((0, 3000, -3000, 0))
    world.nodes[silent].silent, world.nodes[silent].honest = True, False
    world.run()
    check(world)
    assert world.now < world.rounds * EVERY * 1000 + 3000 + 2 * ROUND


def test_a_peer_that_restarts_while_it_waits_begins_with_the_others() -> None:
    world = timed((0, 0, 0, 0))
    node = world.nodes[1]
    world.happen(20_000, lambda: world.crash(node))
    world.happen(21_000, lambda: world.boot(node))
    world.happen(80_000, lambda: world.crash(node))
    world.happen(91_000, lambda: world.boot(node))
    world.run()
    check(world, away=(1,))
    assert world.now < world.rounds * EVERY * 1000 + ROUND


def test_what_was_said_to_nobody_is_said_again() -> None:
    """Every word of readiness is lost for a while."""
    world = timed((0, 0, 0, 0), rounds=1)
    lost = encode_frame(ReadyFrame(0))
    world.drop = lambda sender, to, data: data == lost and world.now < 75_000
    world.run()
    check(world)
    assert 75_000 < world.now < 75_000 + 3 * world.setting.deadlines.result


def test_times_follow_each_other_where_only_a_date_is_said() -> None:
    world = timed((0, 0, 0, 0), rhythm=Rhythm(stop_at=EPOCH + 3600))
    world.run()
    check(world)
    assert world.now < world.rounds * ROUND


# -- the end -------------------------------------------------------------------------------------


def test_after_so_many_rounds_everybody_has_finished() -> None:
    world = timed((0, 0, 0, 0), rounds=5, rhythm=Rhythm(stop_after=2))
    world.run(until=600_000)
    assert [sorted(node.completed) for node in world.nodes] == [[0, 1]] * 4
    assert all(node.session is not None and node.session.finished for node in world.nodes)


@pytest.mark.parametrize(
    "skews",
    [
        (0, 0, 0, 0),
        (50_000, 50_000, 0, 0),  # two say that it is over before a round that two begin
        (-50_000, 0, 0, 0),  # one alone would go on
        (-50_000, -50_000, 0, 0),
        (200_000, 100_000, -100_000, -200_000),
        (200_000, 100_000, 0, -100_000, -200_000, 0, 50_000, -50_000),
    ],
)
@pytest.mark.parametrize("seed", [1, 2])
def test_at_a_date_nobody_hangs(skews: tuple[int, ...], seed: int) -> None:
    """Whoever's clock says so has finished, unless more than b others went on; then all went."""
    stop = 4 * EVERY
    world = timed(skews, rounds=20, rhythm=Rhythm(EVERY, stop_at=EPOCH + stop), seed=seed)
    times = Times(world)
    world.run(until=1000 * stop + max(map(abs, skews)) + 60_000)
    last_clock = 1000 * stop - min(skews)
    done = [sorted(node.completed) for node in world.nodes]
    assert all(each == done[0] for each in done) and done[0]
    assert all(when < last_clock for when in times.began.values())
    for node in world.nodes:
        assert node.session is not None and node.session.finished
        assert not node.aborted and not node.stopped


def test_one_that_is_ready_alone_behind_the_date_stops_by_its_own_clock() -> None:
    world = timed((-90_000, 0, 0, 0), rounds=20, rhythm=Rhythm(EVERY, stop_at=EPOCH + 150))
    times = Times(world)
    world.run(until=400_000)
    assert {len(node.completed) for node in world.nodes} == {2}
    assert (0, 2) in times.ready or (0, 2) in times.waits
    assert (0, 2) not in times.began
    late = world.nodes[0].session
    assert late is not None and late.finished
