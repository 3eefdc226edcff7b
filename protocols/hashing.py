"""Domain-separated hashing: SHA-256 for commitments, SHAKE-128 as the XOF.

Every hash in the protocol goes through here, so that no two uses share a domain: the domain and
each part are prefixed with their length, hence ``digest("a", b"bc")`` and ``digest("ab", b"c")``
can't collide by concatenation.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

DIGEST_BYTES = 32
LARGE = 1 << 16


def _frame(domain: str, parts: tuple[bytes | memoryview, ...]) -> bytes:
    pieces: list[bytes | memoryview] = [_prefix(domain)]
    for part in parts:
        size = len(part)
        pieces.append(_SIZES[size] if size < 256 else size.to_bytes(8, "little"))
        pieces.append(part)
    return b"".join(pieces)


_SIZES = [size.to_bytes(8, "little") for size in range(256)]


@lru_cache(maxsize=256)
def _prefix(domain: str) -> bytes:
    name = domain.encode()
    return len(name).to_bytes(2, "little") + name


def digest(domain: str, *parts: bytes | memoryview) -> bytes:
    """32 bytes: SHA-256 over the domain and the length-prefixed parts. A view is one of bytes."""
    if all(len(part) < LARGE for part in parts):
        return hashlib.sha256(_frame(domain, parts)).digest()
    running = hashlib.sha256(_prefix(domain))
    for part in parts:  # not joined: a share of a large model would lie in memory twice
        running.update(len(part).to_bytes(8, "little"))
        running.update(part)
    return running.digest()


def numbers(*values: int) -> list[bytes]:
    """Integers as parts of a hash: eight bytes each, little-endian."""
    return [value.to_bytes(8, "little") for value in values]


def digest_each(domain: str, data: bytes, width: int) -> list[bytes]:
    """``digest`` of each piece of ``width`` bytes, the last of which may be shorter.

    The framing, which costs more than the hash of a small piece, is made once.
    """
    sha256, head = hashlib.sha256, _frame(domain, ()) + width.to_bytes(8, "little")
    whole = len(data) // width * width
    digests = [sha256(head + data[at : at + width]).digest() for at in range(0, whole, width)]
    if whole < len(data):
        digests.append(digest(domain, data[whole:]))
    return digests


class Xof:
    """An endless stream of bytes that look random to whoever doesn't know the parts (SHAKE-128).

    ``read`` continues where the last one stopped. hashlib can only squeeze from the start, so the
    buffer doubles when it runs dry: at most twice the work of one squeeze of the right length.
    """

    __slots__ = ("_buffer", "_position", "_state")

    def __init__(self, domain: str, *parts: bytes) -> None:
        self._state = hashlib.shake_128(_frame(domain, parts))
        self._buffer = b""
        self._position = 0

    def read(self, length: int) -> bytes:
        end = self._position + length
        if end > len(self._buffer):
            self._buffer = self._state.digest(max(end, 2 * len(self._buffer)))
        piece = self._buffer[self._position : end]
        self._position = end
        return piece

    def below(self, bound: int) -> int:
        """A uniform integer in [0, bound), by rejection: a modulo would favour the small ones."""
        if bound < 1:
            raise ValueError(f"no integer lies below {bound}")
        width = (bound.bit_length() + 7) // 8
        limit = (1 << (8 * width)) // bound * bound
        while True:
            drawn = int.from_bytes(self.read(width), "little")
            if drawn < limit:
                return drawn % bound

    def __repr__(self) -> str:
        return "Xof(…)"
