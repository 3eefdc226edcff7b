"""What stands in a row: the value, encrypted where the directory is, and its seal.

The seal is a hash of where the row stands and what is stored there. A bit flip that SQLite can't
see, or a row moved to another place, no longer fits it (fault 46). Against somebody who can write
the files the encryption protects, which binds a value to its place too.
"""

from __future__ import annotations

from peerd.errors import StorageError
from peerd.sealing import Unsealed
from peerd.storage.database import Database
from protocols.hashing import digest

MAX_RECORD = 1 << 26  # bytes of a certificate, an evidence, a round's summary, a meta value


def seal(table: str, round: int, key: str, stored: bytes) -> bytes:
    """32 bytes over the table, the key and what is stored."""
    return digest("peerd/store", *_place(table, round, key), stored)


def sealed(
    database: Database, table: str, round: int, key: str, value: bytes
) -> tuple[bytes, bytes]:
    """What is stored of ``value``, and its seal: before anything of it reaches SQLite."""
    stored = database.vault.seal(value, *_place(table, round, key))
    return stored, seal(table, round, key, stored)


def opened(
    database: Database, table: str, round: int, key: str, value: object, stored: object
) -> bytes:
    """What was stored as ``value``, if its seal fits and it opens; else CorruptError."""
    if isinstance(value, bytes) and stored == seal(table, round, key, value):
        try:
            return database.vault.open(value, *_place(table, round, key))
        except Unsealed:
            pass
    raise database.damaged(called(table, round, key))


def called(table: str, round: int, key: str) -> str:
    """A row, for people: ``journal 'secret/0' of round 3``; a meta value is of no round."""
    named = f"{table} {key!r}" if key else table
    return named if table == "meta" else f"{named} of round {round}"


def _place(table: str, round: int, key: str) -> tuple[bytes, ...]:
    return table.encode(), round.to_bytes(8, "little", signed=True), key.encode()


def bounded(what: str, value: bytes) -> bytes:
    """``value``, if it isn't larger than MAX_RECORD; else StorageError."""
    if len(value) > MAX_RECORD:
        raise StorageError(f"{what} has {len(value)} bytes, more than {MAX_RECORD}")
    return bytes(value)
