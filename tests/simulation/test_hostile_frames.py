"""Mutated real frames, from any sender, at any stage: nothing but a dropped frame comes of them.

Signatures count as good here, whoever made them: what a frame may do is up to its content, as if
the liar held every key. Only crashes are judged, not outcomes.
"""

from __future__ import annotations

import random

import pytest

from peerd.laboratory.adversaries.lies import LIES
from peerd.laboratory.simulation.crypto import Pretend
from protocols.errors import WireError
from protocols.wire.canonical import Value, pack, unpack
from tests.simulation.swarm import FOUR, swarm
from tests.tiers import later

NUMBERS: list[Value] = [0, 1, 2, 3, 4, 7, 255, 4999, 65535, (1 << 32) - 1, 1 << 63, True, None]


class Gullible(Pretend):
    def verify(self, public: bytes, message: bytes, signature: bytes) -> bool:
        return True


def mutated(rng: random.Random, value: Value, heard: list[bytes], depth: int = 0) -> Value:
    """One change somewhere in a message, in the statements inside it too."""
    if isinstance(value, list) and value and rng.random() < 0.93:
        spot = rng.randrange(len(value))
        if depth == 0 and len(value) == 3:
            spot = 2
        if len(value) == 9 and spot < 2:
            spot = 8
        how = rng.random()
        if how < 0.06:
            return value[:spot] + value[spot + 1 :]
        if how < 0.12:
            return [*value[:spot], value[spot], *value[spot:]]
        changed = mutated(rng, value[spot], heard, depth + 1)
        return [*value[:spot], changed, *value[spot + 1 :]]
    if isinstance(value, bytes):
        return mutated_bytes(rng, value, heard, depth)
    if isinstance(value, int):
        return rng.choice([*NUMBERS, min(value + 1, 1 << 62)])
    return rng.choice(NUMBERS)


def mutated_bytes(rng: random.Random, data: bytes, heard: list[bytes], depth: int) -> Value:
    how = rng.random()
    if how < 0.12 and heard:
        return rng.choice(heard)
    if how < 0.75:
        try:
            inner = unpack(data)
        except WireError:
            inner = None
        if isinstance(inner, list):
            return pack(mutated(rng, inner, heard, depth + 1))
    if how < 0.8 or not data:
        return data + b"\0"
    if how < 0.88:
        return data[:-1]
    spot = rng.randrange(len(data))
    return data[:spot] + bytes([data[spot] ^ (1 << rng.randrange(8))]) + data[spot + 1 :]


def collect(value: Value, into: list[bytes]) -> None:
    if isinstance(value, list):
        for item in value:
            collect(item, into)
    elif isinstance(value, bytes):
        into.append(value)


@pytest.mark.parametrize("seed", [*range(25), *later(range(25, 70))])
def test_no_frame_raises_anything_out_of_a_session(seed: int) -> None:
    rng = random.Random(seed)
    lies = [None, *LIES.values()][seed % (1 + len(LIES))]
    world = swarm(FOUR, 1, seed=seed, rounds=2, lies={3: lies} if lies else {})
    object.__setattr__(world.setting, "crypto", Gullible())
    frames: list[bytes] = []
    heard: list[bytes] = []

    def tamper(sender: int, to: int, data: bytes) -> bool:
        frames.append(data)
        if len(heard) < 4000:
            collect(unpack(data), heard)
        if rng.random() < 0.3:
            value = unpack(rng.choice(frames[-60:]))
            for _ in range(rng.choice((1, 1, 2))):
                value = mutated(rng, value, heard)
            forged, liar = pack(value), rng.choice([p for p in range(4) if p != to])
            node = world.nodes[to]
            world.at(node, rng.randint(1, 150), lambda s: s.on_message(liar, forged))
        return False

    world.drop = tamper
    world.run(until=40_000)
    assert any(node.dropped for node in world.nodes)
