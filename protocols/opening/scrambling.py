"""Noise in an order, and with signs, that nobody knew when it was dealt (docs/protocol.md §6).

A dealer's noise lies in polynomials that are added to the opened ones. Which to which, and with
which sign, follows from a coin that is opened once the cohort stands: honest noise is symmetric and
alike everywhere, so that nothing of it changes; of a lie that was aimed nothing is left but its
length.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from protocols.field import Elements
from protocols.hashing import Xof, digest
from protocols.opening.words import sum_shares
from protocols.proof.challenge import windows
from protocols.proof.shape import DealingShape

MOST_ROWS = 2


def coin_seed(shape: DealingShape, cohort: bytes, polynomials: Elements) -> bytes:
    """32 bytes of the opened coin (coin polynomials, delta + 1) of the cohort with this hash."""
    return digest("peerd/opening/coin", cohort, shape.field.encode(polynomials))


def scrambling(
    shape: DealingShape, seed: bytes, dealer: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Which of the dealer's noise polynomials each opened one gets, and whether it is subtracted:
    both (noise polynomials,).

    By sorting 64-bit numbers: two are equal, and keep their order, with chance 2^-64 a pair.
    """
    count = shape.noise_polynomials
    stream = Xof("peerd/opening/noise", seed, dealer.to_bytes(8, "little"))
    keys = np.frombuffer(stream.read(8 * count), "<u8")
    signs = np.frombuffer(stream.read(-(-count // 8)), np.uint8)
    return np.argsort(keys, kind="stable"), np.unpackbits(signs, count=count).astype(bool)


def noise_dealers(seed: bytes, dealers: Iterable[int], count: int) -> frozenset[int]:
    """The ``count`` of a cohort's dealers whose noise is added: as the coin with this seed has it.

    As many as it takes for enough honest ones to be among them; more would be noise for nothing.
    """

    def rank(dealer: int) -> bytes:
        return digest("peerd/opening/noise dealers", seed, dealer.to_bytes(8, "little"))

    return frozenset(sorted(dealers, key=rank)[:count])


def sum_noised(
    shape: DealingShape,
    shares: Mapping[int, Elements],
    noisy: Collection[int],
    seed: bytes,
    weights: Sequence[int] | None = None,
) -> Elements:
    """S_j (opened,): the weighted sum of the dealers' shares, and the noise of the ``noisy`` ones.

    ``shares``: (kept,) of each dealer, by its index in the roster.
    """
    opened, count = shape.opened_polynomials, shape.noise_polynomials
    total = sum_shares(shape, [share[:opened] for share in shares.values()], weights)
    for dealer in noisy:
        share = shares[dealer]
        order, negative = scrambling(shape, seed, dealer)
        noise = share[opened : opened + count]
        for columns in windows(MOST_ROWS, slice(0, count)):
            part = noise[order[columns]]
            signed = np.where(negative[columns], shape.field.neg(part), part)
            total[columns] = shape.field.add(total[columns], signed)
    return total


def sum_coin(shape: DealingShape, shares: Sequence[Elements]) -> Elements:
    """This member's share of the coin (coin polynomials,), of shares (kept,)."""
    start = shape.opened_polynomials + shape.noise_polynomials
    stacked = np.stack([share[start : start + shape.coin_polynomials] for share in shares])
    total: Elements = shape.field.sum(stacked, axis=0)
    return total.astype(shape.field.dtype)
