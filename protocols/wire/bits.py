"""A set as a string of bits: one for each thing that may be in it, the lowest first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from protocols.errors import WireError


def with_bits(bits: Iterable[int], length: int) -> bytes:
    """These bits of so many, the lowest first."""
    made = bytearray(-(-length // 8))
    for bit in bits:
        made[bit // 8] |= 1 << bit % 8
    return bytes(made)


def bits_in(data: bytes, length: int) -> Iterator[int]:
    """Which bits are set, rising. WireError for one that is none of so many."""
    for place, byte in enumerate(data):
        for bit in range(8) if byte else ():
            if byte >> bit & 1:
                if 8 * place + bit >= length:
                    raise WireError("a bit for nobody")
                yield 8 * place + bit
