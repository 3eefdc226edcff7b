"""The prime field: vectorised arithmetic, canonical bytes and uniform sampling.

docs/protocol.md §3: a small family of primes; a round takes the smallest one that holds every
opened sum and has m + k distinct points.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from protocols.errors import WireError
from protocols.field._mersenne import MersenneKernel
from protocols.field._small import SmallKernel
from protocols.field.kernel import Elements, Kernel, Residues, Signs
from protocols.hashing import Xof

FEW_INVERSES = 128
"""So many elements are inverted one by one: 2 log p vectorised products would take longer."""
LONG_SAMPLE = 1 << 18
"""Words of a sample that are looked at at once, where there are more."""
MERSENNE_EXPONENTS = {(1 << 31) - 1: 31, (1 << 61) - 1: 61}


@dataclass(frozen=True)
class PrimeField:
    """Integers modulo a prime p: any p < 2^16, or 2^31 - 1, or 2^61 - 1.

    Arrays hold canonical elements (0 <= x < p) in an unsigned type; results are uint64.
    """

    p: int

    def __post_init__(self) -> None:
        if self.p in MERSENNE_EXPONENTS:
            return
        if not 2 < self.p < 1 << 16 or not _is_small_prime(self.p):
            raise ValueError(
                f"p = {self.p} is not in the family: an odd prime below 65536, 2^31-1 or 2^61-1"
            )

    @cached_property
    def element_bytes(self) -> int:
        """Bytes of one element on the wire, little-endian: 1, 2, 4 or 8."""
        return 1 if self.p < 1 << 8 else 2 if self.p < 1 << 16 else 4 if self.p < 1 << 32 else 8

    @cached_property
    def dtype(self) -> np.dtype[np.unsignedinteger[npt.NBitBase]]:
        """The element's type on the wire, and in stored share arrays."""
        return np.dtype(f"<u{self.element_bytes}")

    @cached_property
    def kernel(self) -> Kernel:
        """The arithmetic for this p."""
        if self.p in MERSENNE_EXPONENTS:
            return MersenneKernel(MERSENNE_EXPONENTS[self.p])
        return SmallKernel(self.p)

    # arithmetic

    def array(self, values: Sequence[int] | npt.NDArray[np.int64] | Elements) -> Residues:
        """Integers of any sign, reduced."""
        if isinstance(values, np.ndarray) and values.dtype.kind == "u":
            return np.mod(values, np.uint64(self.p), dtype=np.uint64)
        if isinstance(values, np.ndarray) and values.dtype.kind == "i":
            return np.mod(values, np.int64(self.p), dtype=np.int64).astype(np.uint64)
        flat = [int(value) % self.p for value in np.asarray(values, dtype=object).ravel()]
        return np.array(flat, np.uint64).reshape(np.shape(values))

    def centred(self, a: Elements) -> npt.NDArray[np.int64]:
        """The residues as integers in (-p / 2, p / 2)."""
        lifted: npt.NDArray[np.int64] = a.astype(np.int64)
        return np.subtract(lifted, self.p, out=lifted, where=lifted > self.p // 2)

    def add(self, a: Elements, b: Elements) -> Residues:
        total: Residues = np.add(a, b, dtype=np.uint64)
        return np.where(total >= np.uint64(self.p), total - np.uint64(self.p), total)

    def sub(self, a: Elements, b: Elements) -> Residues:
        return self.add(a, self.neg(b))

    def neg(self, a: Elements) -> Residues:
        wide = a.astype(np.uint64, copy=False)
        return np.where(wide == 0, wide, np.uint64(self.p) - wide)

    def mul(self, a: Elements, b: Elements) -> Residues:
        return self.kernel.mul(a, b)

    def fma(self, a: Elements, b: Elements, c: Elements) -> Residues:
        """a b + c, elementwise, with broadcasting."""
        return self.kernel.fma(a, b, c)

    def product(self, a: Elements) -> Residues:
        """Product over the first axis, halving it."""
        wide: Residues = a.astype(np.uint64, copy=False)
        while len(wide) > 1:
            half = len(wide) // 2
            tail = wide[2 * half :]
            wide = np.concatenate([self.mul(wide[:half], wide[half : 2 * half]), tail])
        return wide[0] if len(wide) else np.ones(a.shape[1:], np.uint64)

    def matmul(self, a: Elements, b: Elements) -> Residues:
        """Matrix product over the last two axes, with broadcasting over the others."""
        return self.kernel.matmul(a, b)

    def signed_matmul(self, signs: Signs, b: Elements) -> Residues:
        """Product of signs (r, n), each -1, 0 or 1, and elements (n, s)."""
        return self.kernel.signed_matmul(signs, b)

    def sum(self, a: Elements, axis: int) -> Residues:
        return self.kernel.sum(a, axis)

    def run_sums(self, a: Elements, starts: Sequence[int]) -> Residues:
        """Sums of the runs of the last axis that begin at ``starts``, rising from 0."""
        return self.kernel.run_sums(a, starts)

    def quadratic(self, c0: int, c1: int, c2: int, x: Elements) -> Residues:
        """c0 + c1 x + c2 x^2, elementwise; coefficients of any sign."""
        return self.kernel.quadratic(c0 % self.p, c1 % self.p, c2 % self.p, x)

    def inverse(self, a: Elements) -> Residues:
        """Elementwise inverse; of many x^(p-2). Raises ZeroDivisionError if an element is 0."""
        if not np.all(a):
            raise ZeroDivisionError("0 has no inverse in the field")
        if a.size <= FEW_INVERSES:
            one_by_one = [pow(element, -1, self.p) for element in a.ravel().tolist()]
            return np.array(one_by_one, np.uint64).reshape(a.shape)
        square: Residues = a.astype(np.uint64)
        result: Residues = np.ones_like(square)
        exponent = self.p - 2
        while exponent:
            if exponent & 1:
                result = self.mul(result, square)
            square = self.mul(square, square)
            exponent >>= 1
        return result

    # bytes

    def encode(self, a: Elements) -> bytes:
        """Canonical little-endian bytes, row by row. Raises ValueError on an element >= p."""
        if not self.canonical(a):
            raise ValueError(f"an element is not below p = {self.p}")
        return np.ascontiguousarray(a, dtype=self.dtype).tobytes()

    def decode(self, data: bytes, count: int) -> Elements:
        """Exactly ``count`` elements, shape (count,). Raises WireError otherwise."""
        if len(data) != count * self.element_bytes:
            raise WireError(
                f"{len(data)} bytes where {count} field elements take {count * self.element_bytes}"
            )
        elements: Elements = np.frombuffer(data, self.dtype)
        if not self.canonical(elements):
            raise WireError(f"a field element is not below p = {self.p}")
        return elements

    def canonical(self, a: Elements) -> bool:
        """Whether every element, of any unsigned type, is below p."""
        return a.size == 0 or int(a.max()) < self.p

    # sampling

    def sample(self, xof: Xof, count: int) -> Elements:
        """``count`` uniform elements. It must be the last thing that is read from this stream.

        The stream is cut into little-endian words of ``element_bytes``, each masked to the bits of
        p; words that are not below p are skipped (a modulo would favour the small ones).
        """
        sampled: Elements = self.sample_rows([xof], count)[0]
        return sampled

    def sample_rows(self, xofs: Sequence[Xof], count: int) -> Elements:
        """One ``sample`` a stream, shape (len(xofs), count), with one pass over all of them."""
        words = self._expected_words(count)
        if words > LONG_SAMPLE:
            return self._long_rows(xofs, count)
        data = b"".join([xof.read(words * self.element_bytes) for xof in xofs])
        raw = self._masked(data).reshape(len(xofs), words)
        accepted = raw < self.dtype.type(self.p)
        rows: Elements = raw[:, :count].copy()
        short: list[int] = np.flatnonzero(~accepted[:, :count].all(axis=1)).tolist()
        for index in short:
            kept = raw[index][accepted[index]]
            while len(kept) < count:
                more = self._masked(xofs[index].read(words * self.element_bytes))
                kept = np.concatenate([kept, more[more < self.dtype.type(self.p)]])
            rows[index] = kept[:count]
        return rows

    def _long_rows(self, xofs: Sequence[Xof], count: int) -> Elements:
        """The same, stream by stream and piece by piece: in memory there is what the stream gave,
        once, and the result.
        """
        rows: Elements = np.empty((len(xofs), count), self.dtype)
        for xof, row in zip(xofs, rows, strict=True):
            filled = 0
            while filled < count:
                data = memoryview(xof.read(self._expected_words(count) * self.element_bytes))
                size = LONG_SAMPLE * self.element_bytes
                for start in range(0, len(data), size):
                    raw = self._masked(data[start : start + size])
                    kept = raw[raw < self.dtype.type(self.p)][: count - filled]
                    row[filled : filled + len(kept)] = kept
                    filled += len(kept)
        return rows

    def _expected_words(self, count: int) -> int:
        """Words that nearly always hold ``count`` accepted ones."""
        return (count << self.p.bit_length()) // self.p + count // 1024 + 16

    def _masked(self, data: bytes | memoryview) -> Elements:
        raw: Elements = np.frombuffer(data, self.dtype)
        mask = (1 << self.p.bit_length()) - 1
        if mask.bit_length() == 8 * self.element_bytes:
            return raw
        masked: Elements = raw & self.dtype.type(mask)
        return masked


def _is_small_prime(p: int) -> bool:
    return p > 1 and all(p % divisor for divisor in range(2, int(p**0.5) + 1))


P16 = PrimeField(65521)
P31 = PrimeField((1 << 31) - 1)
P61 = PrimeField((1 << 61) - 1)
FAMILY = (P16, P31, P61)


def field_for(largest_sum: int, points: int, modulus_above: int = 0) -> PrimeField:
    """The smallest field of the family in which sums up to ``largest_sum``, of either sign, fit.

    ``points`` is m + k, the distinct evaluation points that the plan needs; ``modulus_above`` is
    what p must exceed besides. Raises ValueError.
    """
    least = max(2 * largest_sum, modulus_above)
    for field in FAMILY:
        if least < field.p and points <= field.p:
            return field
    raise ValueError(
        f"no field of the family holds sums up to {largest_sum} and a modulus above"
        f" {modulus_above} (largest: 2^61 - 1)"
    )
