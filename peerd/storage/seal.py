"""The seal of a value: a hash of where it stands and what it is.

A bit flip that SQLite can't see, or a row moved to another place, no longer fits its seal
(fault 46). It is no protection against somebody who can write the files.
"""

from __future__ import annotations

from peerd.errors import StorageError
from peerd.storage.database import Database
from protocols.hashing import digest

MAX_RECORD = 1 << 26  # bytes of a certificate, an evidence, a round's summary, a meta value


def seal(table: str, round: int, key: str, value: bytes) -> bytes:
    """32 bytes over the table, the key and the value."""
    place = (table.encode(), round.to_bytes(8, "little", signed=True), key.encode())
    return digest("peerd/store", *place, value)


def opened(
    database: Database, table: str, round: int, key: str, value: object, stored: object
) -> bytes:
    """``value``, if its seal fits; else CorruptError."""
    if isinstance(value, bytes) and stored == seal(table, round, key, value):
        return value
    raise database.damaged(f"{table} {key!r} of round {round}")


def bounded(what: str, value: bytes) -> bytes:
    """``value``, if it isn't larger than MAX_RECORD; else StorageError."""
    if len(value) > MAX_RECORD:
        raise StorageError(f"{what} has {len(value)} bytes, more than {MAX_RECORD}")
    return bytes(value)
