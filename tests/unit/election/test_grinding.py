"""Many identities and withheld reveals, for more seats (row 25): measured beside the bound.

The draws are the protocol's own; the coins are fixed, so nothing here fails by chance.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from math import comb, sqrt

import pytest

from protocols.hashing import digest
from protocols.plan import hypergeometric_tail
from protocols.record.shuffle import coin, shuffled

PEERS, LIARS, SEATS, THRESHOLD = 24, 4, 10, 2
COINS = 4000
PLACES = {
    "first": range(LIARS),
    "last": range(PEERS - LIARS, PEERS),
    "spread": range(2, PEERS, PEERS // LIARS),
}
"""Where the adversary's keys stand in the roster, which is in the order of the keys: it may grind
for any place."""


def draw(peers: Sequence[int], number: int, flip: int) -> list[int]:
    """The seats from nonces of ``peers``; who is missing has no nonce in the coin."""
    nonces = [digest("nonce", bytes([peer, flip]), number.to_bytes(4, "big")) for peer in peers]
    return shuffled(peers, coin(nonces), "committee")[:SEATS]


def bad(seats: Sequence[int], liars: Sequence[int]) -> int:
    return len(set(seats) & set(liars))


def tail(pool: int, liars: int) -> float:
    found = hypergeometric_tail(pool, liars, SEATS, THRESHOLD)
    return float(Fraction(found.numerator, found.denominator))


@pytest.mark.parametrize("place", PLACES)
def test_no_place_in_the_roster_gets_more_seats(place: str) -> None:
    """χ² of the liars among the seats against the hypergeometric law: 4 degrees of freedom, 18.5
    is the 0.1 % point.
    """
    liars = PLACES[place]
    counts = Counter(bad(draw(range(PEERS), number, 0), liars) for number in range(COINS))
    chi2 = 0.0
    for k in range(LIARS + 1):
        law = comb(LIARS, k) * comb(PEERS - LIARS, SEATS - k) / comb(PEERS, SEATS)
        chi2 += (counts[k] - COINS * law) ** 2 / (COINS * law)
    assert chi2 < 18.5


def test_keeping_reveals_back_gains_no_more_than_the_flips_that_the_plan_pays_for() -> None:
    """The adversary sees each coin before its reveals are due, and voids what it does not like: at
    the price of one of its peers a flip, of which it keeps more than t for as long as it can.
    """
    won = plain = 0
    for number in range(COINS):
        liars, peers = list(PLACES["first"]), list(range(PEERS))
        for flip in range(1 + LIARS):
            success = bad(draw(peers, number, flip), liars) > THRESHOLD
            plain += success and not flip
            if success or len(liars) <= THRESHOLD + 1:
                break
            peers.remove(liars.pop())
        won += success
    bound = (1 + LIARS) * tail(PEERS, LIARS)
    once = tail(PEERS, LIARS)
    slack = 4 * sqrt(once * (1 - once) / COINS)
    assert abs(plain / COINS - once) < slack
    assert plain < won, "the attack of this test gains something"
    assert won / COINS < bound
