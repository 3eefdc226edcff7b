"""Primes below 2^16: exact arithmetic in float64, so that a matrix product is one BLAS call.

Elements are below 2^16, hence products below 2^32 and sums of up to 2^18 of them below 2^50: every
intermediate is an integer that float64 holds exactly, in whatever order BLAS adds.

The quotient of such an x by p is floor((x + 1/2) (1/p)), with no correction: (x + 1/2) / p is at
least 1/2p away from an integer, and its two roundings move it by less than 2^50.1 / p 2^-52 < 1/3p.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from protocols.field.kernel import Elements, Residues, Signs

MAX_TERMS = 1 << 18
FEW = 1 << 10
"""So many integers are divided as such: two passes instead of six, each of which has its cost."""
WINDOW = 1 << 15
"""Reduced at a time: what six passes go over stays in the cache."""


class SmallKernel:
    """Arithmetic modulo a prime p < 2^16."""

    def __init__(self, p: int) -> None:
        if p >= 1 << 16:
            raise ValueError(f"p = {p} is too large for the float64 kernel (below 65536)")
        self._p = p

    def _residues(self, exact: npt.NDArray[np.float64]) -> Residues:
        """Integers in [0, 2^50) held as float64, modulo p. ``exact`` may be overwritten."""
        if exact.size <= FEW:
            few: Residues = exact.astype(np.uint64)
            few %= np.uint64(self._p)
            return few
        residues: Residues = np.empty(exact.shape, np.uint64)
        flat, into = exact.reshape(-1), residues.reshape(-1)
        p, inverse = float(self._p), 1.0 / self._p
        room = np.empty(min(WINDOW, flat.size))
        for start in range(0, flat.size, WINDOW):
            window = flat[start : start + WINDOW]
            quotient = np.add(window, 0.5, out=room[: window.size])
            quotient *= inverse
            np.floor(quotient, out=quotient)
            quotient *= p
            window -= quotient
            into[start : start + WINDOW] = window
        return residues

    def mul(self, a: Elements, b: Elements) -> Residues:
        product: Residues = np.multiply(a, b, dtype=np.uint64)
        product %= np.uint64(self._p)
        return product

    def fma(self, a: Elements, b: Elements, c: Elements) -> Residues:
        total: Residues = np.multiply(a, b, dtype=np.uint64)
        total = total + c
        total %= np.uint64(self._p)
        return total

    def quadratic(self, c0: int, c1: int, c2: int, x: Elements) -> Residues:
        values = x.astype(np.float64)
        result = values * float(c2)
        result += float(c1)
        result *= values  # below 2^48 + 2^32: no reduction in between
        result += float(c0)
        return self._residues(result)

    def matmul(self, a: Elements, b: Elements) -> Residues:
        terms = a.shape[-1]
        if terms <= MAX_TERMS:
            return self._residues(np.matmul(a.astype(np.float64), b.astype(np.float64)))
        head = self.matmul(a[..., :MAX_TERMS], b[..., :MAX_TERMS, :])
        tail = self.matmul(a[..., MAX_TERMS:], b[..., MAX_TERMS:, :])
        total: Residues = (head + tail) % np.uint64(self._p)
        return total

    def signed_matmul(self, signs: Signs, b: Elements) -> Residues:
        exact = np.matmul(signs.astype(np.float64), b.astype(np.float64))
        residues: Residues = np.mod(exact.astype(np.int64), np.int64(self._p)).astype(np.uint64)
        return residues

    def sum(self, a: Elements, axis: int) -> Residues:
        total: Residues = np.asarray(np.sum(a, axis=axis, dtype=np.uint64))
        return np.mod(total, np.uint64(self._p))

    def run_sums(self, a: Elements, starts: Sequence[int]) -> Residues:
        wide = a.astype(np.uint64, copy=False)
        total: Residues = np.add.reduceat(wide, np.asarray(starts), axis=-1)
        return np.mod(total, np.uint64(self._p))
