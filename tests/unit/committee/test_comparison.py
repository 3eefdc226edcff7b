"""Members tell each other what they hold: what each is sent, and what it costs to find out."""

from __future__ import annotations

import random
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from protocols.committee.comparison import Comparison
from protocols.record.effects import Send, Step
from protocols.record.journal import Journal
from protocols.record.party import Party
from protocols.secret import Secret
from protocols.wire.frames import StatementFrame, decode_frame
from protocols.wire.payloads import Kind
from tests.simulation.swarm import FOUR, setting_of

PEER = 1
SETTING = setting_of(FOUR, 1)


class Looked(dict[bytes, Any]):
    """``looks``: how often somebody has begun to look through all of it."""

    looks = 0

    def __iter__(self) -> Iterator[bytes]:
        self.looks += 1
        return super().__iter__()


def key(number: int) -> bytes:
    return number.to_bytes(32, "big")


class Scene:
    def __init__(self) -> None:
        self.pool = Looked()
        party = Party(SETTING, 0, Secret(bytes(32)), 0, Journal(0))
        self.comparison = Comparison(party, self.pool, (0, 1, 2))

    def sent(self, step: Step) -> list[bytes]:
        """The statements that a step sends, to nobody but the one peer."""
        found = []
        for effect in step:
            assert isinstance(effect, Send) and effect.peers == (PEER,)
            frame = decode_frame(effect.frame)
            if isinstance(frame, StatementFrame):
                found.append(frame.statement)
        return found

    def add(self, number: int) -> None:
        self.pool[key(number)] = SimpleNamespace(wire=key(number), kind=Kind.COMPLAINT)


@pytest.mark.parametrize("seed", range(20))
def test_a_peer_is_sent_once_what_it_says_that_it_lacks(seed: int) -> None:
    rng, scene, passed = random.Random(seed), Scene(), set[bytes]()
    for number in range(60):
        if rng.random() < 0.6:
            scene.add(rng.randrange(10**6) if rng.random() < 0.9 else number)
        if rng.random() < 0.1:  # what a refused proposal lacked is sent, too
            missing = {rng.choice(list(scene.pool))} if scene.pool else set()
            scene.comparison._pass_on(PEER, missing)
            scene.comparison.done()
            passed |= missing
        claimed = [k for k in scene.pool if rng.random() < rng.choice([0.2, 0.9])]
        step = scene.comparison.hear(PEER, [*claimed, *rng.choice([[], [bytes(32)]])])
        due = set(scene.pool) - set(claimed) - passed
        assert scene.sent(step) == sorted(due)
        passed |= due


def test_a_small_claim_costs_no_look_through_a_large_pool() -> None:
    """It took 80 ms for 50 bytes, with a pool that 25 liars of 100 peers can fill."""
    scene = Scene()
    for number in range(1000):
        scene.add(number)
    assert len(scene.sent(scene.comparison.hear(PEER, ()))) == 1000
    scene.pool.looks = 0
    claims: list[list[bytes]] = [[], [bytes(32)], [key(number) for number in range(10)]]
    for claim in 10 * claims:
        assert scene.sent(scene.comparison.hear(PEER, claim)) == []
    assert scene.pool.looks == 0
