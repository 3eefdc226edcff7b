"""Liars that know each other: one lie in t parts, told first, fitted to what honest members say."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from peerd.simulation.node import Node
from peerd.simulation.world import World
from protocols.field.polynomial import vanishing
from protocols.plan import CommitteePlan
from protocols.round.attempt import Parts
from protocols.round.effects import Effect, Send
from protocols.round.opener import Opener
from protocols.wire.frames import SumFrame, decode_frame
from tests.simulation.oracle import Watch, check
from tests.simulation.swarm import EIGHT, NINE, TEN, swarm

END = 600_000
Words = npt.NDArray[np.unsignedinteger]


def ring_of(who: tuple[int, ...]) -> type[Parts]:
    """Openers whose sums lie, all together and with as many honest ones as can be, on a polynomial
    of the right degree that is not the sum's: the word that is nearest to a right one.
    """

    class RingOpener(Opener):
        def sum_rows(self, rows: Words) -> Words:
            setting, panel = self.desk.setting, self.panel
            field, points = setting.field, setting.shape.sharing.seats
            honest = [seat for seat, peer in enumerate(panel.seats) if peer not in who]
            agreeing = points[honest[: setting.plan.degree]]
            mine = vanishing(field, agreeing, points)[panel.seats.index(self.desk.me)]
            words = super().sum_rows(rows).copy()
            words[0] = (int(words[0]) + int(mine)) % field.p
            return words

    class Ring(Parts):
        opener = RingOpener

    return Ring


def heard_first(world: World, who: tuple[int, ...]) -> None:
    world.delay = lambda sender, to, data: 1 if sender in who else None


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("plan", "who"), [(EIGHT, (2, 6)), (NINE, (0, 5)), (TEN, (4,))], ids=["8", "9", "10"]
)
def test_t_sums_that_lie_on_one_wrong_polynomial(
    plan: CommitteePlan, who: tuple[int, ...], seed: int
) -> None:
    world = swarm(plan, len(who), seed=seed, rounds=2, lies=dict.fromkeys(who, ring_of(who)))
    heard_first(world, who)
    Watch(world)
    world.run(until=END)
    check(world, guilty=who)
    for node in world.nodes:
        if node.honest:
            assert not set(who) & set(node.completed[1].dealers)


@pytest.mark.parametrize("seed", range(4))
def test_and_an_honest_member_dies_ahead_of_its_own(seed: int) -> None:
    """Within t + e: the sum is right, the liars are named, and the dead one is not."""
    who, victim = (0, 5), 3
    world = swarm(NINE, 2, seed=seed, lies=dict.fromkeys(who, ring_of(who)))
    heard_first(world, who)

    def before(node: Node, effect: Effect) -> None:
        frame = decode_frame(effect.frame) if isinstance(effect, Send) else None
        if node.index == victim and isinstance(frame, SumFrame):
            world.crash(node)

    world.before = before
    Watch(world)
    world.run(until=END)
    assert not world.nodes[victim].up
    check(world, guilty=who)


@pytest.mark.parametrize("seed", range(6))
def test_the_limit_one_more_of_them_than_t_opens_a_wrong_sum_and_still_one(seed: int) -> None:
    """Beyond the bound, and why it is one: t + 1 of eight on one wrong polynomial that two honest
    sums lie on too, told first. Whoever hears seven words with these five decodes it, as the code
    can't tell them from t liars among the right. All that is left is that nobody takes another.
    """
    who = (1, 2, 6)
    world = swarm(EIGHT, 2, seed=seed, lies=dict.fromkeys(who, ring_of(who)))
    heard_first(world, who)
    world.run(until=END)
    honest = [node for node in world.nodes if node.honest]
    assert len({node.completed[0].model_hash for node in honest if 0 in node.completed}) <= 1
    assert all(node.completed or node.stopped for node in honest)
