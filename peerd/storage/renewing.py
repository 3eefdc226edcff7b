"""What is plain, or sealed with an older key, is sealed with the newest one, bit by bit.

The same work encrypts a directory and rotates its keys, at once or between the rounds of a daemon.
Each row, and each file, is the old one or the new one at any moment, and the key ring opens both
until all is done.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from sqlite3 import Connection

from peerd.sealing import KeySource
from peerd.storage.archive import Archive
from peerd.storage.blobs import is_current
from peerd.storage.database import Database
from peerd.storage.ring import local_models, write_ring
from peerd.storage.seal import opened, sealed

LIMIT = 1 << 25
"""Bytes after a round: a fraction of a second."""
TABLES = {
    "journal": ("round, key", "round = ? AND key = ?"),
    "meta": ("0, key", "? = 0 AND key = ?"),
    "certificate": ("round, ''", "round = ? AND ? = ''"),
    "history": ("round, ''", "round = ? AND ? = ''"),
    "blame": ("round, peer || ' ' || reason", "round = ? AND peer || ' ' || reason = ?"),
}
"""Each with what its values are bound to, and how a row is found by that."""
_BATCH = 1 << 20  # bytes of a transaction


@dataclass(frozen=True, slots=True)
class Renewing:
    """Of one directory, which nobody else holds."""

    directory: Path
    database: Database
    archive: Archive
    source: KeySource | None

    def go_on(self, limit: int) -> bool:
        """Until about ``limit`` bytes are written; True when nothing is left. Local models are the
        training worker's, which renews its own.
        """
        vault = self.database.vault
        if vault.settled:
            return True
        written = 0
        for table in TABLES:
            while written < limit and (added := self._rows(table)):
                written += added
        written += self.archive.renew(limit - written)
        if written >= limit or not self._trained():
            return False
        assert self.source is not None
        self.archive.erase_damaged()
        self.database.compact()
        vault.settle()
        write_ring(self.directory, vault, self.source)
        return True

    def _rows(self, table: str) -> int:
        """A batch of a table; how many bytes were written."""
        written = 0
        with self.database.transaction() as connection:
            for round_, key, value, stored in self._old(connection, table):
                plain = opened(self.database, table, round_, key, value, stored)
                row = sealed(self.database, table, round_, key, plain)
                connection.execute(
                    f"UPDATE {table} SET value = ?, seal = ? WHERE {TABLES[table][1]}",
                    (*row, round_, key),
                )
                written += len(row[0])
        return written

    def _old(self, connection: Connection, table: str) -> list[tuple[int, str, bytes, bytes]]:
        header = self.database.vault.header
        found: list[tuple[int, str, bytes, bytes]] = []
        # IS NOT: of an empty value substr is NULL
        rows = connection.execute(
            f"SELECT {TABLES[table][0]}, value, seal FROM {table}"
            " WHERE substr(value, 1, ?) IS NOT ?",
            (len(header), header),
        )
        size = 0
        for row in rows:
            found.append(row)
            size += len(row[2])
            if size >= _BATCH or len(found) >= 1000:
                break
        rows.close()
        return found

    def _trained(self) -> bool:
        """Whether the local models are all of the newest key."""
        vault = self.database.vault
        return all(is_current(each, vault) for each in local_models(self.directory))
