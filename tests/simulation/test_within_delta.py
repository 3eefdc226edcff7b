"""While every message arrives within Δ, no honest dealer is left out (docs/protocol.md §0)."""

from __future__ import annotations

import random

import pytest

from peerd.laboratory.simulation.swarm import FOUR, setting_of, swarm
from protocols.errors import ProtocolError
from protocols.record.deadlines import Deadlines, derive
from protocols.sizes import sizes_of
from protocols.wire.frames import DealingFrame, decode_frame

SEEDS = range(12)
"""Every dealer beside every friend, once."""
BANDWIDTH = 10**6
SHORT = {"check": 1000, "hurry": 250, "have": 31}
"""What used to be allowed at Δ = 1000: each at least Δ, and hurry a quarter of check."""


def derived(delta: int) -> Deadlines:
    return derive(delta, BANDWIDTH, -(-delta // 1000), sizes_of(setting_of(FOUR, 1)))


def left_out(deadlines: Deadlines, delta: int, seed: int, *, hostile: bool) -> bool:
    """Whether somebody was left out of a round, in a network that keeps Δ. A hostile one gives one
    dealer's packages to one member at once and to the others at the last moment, and a quarter of
    all else at the last moment.
    """
    world = swarm(FOUR, 1, seed=seed, rounds=2, slowest=delta, deadlines=deadlines, traced=False)
    chance, victim = random.Random(seed), seed % 4
    friend = (victim + 1 + seed // 4 % 3) % 4

    def delay(sender: int, to: int, data: bytes) -> int:
        if sender == victim and isinstance(decode_frame(data), DealingFrame):
            return 1 if to == friend else delta
        return delta if chance.random() < 0.25 else 1

    if hostile:
        world.delay = delay
    world.run()
    assert all(len(node.completed) == 2 for node in world.nodes)
    dealt = [set(record.dealers) for node in world.nodes for record in node.completed.values()]
    return any(dealers != set(range(4)) for dealers in dealt)


@pytest.mark.parametrize("hostile", [False, True], ids=["random", "hostile"])
@pytest.mark.parametrize("delta", [100, 500, 1000, 3000])
def test_no_honest_dealer_is_left_out(delta: int, hostile: bool) -> None:
    assert not any(left_out(derived(delta), delta, seed, hostile=hostile) for seed in SEEDS)


def test_below_what_is_derived_one_is_and_so_it_is_refused() -> None:
    short = Deadlines(**SHORT)
    assert sum(left_out(short, 1000, seed, hostile=True) for seed in range(12, 24)) >= 2
    with pytest.raises(ProtocolError, match="deadline check is 1000 ms, and at least 40"):
        derived(1000).lengthened({"check": SHORT["check"]})
