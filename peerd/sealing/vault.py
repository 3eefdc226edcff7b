"""Values sealed for one place: AES-256-GCM envelopes under the data keys of a directory.

    "peerd" 1 | generation (4) | nonce (24) | ciphertext | tag (16)

What stands in front, the directory's number and the place (table, round and key of a row, the name
of a file) are associated data: a value that was moved, within a directory or to another, does not
open.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from peerd.sealing.xaes import KEY_BYTES, NONCE_BYTES, TAG_BYTES, Key
from protocols.hashing import digest

MAGIC = b"peerd\x01"
HEADER_BYTES = len(MAGIC) + 4
OVERHEAD_BYTES = HEADER_BYTES + NONCE_BYTES + TAG_BYTES
ID_BYTES = 16
MAX_GENERATIONS = 64


class Unsealed(ValueError):
    """A value that is not as it was sealed, for this place. Says nothing of its content."""


class Vault:
    """The keys of a directory, or of a part of it, by generation; the newest seals.

    ``plain``: values from before the directory was encrypted may be met. Without keys everything is
    as it was given. ``refused``: how many values did not open so far.
    """

    def __init__(self, name: bytes, keys: Mapping[int, Key], *, plain: bool = False) -> None:
        self.name = name
        self.plain = plain
        self.refused = 0
        self._keys = dict(keys)
        self.generation = max(keys, default=0)

    @property
    def encrypts(self) -> bool:
        return bool(self._keys)

    @property
    def header(self) -> bytes:
        """What a value begins with that is as it should be."""
        return MAGIC + self.generation.to_bytes(4, "little") if self._keys else b""

    @property
    def settled(self) -> bool:
        """Whether all values are of the newest generation."""
        return not self.plain and len(self._keys) < 2

    def seal(self, value: bytes, *place: bytes) -> bytes:
        """``value`` as it goes to the disk."""
        if not self._keys:
            return value
        header = self.header
        return header + self._keys[self.generation].seal(value, self._bound(header, place))

    def open(self, stored: bytes, *place: bytes) -> bytes:
        """The value. Raises Unsealed."""
        if not stored.startswith(MAGIC) and (self.plain or not self._keys):
            return stored
        header = stored[:HEADER_BYTES]
        key = self._keys.get(int.from_bytes(header[len(MAGIC) :], "little"))
        if not stored.startswith(MAGIC) or key is None:
            self.refused += 1
            raise Unsealed("it is not encrypted, or with a key that is not here")
        found = key.open(memoryview(stored)[HEADER_BYTES:], self._bound(header, place))
        if found is None:
            self.refused += 1
            raise Unsealed("it was changed, cut or moved")
        return found

    def size(self, plain: int) -> int:
        """Bytes on the disk of a value with so many."""
        return plain + OVERHEAD_BYTES if self._keys else plain

    def is_current(self, stored: bytes) -> bool:
        """Whether a value is as it would be sealed now, by its first bytes."""
        return stored.startswith(self.header)

    def settle(self) -> None:
        """Nothing is left that is plain, or of an older generation, whose keys are forgotten."""
        self.plain = False
        for number in self._keys.keys() - {self.generation}:
            self._keys.pop(number).forget()

    def part(self, what: str) -> Vault:
        """For somebody who must open nothing else: keys that are derived, and tell no other."""
        keys = {
            number: Key(digest("peerd/sealing/part", key.reveal(), what.encode()))
            for number, key in self._keys.items()
        }
        return Vault(self.name, keys, plain=self.plain)

    def packed(self) -> bytes:
        """For a process of one's own, over a pipe: secret."""
        numbered = [
            number.to_bytes(4, "little") + key.reveal() for number, key in self.generations()
        ]
        return b"".join([self.name, bytes([self.plain]), *numbered]) if numbered else b""

    @classmethod
    def passing(cls) -> Vault:
        """With a key that is nowhere: for files that nobody opens after this process."""
        return cls(os.urandom(ID_BYTES), {1: Key(os.urandom(KEY_BYTES))})

    @classmethod
    def unpacked(cls, data: bytes) -> Vault:
        """Of ``packed``; of nothing, one that encrypts nothing."""
        name, plain, rest = data[:ID_BYTES], data[ID_BYTES : ID_BYTES + 1], data[ID_BYTES + 1 :]
        width = 4 + KEY_BYTES
        pieces = [rest[at : at + width] for at in range(0, len(rest), width)]
        keys = {int.from_bytes(each[:4], "little"): Key(each[4:]) for each in pieces}
        return cls(name, keys, plain=plain == b"\1")

    def generations(self) -> list[tuple[int, Key]]:
        """By generation, rising."""
        return sorted(self._keys.items())

    def forget(self) -> None:
        """Overwrites the keys: nothing is sealed or opened any more."""
        for _, key in self.generations():
            key.forget()

    def _bound(self, header: bytes, place: tuple[bytes, ...]) -> bytes:
        return digest("peerd/sealed", header, self.name, *place)

    def __repr__(self) -> str:
        return f"Vault(generation {self.generation})"


PLAIN = Vault(b"", {})
"""Of a directory that is not encrypted."""
