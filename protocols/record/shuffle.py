"""From revealed nonces to seats: the coin (docs/protocol.md §2)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

from protocols.hashing import Xof, digest

CACHED_DRAWS = 16
"""Draws that are kept: all that a peer judges in a round rests on one or two."""


def coin(nonces: Iterable[bytes]) -> bytes:
    """The seed: a hash of all reveals in the order of their peers."""
    return digest("peerd/seed", *nonces)


def shuffled(peers: Sequence[int], seed: bytes, purpose: str) -> list[int]:
    """The peers in the order of their draw: exactly uniform.

    ``purpose`` separates draws from one coin: "committee", "clients".
    """
    return list(_drawn(tuple(peers), seed, purpose))


@lru_cache(maxsize=CACHED_DRAWS)
def _drawn(peers: tuple[int, ...], seed: bytes, purpose: str) -> tuple[int, ...]:
    """Fisher–Yates, driven by an XOF of the seed with rejection sampling."""
    order = list(peers)
    stream = Xof("peerd/shuffle", purpose.encode(), seed)
    for last in range(len(order) - 1, 0, -1):
        drawn = stream.below(last + 1)
        order[last], order[drawn] = order[drawn], order[last]
    return tuple(order)
