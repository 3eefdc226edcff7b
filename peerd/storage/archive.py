"""Which blobs are kept, for which round and how long.

A blob is kept while a model or a transcript names it, or, if it was put for its own sake (loose),
while it is among the newest. Nothing is removed but by ``prune``. Rows are deleted before files: a
crash in between leaves a file without a row, which the next start adopts as a loose blob.
"""

from __future__ import annotations

from dataclasses import replace
from sqlite3 import Connection
from typing import Literal, TypeAlias

from peerd.storage.blobs import Blobs
from peerd.storage.database import Database
from peerd.storage.keeping import (
    MODELS_KEPT,
    RECENT,
    SUMS_BYTES_KEPT,
    SUMS_KEPT,
    Keeping,
    Pruned,
)

Table: TypeAlias = Literal["model", "transcript"]
_OLDER = f"round <= (SELECT max(round) FROM {{}}) - {RECENT}"
_WITHOUT_BLAME = "round NOT IN (SELECT round FROM blame)"


class Archive:
    """The blobs of a store and the tables that name them."""

    def __init__(self, database: Database, blobs: Blobs) -> None:
        self._database = database
        self._blobs = blobs
        with database.transaction() as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO blob (hash, size, loose) VALUES (?, ?, 1)", blobs.sizes()
            )

    def put(self, table: Table, round: int, data: bytes) -> None:
        """Stores (or replaces) what ``table`` has for ``round``."""
        name = self._blobs.write(data)
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO blob (hash, size, loose) VALUES (?, ?, 0)",
                (name, self._blobs.size(data)),
            )
            connection.execute(f"INSERT OR REPLACE INTO {table} VALUES (?, ?)", (round, name))

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
            # replaced, and not left: what is put again is the newest again
            connection.execute(
                "INSERT OR REPLACE INTO blob (hash, size, loose) VALUES (?, ?, 1)",
                (name, self._blobs.size(data)),
            )
        return name

    def blob(self, name: bytes) -> bytes | None:
        """The bytes with this SHA-256; None if they aren't here or are damaged."""
        return self._blobs.read(name)

    def size(self) -> int:
        """Bytes of all blobs."""
        return int(self._database.rows("SELECT coalesce(sum(size), 0) FROM blob")[0][0])

    def expendable(self, pinned: frozenset[int]) -> int:
        """Bytes that a budget could still take."""
        kinds = [self._database.rows(select) for _, select, _ in _expendable(pinned)]
        return sum(size for rows in kinds for _, size in rows)

    def prune(self, keeping: Keeping, pinned: frozenset[int], beside: int) -> Pruned:
        """Remove what the policy does not keep. ``pinned``: rounds whose model stays. ``beside``:
        bytes of the data directory that are no blobs.
        """
        with self._database.transaction() as connection:
            gone = _by_number(connection, keeping, pinned)
        freed = self._evict()
        over = 0 if keeping.budget is None else beside + self.size() - keeping.budget
        if over > 0:
            with self._database.transaction() as connection:
                gone = _by_size(connection, gone, pinned, over)
            freed += self._evict()
        return replace(gone, bytes=freed)

    def renew(self, limit: int) -> int:
        """Seals blobs with the newest key until so many bytes are written; how many were."""
        written = 0
        for (name,) in self._database.rows("SELECT hash FROM blob"):
            if written >= limit:
                break
            if size := self._blobs.renew(name):
                with self._database.transaction() as connection:
                    connection.execute("UPDATE blob SET size = ? WHERE hash = ?", (size, name))
                written += size
        return written

    def erase_damaged(self) -> None:
        """What was set aside may be plain, or of a key that is about to go."""
        self._blobs.erase_damaged()

    def _evict(self) -> int:
        """The files of blobs that nothing names any more; how many bytes they had."""
        rows = self._database.rows(
            "SELECT hash, size FROM blob WHERE NOT loose AND hash NOT IN"
            " (SELECT hash FROM model UNION SELECT hash FROM transcript)"
        )
        if not rows:
            return 0
        with self._database.transaction() as connection:
            connection.executemany("DELETE FROM blob WHERE hash = ?", [row[:1] for row in rows])
        for name, _ in rows:
            self._blobs.remove(name)
        return sum(size for _, size in rows)


def _by_number(connection: Connection, keeping: Keeping, pinned: frozenset[int]) -> Pruned:
    transcripts = 0
    if keeping.transcripts is not None:
        transcripts = connection.execute(
            "DELETE FROM transcript WHERE round <= (SELECT max(round) FROM transcript) - ?"
            f" AND {_WITHOUT_BLAME}",
            (keeping.transcripts,),
        ).rowcount
    models = connection.execute(
        "DELETE FROM model WHERE round <="
        " (SELECT round FROM model ORDER BY round DESC LIMIT 1 OFFSET ?)"
        f" AND round NOT IN {_listed(pinned)}",
        (MODELS_KEPT,),
    ).rowcount
    sums = connection.execute(
        "UPDATE blob SET loose = 0 WHERE number IN (SELECT number FROM (SELECT number,"
        " count(*) OVER newest AS many, sum(size) OVER newest AS much FROM blob WHERE loose"
        " WINDOW newest AS (ORDER BY number DESC)) WHERE many > ? OR much > ?)",
        (SUMS_KEPT, SUMS_BYTES_KEPT),
    ).rowcount
    return Pruned(transcripts, models, sums)


def _by_size(connection: Connection, gone: Pruned, pinned: frozenset[int], over: int) -> Pruned:
    """The oldest first, and what is missed least first, until ``over`` bytes are named no more."""
    for what, select, remove in _expendable(pinned):
        for place, size in connection.execute(select).fetchall():
            if over <= 0:
                return gone
            connection.execute(remove, (place,))
            gone, over = replace(gone, **{what: getattr(gone, what) + 1}), over - size
    return gone


def _expendable(pinned: frozenset[int]) -> tuple[tuple[str, str, str], ...]:
    """What a budget may take, in this order: its name, (place, bytes) of each, how one goes."""
    return (
        (
            "transcripts",
            "SELECT round, size FROM transcript JOIN blob USING (hash)"
            f" WHERE {_OLDER.format('transcript')} AND {_WITHOUT_BLAME} ORDER BY round",
            "DELETE FROM transcript WHERE round = ?",
        ),
        (
            "sums",
            "SELECT number, size FROM blob WHERE loose AND number NOT IN"
            f" (SELECT number FROM blob WHERE loose ORDER BY number DESC LIMIT {RECENT})"
            " ORDER BY number",
            "UPDATE blob SET loose = 0 WHERE number = ?",
        ),
        (
            "models",
            "SELECT round, size FROM model JOIN blob USING (hash)"
            f" WHERE {_OLDER.format('model')} AND round NOT IN {_listed(pinned)} ORDER BY round",
            "DELETE FROM model WHERE round = ?",
        ),
    )


def _listed(numbers: frozenset[int]) -> str:
    return f"({', '.join(str(int(each)) for each in sorted(numbers))})"
