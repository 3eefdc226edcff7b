"""Which blobs are kept, for which round and how long.

A blob is kept while a model or a transcript names it, or, if it was put for its own sake (loose),
while it is among the newest. Rows are deleted before files: a crash in between leaves a file
without a row, which the next start adopts as a loose blob.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from peerd.storage.blobs import Blobs
from peerd.storage.database import Database

LOOSE_BLOBS_KEPT = 4096
LOOSE_BYTES_KEPT = 1 << 31

Table: TypeAlias = Literal["model", "transcript"]


class Archive:
    """The blobs of a store and the tables that name them."""

    def __init__(self, database: Database, blobs: Blobs) -> None:
        self._database = database
        self._blobs = blobs
        with database.transaction() as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO blob (hash, size, loose) VALUES (?, ?, 1)", blobs.sizes()
            )

    def put(
        self, table: Table, round: int, data: bytes, kept: int, pinned: int | None = None
    ) -> None:
        """Stores (or replaces) what ``table`` has for ``round``; keeps the last ``kept`` rounds,
        and the one that is ``pinned``.
        """
        name = self._blobs.write(data)
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO blob (hash, size, loose) VALUES (?, ?, 0)", (name, len(data))
            )
            connection.execute(f"INSERT OR REPLACE INTO {table} VALUES (?, ?)", (round, name))
            connection.execute(
                f"DELETE FROM {table} WHERE round <="
                f" (SELECT round FROM {table} ORDER BY round DESC LIMIT 1 OFFSET ?)"
                " AND round IS NOT ?",
                (kept, pinned),
            )
        self._evict()

    def get(self, table: Table, round: int) -> bytes | None:
        """None if it was never stored, is pruned, or is damaged."""
        rows = self._database.rows(f"SELECT hash FROM {table} WHERE round = ?", round)
        return self._blobs.read(rows[0][0]) if rows else None

    def rounds(self, table: Table) -> list[int]:
        """The rounds for which ``table`` has something, rising."""
        rows = self._database.rows(f"SELECT round FROM {table} ORDER BY round")
        return [round for (round,) in rows]

    def put_loose(self, data: bytes) -> bytes:
        """The SHA-256 of ``data``, which is kept while it is among the newest."""
        name = self._blobs.write(data)
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO blob (hash, size, loose) VALUES (?, ?, 1)"
                " ON CONFLICT (hash) DO UPDATE SET loose = 1",
                (name, len(data)),
            )
        self._evict()
        return name

    def blob(self, name: bytes) -> bytes | None:
        """The bytes with this SHA-256; None if they aren't here or are damaged."""
        return self._blobs.read(name)

    def _evict(self) -> None:
        rows = self._database.rows(
            "SELECT hash, size, loose FROM blob WHERE hash NOT IN"
            " (SELECT hash FROM model UNION SELECT hash FROM transcript) ORDER BY number DESC"
        )
        count = size = 0
        gone = []
        for name, length, loose in rows:
            if loose and count < LOOSE_BLOBS_KEPT and size + length <= LOOSE_BYTES_KEPT:
                count, size = count + 1, size + length
            else:
                gone.append(name)
        if not gone:
            return
        with self._database.transaction() as connection:
            connection.executemany("DELETE FROM blob WHERE hash = ?", [(name,) for name in gone])
        for name in gone:
            self._blobs.remove(name)
