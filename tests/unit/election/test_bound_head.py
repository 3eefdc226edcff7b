"""What a commitment is to: where nobody opens it, the head of the peer's trail (docs §2)."""

from __future__ import annotations

from collections import Counter

import pytest

from peerd.laboratory.simulation.node import Node
from peerd.laboratory.simulation.world import World
from protocols.record.certificate import verify_certificate
from protocols.record.setting import NO_HEAD
from protocols.version import EARLIEST
from tests.simulation.swarm import FOUR, setting_of, swarm


def head_of(peer: int, number: int) -> bytes:
    return bytes([peer + 1, number]) * 16


def counted(world: World) -> Counter[int]:
    """From now on each peer's head is another one whenever it is asked for."""
    asked: Counter[int] = Counter()

    def head(node: Node) -> bytes:
        asked[node.index] += 1
        return head_of(node.index, asked[node.index])

    world.head = head
    return asked


def commitments(world: World, round_: int) -> dict[int, bytes]:
    certificate = world.nodes[1].completed[round_].certificate
    certified = verify_certificate(world.setting, certificate)
    return {peer: value for peer, _, value in certified.election.seats}


def test_each_certificate_has_everybodys_head_as_its_round_began() -> None:
    world = swarm(FOUR, 1, seed=1, rounds=3, traced=False)
    counted(world)
    world.run()
    for round_ in range(3):
        assert commitments(world, round_) == {
            peer: world.setting.head_commitment(round_, 0, peer, head_of(peer, round_ + 1))
            for peer in range(4)
        }


def test_it_opens_to_one_head_of_one_peer_in_one_attempt() -> None:
    setting = setting_of(FOUR, 1)
    places = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]
    heads = [NO_HEAD, head_of(0, 1)]
    values = {setting.head_commitment(*place, head) for place in places for head in heads}
    values |= {setting.commitment(*place, head) for place in places for head in heads}
    assert len(values) == 16  # no nonce is taken for a head


def test_a_restart_says_what_was_said_whatever_the_trail_has_since() -> None:
    world = swarm(FOUR, 1, seed=1)
    asked, node = counted(world), world.nodes[2]
    committed = [0]

    def restart() -> None:
        committed[0] = asked[2]
        world.crash(node)
        world.boot(node)

    world.happen(500, restart)
    world.run()
    assert committed == [1] and asked[2] == 2
    assert commitments(world, 0)[2] == world.setting.head_commitment(0, 0, 2, head_of(2, 1))
    assert not [blame for each in world.nodes for blame in each.blamed]


@pytest.mark.parametrize("draws", [{"version": EARLIEST}, {"clients": 3}])
def test_where_a_coin_is_flipped_no_head_is_bound(draws: dict[str, int]) -> None:
    """The nonce is committed to: the head changes not a byte."""
    told = []
    for change in (False, True):
        world = swarm(FOUR, 1, seed=1, traced=False, **draws)  # type: ignore[arg-type]
        assert world.setting.draws
        if change:
            counted(world)
        world.run()
        told.append(world.nodes[1].completed[0].certificate)
    assert told[0] == told[1]
