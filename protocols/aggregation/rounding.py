"""From reals to integers by coins: unbiased, and the same at the same peer again."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from protocols.aggregation.contract import AggregationError, Encoded, Model, Update
from protocols.aggregation.model import vector_bytes
from protocols.hashing import Xof

Reals = NDArray[np.float64]

_PRECISION = 52
_GUARDED_BITS = 40
_MAX_COIN_BITS = 16
_CHUNK = 1 << 16
"""Values that are rounded at once: what they pass through is several times as large."""


def coin_bits(bits: int) -> int:
    """Bits of a rounding coin beside integers of ``bits`` bits: float64 has to hold both."""
    return min(_MAX_COIN_BITS, _GUARDED_BITS - bits)


class Rounding:
    """Coins from the hash of model and update, as RSA's ties: a restart rounds alike.

    Different peers have different updates, hence other coins. Successive calls take other coins.
    """

    def __init__(self, domain: str, bits: int, model: Model, update: Update) -> None:
        self._coin_bits = coin_bits(bits)
        self._stream = Xof(domain, vector_bytes(model), vector_bytes(update))

    def __call__(self, values: Reals) -> Encoded:
        """One of the two neighbouring integers of each value (d,): up with its fraction's chance.

        The chance is a multiple of 2^-coin_bits. A value within 2^-(coin_bits + 1) of an integer
        becomes that integer.
        """
        drawn = np.frombuffer(self._stream.read(2 * values.size), dtype="<u2")
        rounded = np.empty(values.size, np.int64)
        for start in range(0, values.size, _CHUNK):
            window = slice(start, start + _CHUNK)
            fine = np.rint(values[window] * float(1 << self._coin_bits)).astype(np.int64)
            coins = drawn[window].astype(np.int64) >> (_MAX_COIN_BITS - self._coin_bits)
            rounded[window] = (fine + coins) >> self._coin_bits
        return rounded


def change_of(model: Model, update: Update) -> Reals:
    """x − w in float64, (d,)."""
    change = update.astype(np.float64)
    change -= model
    return change


def length_of(change: Reals) -> float:
    """The 2-norm, without overflow."""
    largest = max(float(change.max(initial=0.0)), -float(change.min(initial=0.0)))
    if not largest:
        return 0.0
    scaled = change / largest
    return largest * math.sqrt(float(np.sum(np.square(scaled, out=scaled))))


def check_preimage(model: Model, scale: Fraction, bits: int) -> None:
    """Raises AggregationError if float64 can't tell the model's coordinate from its neighbour.

    ``scale``: integers a unit of a parameter. The rounding forgives 2^-(coin_bits + 1) of an
    integer, so half of that is allowed for the sum of model and change.
    """
    largest = Fraction(float(np.abs(model).max(initial=0.0)))
    if largest * scale * (1 << coin_bits(bits)) * 4 > 1 << _PRECISION:
        raise AggregationError(
            f"a parameter of {float(largest):g} is too large for a preimage at a resolution of"
            f" {float(1 / scale):g}"
        )
