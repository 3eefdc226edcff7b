"""Symmetric Skellam noise from 32 secret bytes, in whole numbers from end to end."""

from __future__ import annotations

from bisect import bisect_right
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from protocols.hashing import Xof
from protocols.privacy.mechanism import PrivacyError
from protocols.privacy.table import NoiseTable, noise_table

ENTROPY_BYTES = 32
_DOMAIN = "peerd/privacy/noise"


def skellam(variance: Fraction, count: int, entropy: bytes) -> npt.NDArray[np.int64]:
    """``count`` independent values, each the difference of two Poissons of mean variance/2.

    The same bytes give the same values: they are fresh for each call, and secret. Per value the
    distribution is within ``noise_table(variance).error`` of Skellam's; pay for it in the slack.
    The time depends on the values through the caches of a binary search, and where a number's
    upper 64 bits are a threshold's, which none in 2^48 is.
    """
    if len(entropy) != ENTROPY_BYTES:
        raise PrivacyError(f"noise needs {ENTROPY_BYTES} secret bytes, not {len(entropy)}")
    if count < 0:
        raise PrivacyError(f"noise has 0 values or more, not {count}")
    table = noise_table(variance)
    drawn = np.frombuffer(Xof(_DOMAIN, entropy).read(16 * count), "<u8").reshape(count, 2)
    sign = 1 - 2 * (drawn[:, 1] & np.uint64(1)).astype(np.int64)
    return sign * _magnitudes(table, drawn[:, 0], drawn[:, 1] >> np.uint64(1))


def _magnitudes(
    table: NoiseTable, high: npt.NDArray[np.uint64], low: npt.NDArray[np.uint64]
) -> npt.NDArray[np.int64]:
    """Thresholds that high · 2^63 + low reaches. The upper words tell, unless they are equal."""
    found = np.searchsorted(table.high, high, side="right").astype(np.int64)
    for at in np.flatnonzero((found > 0) & (table.high[found - 1] == high)):
        number = int(high[at]) << 63 | int(low[at])
        found[at] = bisect_right(table.thresholds, number)
    return found
