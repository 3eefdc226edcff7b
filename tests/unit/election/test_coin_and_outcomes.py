"""The coin, the seats it draws, and the encodings that elections are certified in (docs §2)."""

from __future__ import annotations

from collections import Counter

import pytest

from protocols.errors import WireError
from protocols.hashing import digest
from protocols.record.certificate import verify_certificate
from protocols.record.elected import seats_of
from protocols.record.election import Commitments, Election
from protocols.record.shuffle import coin, shuffled
from protocols.version import EARLIEST, LATEST
from tests.simulation.swarm import FOUR, setting_of, swarm

HASH = b"h" * 32


def test_every_nonce_moves_the_coin_and_so_does_their_order() -> None:
    nonces = [bytes([n]) * 32 for n in range(4)]
    seeds = {coin(nonces), coin(nonces[::-1]), coin(nonces[:3]), coin([])}
    seeds |= {coin([*nonces[:i], HASH, *nonces[i + 1 :]]) for i in range(4)}
    assert len(seeds) == 8


def test_a_shuffle_is_a_permutation_and_depends_on_its_purpose() -> None:
    peers = list(range(40))
    seed = digest("test", b"seed")
    committee = shuffled(peers, seed, "committee")
    assert sorted(committee) == peers
    assert committee == shuffled(peers, seed, "committee")
    assert committee != shuffled(peers, seed, "clients")


def test_seats_are_uniform() -> None:
    """χ² over 4000 coins, 6 peers by 6 seats, 25 degrees of freedom: 52.6 is the 0.1 % point.

    The coins are fixed, so this can't fail by chance; a modulo instead of rejection, or a swap
    over the whole range, does fail it.
    """
    size, coins = 6, 4000
    counts: Counter[tuple[int, int]] = Counter()
    for number in range(coins):
        seats = shuffled(range(size), digest("coin", number.to_bytes(4, "big")), "committee")
        counts.update(enumerate(seats))
    expected = coins / size
    chi2 = sum((counts[s, p] - expected) ** 2 / expected for s in range(size) for p in range(size))
    assert chi2 < 52.6


COMMITS = Commitments(((1, HASH, HASH), (2, HASH, HASH)), ((3, HASH),), (4,))
ELECTION = Election(((1, HASH, HASH), (2, HASH, HASH)), (5,), ((3, HASH),), (4,))


def test_outcomes_survive_their_encoding() -> None:
    assert Commitments.decode(COMMITS.encode()) == COMMITS
    assert Election.decode(ELECTION.encode()) == ELECTION
    assert ELECTION.keys == {1: HASH, 2: HASH}


@pytest.mark.parametrize(
    "outcome",
    [
        Commitments(COMMITS.commits[::-1], (), ()),
        Commitments((COMMITS.commits[0],) * 2, (), ()),
        Commitments(((1, HASH[:-1], HASH),), (), ()),
        Commitments((), ((3, HASH), (3, HASH)), ()),
        Commitments((), (), (4, 3)),
        Commitments(((5000, HASH, HASH),), (), ()),
        Election(ELECTION.seats[::-1], (), (), ()),
        Election(ELECTION.seats, (1,), (), ()),
        Election((), (5, 5), (), ()),
        Election((), (), ((3, HASH), (2, HASH)), ()),
        Election((), (), (), (4, 4)),
    ],
)
def test_an_outcome_out_of_form_is_refused(outcome: Commitments | Election) -> None:
    with pytest.raises(WireError):
        type(outcome).decode(outcome.encode())


def test_an_election_is_named_with_its_place() -> None:
    names = {
        ELECTION.hash_in(group, r, a) for group in (b"g", b"h") for r in (0, 1) for a in (0, 1)
    }
    assert len(names) == 8


# -- where nothing is drawn ------------------------------------------------------------------------


def test_nothing_that_a_peer_says_orders_the_seats_of_a_group_that_all_sits_in() -> None:
    setting = setting_of(FOUR, 1)
    seats = tuple((peer, HASH, HASH) for peer in range(4))
    orders = set()
    for said in (b"a" * 32, b"b" * 32):
        other = Election(((0, said, said), *seats[1:]), (), (), ())
        orders.add(seats_of(setting, other, (5, 0)))
    assert len(orders) == 1
    elsewhere = {seats_of(setting, Election(seats, (), (), ()), (5, at)) for at in range(12)}
    assert len(elsewhere) > 3


def test_votes_on_another_agreement_elect_nobody() -> None:
    """Of version 3 those on commitments do, of version 2 those on reveals."""
    for version, other in ((LATEST, EARLIEST), (EARLIEST, LATEST)):
        world = swarm(FOUR, 1, traced=False, parameters=3, version=version)
        world.run()
        certificate = world.nodes[0].completed[0].certificate
        assert verify_certificate(setting_of(FOUR, 1, parameters=3, version=version), certificate)
        with pytest.raises(WireError):
            verify_certificate(setting_of(FOUR, 1, parameters=3, version=other), certificate)
