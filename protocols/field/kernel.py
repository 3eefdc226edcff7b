"""What a prime's arithmetic must offer: the interface between PrimeField and its two kernels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

Elements: TypeAlias = npt.NDArray[np.unsignedinteger[Any]]
"""Canonical elements in any unsigned type (wide enough for p)."""

Residues: TypeAlias = npt.NDArray[np.uint64]
"""Canonical elements as results: always uint64, below p."""


Signs: TypeAlias = npt.NDArray[np.int8]
"""Entries -1, 0 and 1."""


class Kernel(Protocol):
    """Vectorised arithmetic modulo one prime. Arguments and results are canonical."""

    def mul(self, a: Elements, b: Elements) -> Residues:
        """Elementwise product, with broadcasting."""

    def fma(self, a: Elements, b: Elements, c: Elements) -> Residues:
        """a b + c, elementwise, with broadcasting."""

    def quadratic(self, c0: int, c1: int, c2: int, x: Elements) -> Residues:
        """c0 + c1 x + c2 x^2, elementwise; coefficients canonical."""

    def matmul(self, a: Elements, b: Elements) -> Residues:
        """Matrix product over the last two axes, with broadcasting over the others."""

    def signed_matmul(self, signs: Signs, b: Elements) -> Residues:
        """signs (r, n) @ b (n, s)."""

    def sum(self, a: Elements, axis: int) -> Residues:
        """Sum along an axis (at most 2^32 terms)."""

    def run_sums(self, a: Elements, starts: Sequence[int]) -> Residues:
        """Sums of the runs of the last axis that begin at ``starts``, rising from 0; none is empty
        (at most 2^32 terms).
        """
