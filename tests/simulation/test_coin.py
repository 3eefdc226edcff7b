"""Whoever withholds its reveal, or hears all others first, does not choose who sits (17, 19)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import cache

import pytest

from peerd.laboratory.adversaries import ELECTORS
from peerd.laboratory.simulation.operations import Rush
from peerd.laboratory.simulation.world import World
from protocols.election.flip import Draw
from protocols.hashing import digest
from protocols.plan import CommitteePlan
from protocols.record.certificate import verify_certificate
from protocols.record.elected import seats_of
from protocols.record.election import Election
from protocols.record.setting import Setting
from protocols.secret import Secret
from tests.simulation.oracle import Watch, check
from tests.simulation.swarm import setting_of, swarm

Seats = tuple[int, ...]
PLAN = CommitteePlan(4, 1, 1, 0)
PEERS = 7
PICKY, ALLY = 2, 5
ELECTIONS = 10_000
HONEST = tuple(peer for peer in range(PEERS) if peer != PICKY)
BEYOND_CHANCE = 31.0
"""Chi squared of five degrees of freedom is above this once in 10^5."""
Likes = Callable[[Seats], bool]


@cache
def setting() -> Setting:
    return setting_of(PLAN, 1, peers=PEERS, parameters=1)


@cache
def flip(number: int, attempt: int, peers: Seats) -> Seats:
    """The coin of one flip, by the functions that every machine calls, from fresh secrets."""
    seats = []
    for peer in peers:
        secret = digest("test/attempt", number.to_bytes(4, "little"), bytes((attempt, peer)))
        draw = Draw.of(Secret(secret))
        seats.append((peer, bytes(32), draw.nonce))
    return seats_of(setting(), Election(tuple(seats), (), (), ()), (number, attempt))


def elect(number: int, likes: Likes) -> tuple[Seats, bool]:
    """The committee, with a withholder that knows the coin before it reveals; and if it was void:
    then without the withholder, from fresh nonces.
    """
    seats = flip(number, 0, tuple(range(PEERS)))
    return (seats, False) if likes(seats) else (flip(number, 1, HONEST), True)


def passed_over(number: int, likes: Likes) -> tuple[Seats, bool]:
    """The control: a coin made of whatever is revealed."""
    seats = flip(number, 0, tuple(range(PEERS)))
    return (seats, False) if likes(seats) else (flip(number, 0, HONEST), False)


def chi_squared(counts: Counter[int], peers: Seats) -> float:
    expected = sum(counts[peer] for peer in peers) / len(peers)
    return sum((counts[peer] - expected) ** 2 / expected for peer in peers)


def seated(likes: Likes, place: slice) -> Counter[int]:
    return Counter(p for number in range(ELECTIONS) for p in elect(number, likes)[0][place])


STRATEGIES: dict[str, Likes] = {
    "always reveals": lambda seats: True,
    "reveals if it is seated": lambda seats: PICKY in seats,
    "reveals if it leads": lambda seats: seats[0] == PICKY,
    "never reveals": lambda seats: False,
}


@pytest.mark.parametrize("name", STRATEGIES)
def test_seats_stay_uniform_among_the_honest(name: str) -> None:
    """Over 10^4 elections: every seat, and the first one, which leads."""
    for place in (slice(None), slice(0, 1)):
        counts = seated(STRATEGIES[name], place)
        assert chi_squared(counts, HONEST) < BEYOND_CHANCE, counts


def test_it_wins_no_seat_by_withholding() -> None:
    """It can only give up its own: a void flip goes on without it."""
    always, picky = (seated(STRATEGIES[n], slice(None))[PICKY] for n in list(STRATEGIES)[:2])
    assert picky == always
    assert seated(STRATEGIES["never reveals"], slice(None))[PICKY] == 0


def test_a_friend_gains_no_more_than_one_more_draw_which_the_plan_pays_for() -> None:
    """Withholding for a friend is one draw more, at the price of the withholder's own place: a
    committee comes out bad with at most 1 + b times the chance of one draw, as (P) counts.
    """
    lead = seated(lambda seats: seats[0] == ALLY, slice(0, 1))[ALLY] / ELECTIONS
    assert 1 / PEERS < lead < 2 / (PEERS - 1)
    void = sum(elect(n, lambda seats: seats[0] == ALLY)[1] for n in range(200))
    assert void > 100, "and it has lost its place in most"


def test_a_coin_of_whatever_is_revealed_would_be_chosen() -> None:
    """The control of the statistic: a friend of the chooser's leads too often, and nobody pays."""
    counts: Counter[int] = Counter(
        passed_over(number, lambda seats: seats[0] == ALLY)[0][0] for number in range(ELECTIONS)
    )
    assert chi_squared(counts, HONEST) > 10 * BEYOND_CHANCE


def real(seed: int, *, rush: bool = False, picky: bool = False) -> World:
    lies = {PICKY: ELECTORS["PickyRevealer"]} if picky else {}
    world = swarm(PLAN, 1, peers=PEERS, seed=seed, lies=lies, parameters=1, traced=False)
    if rush:
        Rush(PICKY, 700).install(world)
    Watch(world)
    world.run(until=600_000)
    return world


def seats_in(world: World) -> Seats:
    record = next(node.completed[0] for node in world.nodes if node.honest and node.completed)
    return verify_certificate(world.setting, record.certificate).flip.seats


@pytest.mark.parametrize("seed", range(12))
def test_real_machines_do_the_same(seed: int) -> None:
    """A coin that seats it stands; any other is void, and thrown again without it, unblamed."""
    plain, picky = seats_in(real(seed)), real(seed, picky=True)
    seats = seats_in(picky)
    assert (seats == plain) if PICKY in plain else (PICKY not in seats)
    check(picky, guilty=(), unknown_inputs=())


@pytest.mark.parametrize("seed", range(12))
def test_whoever_hears_everything_first_changes_nothing(seed: int) -> None:
    """Rushing: what it hears, it hears at once; what it says comes last. The outcome is the same,
    not only its distribution: committed nonces leave nothing to choose.
    """
    plain, rushed = real(seed), real(seed, rush=True)
    assert seats_in(plain) == seats_in(rushed)
    check(rushed, guilty=())
    records = [world.nodes[0].completed[0] for world in (plain, rushed)]
    assert records[0].dealers == records[1].dealers
    assert records[0].polynomials == records[1].polynomials
