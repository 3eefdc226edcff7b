"""Mersenne primes 2^q - 1, q = 31 or 61: uint64 limbs, and float64 BLAS over limbs.

2^q = 1 modulo p, so a reduction is a fold, ``(x & p) + (x >> q)``, and a product with a power of
two is a rotation of the q bits.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from protocols.field.kernel import Elements, Residues, Signs

EXACT_BITS = 53
LIMB_BITS = {31: (31, 11), 61: (21, 21)}
"""Bits of a limb on the left and on the right: the fewest products, 3 and 9, in exact float64."""
MAX_SIGNED_TERMS = 1 << 22
"""Elements' halves are below 2^31, so that so many of either sign sum up to less than 2^53."""
MAX_PENDING = 1 << 10
"""Blocks whose exact sums, each below 2^53, add up in a uint64."""
LOW_32 = np.uint64((1 << 32) - 1)
LOW_31 = np.uint64((1 << 31) - 1)


class MersenneKernel:
    """Arithmetic modulo p = 2^exponent - 1."""

    def __init__(self, exponent: int) -> None:
        if exponent not in LIMB_BITS:
            raise ValueError(f"no kernel for 2^{exponent} - 1: the exponents are 31 and 61")
        self._exponent = exponent
        self._p = np.uint64((1 << exponent) - 1)

    def _reduce(self, x: Residues) -> Residues:
        """Any uint64 to its canonical residue: two folds, then at most one p too many."""
        q = np.uint64(self._exponent)
        x = (x & self._p) + (x >> q)
        x = (x & self._p) + (x >> q)
        return np.minimum(x, np.subtract(x, self._p, dtype=np.uint64))  # below p it wraps around

    def _shift(self, x: Residues, bits: int) -> Residues:
        """x * 2^bits for a canonical x: rotate the q bits."""
        bits %= self._exponent
        if bits == 0:
            return x
        keep = self._exponent - bits
        low = x & np.uint64((1 << keep) - 1)
        return (low << np.uint64(bits)) | (x >> np.uint64(keep))

    def mul(self, a: Elements, b: Elements) -> Residues:
        left, right = a.astype(np.uint64, copy=False), b.astype(np.uint64, copy=False)
        if self._exponent == 31:
            return self._reduce(left * right)
        a_high, a_low = left >> np.uint64(32), left & LOW_32
        b_high, b_low = right >> np.uint64(32), right & LOW_32
        middle = a_high * b_low + a_low * b_high  # below 2^62; weighs 2^32
        low = a_low * b_low  # below 2^64
        total = (a_high * b_high) << np.uint64(3)  # weighs 2^64 = 2^3
        total += middle >> np.uint64(29)  # 2^32 * 2^29 = 1
        total += (middle & np.uint64((1 << 29) - 1)) << np.uint64(32)
        total += (low & self._p) + (low >> np.uint64(61))  # the sum stays below 2^63
        return self._reduce(total)

    def fma(self, a: Elements, b: Elements, c: Elements) -> Residues:
        return self._reduce(self.mul(a, b) + c)

    def quadratic(self, c0: int, c1: int, c2: int, x: Elements) -> Residues:
        inner = self.mul(x, np.array(c2, np.uint64)) + np.uint64(c1)
        return self._reduce(self.mul(x, self._reduce(inner)) + np.uint64(c0))

    def matmul(self, a: Elements, b: Elements) -> Residues:
        """One BLAS call a block: all limbs of a above each other, all limbs of b side by side."""
        left_bits, right_bits = LIMB_BITS[self._exponent]
        block = 1 << (EXACT_BITS - left_bits - right_bits)
        rows, columns = a.shape[-2], b.shape[-1]
        total: Residues | None = None
        for start in range(0, a.shape[-1], block * MAX_PENDING):
            pending, blocks = None, 0
            for first in range(start, min(start + block * MAX_PENDING, a.shape[-1]), block):
                left = _limbs(a[..., first : first + block], left_bits, self._exponent, -2)
                right = _limbs(b[..., first : first + block, :], right_bits, self._exponent, -1)
                exact = np.matmul(left, right).astype(np.uint64)
                pending = exact if pending is None else pending + exact
                blocks += 1
            if pending is not None:
                part = self._recompose(pending, rows, columns, blocks)
                total = part if total is None else self._reduce(total + part)
        if total is None:
            shape = (*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), rows, columns)
            return np.zeros(shape, np.uint64)
        return total

    def _recompose(self, parts: Residues, rows: int, columns: int, blocks: int) -> Residues:
        """The sum of all limbs' products, each times its power of two.

        ``parts`` are sums of so many ``blocks``, each below 2^53. Up to 3 of them have one power.
        """
        left_bits, right_bits = LIMB_BITS[self._exponent]
        if blocks > 1:
            parts = self._reduce(parts)
        canonical = blocks == 1 and int(self._p) >= 3 << EXACT_BITS
        by_power: dict[int, Residues] = {}
        for i in range(parts.shape[-2] // rows if rows else 0):
            row = parts[..., i * rows : (i + 1) * rows, :]
            for j in range(parts.shape[-1] // columns if columns else 0):
                piece = row[..., j * columns : (j + 1) * columns]
                power = i * left_bits + j * right_bits
                by_power[power] = by_power[power] + piece if power in by_power else piece
        total = np.zeros((*parts.shape[:-2], rows, columns), np.uint64)
        for power, piece in by_power.items():  # at most 5, each below 2^61
            total += self._shift(piece if canonical else self._reduce(piece), power)
        return self._reduce(total)

    def signed_matmul(self, signs: Signs, b: Elements) -> Residues:
        if signs.shape[1] > MAX_SIGNED_TERMS:
            head = self.signed_matmul(signs[:, :MAX_SIGNED_TERMS], b[:MAX_SIGNED_TERMS])
            tail = self.signed_matmul(signs[:, MAX_SIGNED_TERMS:], b[MAX_SIGNED_TERMS:])
            return self._reduce(head + tail)
        wide, left = b.astype(np.uint64, copy=False), signs.astype(np.float64)
        columns = b.shape[1]
        # Both halves in one product.
        low, high = wide & LOW_31, wide >> np.uint64(31)
        exact = np.matmul(left, np.concatenate([low, high], axis=1).astype(np.float64))
        signed = exact.astype(np.int64)
        parts = np.mod(signed, np.int64(self._p)).astype(np.uint64)
        return self._reduce(parts[:, :columns] + self._shift(parts[:, columns:], 31))

    def sum(self, a: Elements, axis: int) -> Residues:
        wide = a.astype(np.uint64, copy=False)
        low = self._reduce(np.sum(wide & LOW_32, axis=axis, dtype=np.uint64))
        high = self._reduce(np.sum(wide >> np.uint64(32), axis=axis, dtype=np.uint64))
        return self._reduce(low + self._shift(high, 32))

    def run_sums(self, a: Elements, starts: Sequence[int]) -> Residues:
        wide, at = a.astype(np.uint64, copy=False), np.asarray(starts)
        low = self._reduce(np.add.reduceat(wide & LOW_32, at, axis=-1))
        high = self._reduce(np.add.reduceat(wide >> np.uint64(32), at, axis=-1))
        return self._reduce(low + self._shift(high, 32))


def _limbs(a: Elements, width: int, bits: int, axis: int) -> npt.NDArray[np.float64]:
    """The limbs of ``width`` bits, lowest first, side by side along ``axis``."""
    wide = a.astype(np.uint64, copy=False)
    if width >= bits:
        return wide.astype(np.float64)
    mask = np.uint64((1 << width) - 1)
    limbs = [(wide >> np.uint64(shift)) & mask for shift in range(0, bits, width)]
    return np.concatenate(limbs, axis=axis).astype(np.float64)
