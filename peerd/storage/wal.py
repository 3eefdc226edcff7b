"""Tells a torn write from a damaged one in SQLite's write-ahead log (faults 45 and 46).

SQLite replays the log up to the first frame whose checksum fails and forgets what follows. That is
right for a write that was torn by a crash, and would be fatal for a bit flip further up: durable
journal entries would vanish, and the peer could sign twice. With ``synchronous=FULL`` a
transaction is on disk before the next one starts, so a torn write can only be in the last
transaction; a bad frame with a later transaction behind it is damage.

File format: https://www.sqlite.org/fileformat2.html#the_write_ahead_log
"""

from __future__ import annotations

import struct
from array import array
from os import SEEK_CUR
from pathlib import Path
from sys import byteorder

from peerd.errors import CorruptError
from peerd.storage.durable import START_EMPTY

_HEADER = struct.Struct(">8I")  # magic, version, page size, checkpoint, salt × 2, checksum × 2
_FRAME = struct.Struct(">6I")  # page, database size after a commit or 0, salt × 2, checksum × 2
_MAGIC_LITTLE = 0x377F0682
_MAGIC_BIG = 0x377F0683
_MASK = 0xFFFFFFFF
_MIN_PAGE = 512
_MAX_PAGE = 65536


def check_log(path: Path) -> None:
    """Raises CorruptError if SQLite would silently drop a durable transaction of this log.

    Not to be told from a torn write, and let through: damage in the very last transaction, and
    damage to the commit mark of the last but one.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        header = file.read(_HEADER.size)
        if not file.read(1):
            return  # no frame: whatever was in here is in the database
        file.seek(_HEADER.size)
        order, page_size, salt, checksum = _read_header(header, path)
        bad = False
        commits = 0
        while len(frame := file.read(_FRAME.size)) == _FRAME.size:
            _, commit, salt_1, salt_2, *stored = _FRAME.unpack(frame)
            # Frames of an older generation, checkpointed long ago, have another salt.
            ours = (salt_1, salt_2) == salt
            if bad or not ours:
                bad = True
                file.seek(page_size, SEEK_CUR)
            else:
                checksum = _checksum(frame[:8] + file.read(page_size), order, checksum)
                bad = checksum != tuple(stored)
            commits += bad and ours and commit > 0
            if commits > 1:
                raise _damaged(path)


def _read_header(header: bytes, path: Path) -> tuple[str, int, tuple[int, int], tuple[int, int]]:
    magic, _, page_size, _, salt_1, salt_2, *stored = _HEADER.unpack(header)
    if magic not in (_MAGIC_LITTLE, _MAGIC_BIG) or not _MIN_PAGE <= page_size <= _MAX_PAGE:
        raise _damaged(path)
    order = "little" if magic == _MAGIC_LITTLE else "big"
    checksum = _checksum(header[:24], order, (0, 0))
    if checksum != tuple(stored):
        raise _damaged(path)
    return order, page_size, (salt_1, salt_2), checksum


def _checksum(data: bytes, order: str, start: tuple[int, int]) -> tuple[int, int]:
    words = array("I", data[: len(data) // 8 * 8])
    if order != byteorder:
        words.byteswap()
    first, second = start
    pairs = iter(words)
    for even, odd in zip(pairs, pairs, strict=True):
        first = (first + even + second) & _MASK
        second = (second + odd + first) & _MASK
    return first, second


def _damaged(path: Path) -> CorruptError:
    return CorruptError(
        f"the database log {path} is damaged",
        START_EMPTY,
    )
