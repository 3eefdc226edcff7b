"""What was drawn or signed, written before it is sent, and erased when it could only hurt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from sqlite3 import Connection

from peerd.errors import JournalConflict, StorageError
from peerd.storage.database import Database
from peerd.storage.seal import opened, sealed

MAX_JOURNAL_VALUE = 1 << 28  # bytes
MAX_JOURNAL_ENTRIES = 1 << 18  # per round; the largest group's member attests for n (t + e) asks


class Journal:
    """The journal table. Reads all of it when it opens: CorruptError if a value is damaged."""

    def __init__(self, database: Database) -> None:
        self._database = database
        rounds = database.rows("SELECT DISTINCT round FROM journal")
        self._counts = {round: len(self.entries(round)) for (round,) in rounds}

    def put(self, round: int, entries: Mapping[str, bytes]) -> None:
        """All of them or, when it raises, none; durable on return, at one fsync."""
        for key, value in entries.items():
            if len(value) > MAX_JOURNAL_VALUE:
                raise StorageError(
                    f"journal entry {key!r} has {len(value)} bytes, more than {MAX_JOURNAL_VALUE}"
                )
        with self._database.transaction() as connection:
            fresh = [key for key in entries if not self._holds(connection, round, key, entries)]
            total = self._counts.get(round, 0) + len(fresh)
            if total > MAX_JOURNAL_ENTRIES:
                raise StorageError(
                    f"round {round} has more than {MAX_JOURNAL_ENTRIES} journal entries"
                )
            for key in fresh:
                value = bytes(entries[key])
                connection.execute(
                    "INSERT INTO journal VALUES (?, ?, ?, ?)",
                    (round, key, *sealed(self._database, "journal", round, key, value)),
                )
        if total:
            self._counts[round] = total

    def entries(self, round: int) -> dict[str, bytes]:
        """All entries of a round, by key."""
        rows = self._database.rows("SELECT key, value, seal FROM journal WHERE round = ?", round)
        return {
            key: opened(self._database, "journal", round, key, value, stored)
            for key, value, stored in rows
        }

    def erase(self, round: int, keys: Iterable[str] | None) -> None:
        """Overwrites the entries (None: all of the round) in every file of the database."""
        sql = "DELETE FROM journal WHERE round = ?"
        with self._database.transaction() as connection:
            if keys is None:
                gone = connection.execute(sql, (round,)).rowcount
            else:
                each = f"{sql} AND key = ?"
                gone = sum(connection.execute(each, (round, key)).rowcount for key in keys)
        left = self._counts.get(round, 0) - gone
        if left > 0:
            self._counts[round] = left
        else:
            self._counts.pop(round, None)
        # Even when nothing was deleted: the last checkpoint may have failed.
        self._database.checkpoint()

    def _holds(
        self, connection: Connection, round: int, key: str, entries: Mapping[str, bytes]
    ) -> bool:
        row = connection.execute(
            "SELECT value, seal FROM journal WHERE round = ? AND key = ?", (round, key)
        ).fetchone()
        if row is None:
            return False
        if opened(self._database, "journal", round, key, *row) != entries[key]:
            raise JournalConflict(
                f"round {round} has another value for {key!r} in its journal",
                "nothing was written; what was signed first stands",
            )
        return True
