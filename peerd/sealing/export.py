"""A file that leaves this machine sealed: for whoever has a passphrase, or a key that is named.

    a line that ``lock`` makes: a key of this file's own, which the named one opens
    pieces: nonce (24) | ciphertext of at most 1 MiB | tag (16), AES-256-GCM (xaes.py)

Each piece is bound to that line, to its place, and to whether it is the last: none can be changed,
swapped, left out or taken from another file, and an end that is cut off shows.
"""

from __future__ import annotations

import os
from hashlib import sha256
from typing import BinaryIO

from peerd.errors import VerificationError
from peerd.sealing.locked import LABEL, MAX_BYTES, lock, unlock
from peerd.sealing.source import KeySource
from peerd.sealing.xaes import KEY_BYTES, NONCE_BYTES, TAG_BYTES, Key

WHAT = "sealed file"
PIECE = 1 << 20
_SEALED_PIECE = NONCE_BYTES + PIECE + TAG_BYTES


def write_sealed(file: BinaryIO, content: bytes | memoryview, source: KeySource) -> None:
    """All of ``content``, from where ``file`` stands. StorageError where the key is not there."""
    secret = os.urandom(KEY_BYTES)
    line, key = lock(WHAT, {}, secret, source), Key(secret)
    file.write(line)
    starts = range(0, len(content), PIECE) or range(1)
    for number, start in enumerate(starts):
        place = _place(line, number, last=number == len(starts) - 1)
        file.write(key.seal(memoryview(content)[start : start + PIECE], place))
    key.forget()


def read_sealed(file: BinaryIO, out: BinaryIO, source: KeySource) -> int:
    """Writes what was sealed to ``out``, piece by piece; how many bytes. VerificationError for what
    is no such file, or was changed: then what is in ``out`` is not to be used. StorageError where
    the key is not there, or another one.
    """
    line = file.readline(MAX_BYTES + 1)
    try:
        _, secret = unlock(WHAT, line, source)
    except ValueError as error:
        raise VerificationError(f"this is no sealed file of peerd's: {error}") from None
    key, number, written = Key(secret), 0, 0
    piece = file.read(_SEALED_PIECE)
    while True:
        following = file.read(_SEALED_PIECE)
        content = key.open(piece, _place(line, number, last=not following))
        if content is None:
            raise VerificationError(
                f"the sealed file was changed or cut off: piece {number} does not open",
                "ask for it again",
            )
        out.write(content)
        written += len(content)
        if not following:
            key.forget()
            return written
        piece, number = following, number + 1


def is_by_passphrase(line: bytes) -> bool:
    """Whether a sealed file's first line asks for a passphrase, and for no key."""
    return line.startswith(f'{{"{LABEL}"'.encode()) and b'"memory"' in line


def _place(line: bytes, number: int, *, last: bool) -> bytes:
    return sha256(line).digest() + number.to_bytes(8, "little") + bytes([last])
