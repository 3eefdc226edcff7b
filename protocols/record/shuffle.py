"""From revealed nonces to seats: the coin (docs/protocol.md §2)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from protocols.hashing import Xof, digest


def coin(nonces: Iterable[bytes]) -> bytes:
    """The seed: a hash of all reveals in the order of their peers."""
    return digest("peerd/seed", *nonces)


def shuffled(peers: Sequence[int], seed: bytes, purpose: str) -> list[int]:
    """The peers in the order of their draw: exactly uniform.

    ``purpose`` separates draws from one coin: "committee", "clients".
    Fisher–Yates, driven by an XOF of the seed with rejection sampling.
    """
    order = list(peers)
    stream = Xof("peerd/shuffle", purpose.encode(), seed)
    for last in range(len(order) - 1, 0, -1):
        drawn = stream.below(last + 1)
        order[last], order[drawn] = order[drawn], order[last]
    return order
