"""A round's secret Poisson sample of a site's rows, in a batch whose size tells nothing."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from protocols.hashing import Xof

ENTROPY_BYTES = 32
COIN_BITS = 63
_SAMPLE, _COINS = "peerd/learning/sample", "peerd/learning/sampled round"


@dataclass(frozen=True, slots=True)
class Sample:
    """``rows`` (size,): numbers of rows, all of which are computed. ``counts`` (size,): 1 for one
    that was drawn, 0 for what fills the batch.
    """

    rows: NDArray[np.int64] = field(repr=False)
    counts: NDArray[np.int64] = field(repr=False)


def draw(threshold: int, size: int, count: int, entropy: bytes) -> Sample:
    """Each of ``count`` rows by itself, where its word of 64 bits is below ``threshold``, 1…2^64.

    ``entropy``: 32 secret bytes, fresh for each round. More than ``size`` are cut. What fills the
    batch are rows that were not drawn, again from the first one where there are too few: a row that
    is computed twice would be quick the second time.
    """
    if len(entropy) != ENTROPY_BYTES:
        raise ValueError(f"a sample needs {ENTROPY_BYTES} secret bytes, not {len(entropy)}")
    words = np.frombuffer(Xof(_SAMPLE, entropy).read(8 * count), dtype="<u8")
    drawn = words <= np.uint64(threshold - 1)
    order = np.argsort(~drawn, kind="stable").astype(np.int64)
    counts = (np.arange(size) < int(drawn.sum())).astype(np.int64)
    return Sample(np.resize(order, size), counts)


def coins(entropy: bytes) -> int:
    """The seed (63 bits) of what else is drawn in that round, such as dropout."""
    return int.from_bytes(Xof(_COINS, entropy).read(8), "little") >> (64 - COIN_BITS)
