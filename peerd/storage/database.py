"""The SQLite database of a data directory: opened with care, written durably.

Write-ahead log with ``synchronous=FULL``: a transaction is on disk when it returns, at one fsync.
``secure_delete=ON`` overwrites what is deleted; ``checkpoint`` then empties the log, so that an
erased secret is in no file (what a disk keeps below the file system is out of reach: encrypt the
directory, whose values are then sealed before they get here). ``locking_mode=EXCLUSIVE`` keeps the
log's index out of the file system.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from peerd.errors import CorruptError, PeerdError, SchemaError, StorageError
from peerd.sealing import PLAIN, Vault
from peerd.storage.durable import START_EMPTY, TEMPORARY_SUFFIX, sync_directory
from peerd.storage.wal import check_log

SCHEMA_VERSION = 1
SEALED_SCHEMA = 2
"""Of a database whose values are encrypted: a peerd that can't know it refuses it."""
_APPLICATION_ID = 0x70656572  # "peer"
# Result codes after which the file and SQLite's cache may disagree (fault 45: never retry a
# failed fsync).
_FATAL = frozenset({sqlite3.SQLITE_IOERR})
_PRAGMAS = (
    "locking_mode=EXCLUSIVE",
    "synchronous=FULL",
    "secure_delete=ON",
    "temp_store=MEMORY",
    "trusted_schema=OFF",
    f"journal_size_limit={1 << 22}",
)

# STRICT and the checks let integrity_check find a value that a flipped bit gave another type.
_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL, seal BLOB NOT NULL)
    STRICT, WITHOUT ROWID;
CREATE TABLE journal (round INTEGER, key TEXT, value BLOB NOT NULL, seal BLOB NOT NULL,
    PRIMARY KEY (round, key)) STRICT, WITHOUT ROWID;
CREATE TABLE certificate (round INTEGER PRIMARY KEY, value BLOB NOT NULL, seal BLOB NOT NULL)
    STRICT;
CREATE TABLE history (round INTEGER PRIMARY KEY, value BLOB NOT NULL, seal BLOB NOT NULL) STRICT;
CREATE TABLE blame (round INTEGER, peer INTEGER, reason TEXT, value BLOB NOT NULL,
    seal BLOB NOT NULL, PRIMARY KEY (round, peer, reason)) STRICT, WITHOUT ROWID;
CREATE TABLE blob (number INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    size INTEGER NOT NULL, loose INTEGER NOT NULL) STRICT;
CREATE TABLE model (round INTEGER PRIMARY KEY, hash BLOB NOT NULL CHECK (length(hash) = 32))
    STRICT;
CREATE TABLE transcript (round INTEGER PRIMARY KEY, hash BLOB NOT NULL CHECK (length(hash) = 32))
    STRICT;
"""

Row = tuple[Any, ...]


class Database:
    """One connection, usable from any thread, one transaction at a time."""

    def __init__(self, path: Path, vault: Vault = PLAIN) -> None:
        """Opens or makes the database. ``vault``: what its values are sealed with. Raises
        CorruptError, SchemaError, StorageError.
        """
        self.path = path
        self.vault = vault
        self._log = path.with_name(path.name + "-wal")
        self._mutex = threading.RLock()
        self._broken = False
        self._check_files()
        check_log(self._log)
        self._connection = self._connect(path)
        try:
            with self._translated():
                self._examine()
                if self._pragma("journal_mode=WAL") != "wal":
                    raise StorageError(f"{path} can't have a write-ahead log on this file system")
                self._examine_pages()
            # A crash between an erasure and its checkpoint must not keep the secret in the log.
            self.checkpoint()
        except BaseException:
            self._connection.close()
            raise

    def rows(self, sql: str, *arguments: object) -> list[Row]:
        """All rows of a query."""
        with self._mutex, self._translated():
            return self._connection.execute(sql, arguments).fetchall()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Durable when it returns; nothing has changed when it raises."""
        with self._mutex, self._translated():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def checkpoint(self) -> None:
        """Moves the log into the database and empties it: what was erased is in no file."""
        with self._mutex, self._translated():
            ((busy, _, _),) = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            if busy:
                raise StorageError(f"another process reads {self.path}: can't empty its log")

    def compact(self) -> None:
        """Writes every page anew, so that none holds what was replaced in it."""
        with self._mutex, self._translated():
            self._connection.execute("VACUUM")
        self.checkpoint()

    def close(self) -> None:
        with self._mutex:
            self._connection.close()

    def damaged(self, what: str) -> CorruptError:
        return CorruptError(f"{what} in {self.path} is damaged", START_EMPTY)

    def _check_files(self) -> None:
        """A database that was lost must not be mistaken for one that never was."""
        if not self.path.exists():
            left = [self._log, self.path.parent / "blobs"]
            for other in left:
                if other.exists():
                    raise CorruptError(f"{self.path} is missing beside {other.name}", START_EMPTY)
            self._create()
        elif self.path.stat().st_size == 0:
            raise CorruptError(f"{self.path} is empty", START_EMPTY)

    def _create(self) -> None:
        """Under another name first, so that a crash in here leaves no half database."""
        partial = self.path.with_name(self.path.name + TEMPORARY_SUFFIX)
        with self._translated():
            try:
                partial.unlink(missing_ok=True)
                partial.touch(mode=0o600)
                connection = self._connect(partial)
                try:
                    connection.executescript(
                        f"PRAGMA application_id={_APPLICATION_ID};"
                        f"BEGIN; {_SCHEMA} PRAGMA user_version={SCHEMA_VERSION}; COMMIT;"
                    )
                finally:
                    connection.close()
                partial.replace(self.path)
                sync_directory(self.path.parent)
            except OSError as error:
                raise StorageError(f"can't make {self.path}: {error.strerror}") from None

    def _connect(self, path: Path) -> sqlite3.Connection:
        with self._translated():
            connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            # sqlite3's own decoding fails with an error that looks like one of the disk.
            connection.text_factory = bytes.decode
            try:
                for pragma in _PRAGMAS:
                    connection.execute(f"PRAGMA {pragma}")
            except BaseException:
                connection.close()
                raise
            return connection

    def _examine(self) -> None:
        application = self._pragma("application_id")
        if application != _APPLICATION_ID:
            raise CorruptError(f"{self.path} is not a database of peerd", START_EMPTY)
        found = self._pragma("user_version")
        if found == SCHEMA_VERSION and self.vault.encrypts:  # from now on
            self._connection.execute(f"PRAGMA user_version={SEALED_SCHEMA}")
        elif found == SEALED_SCHEMA and not self.vault.encrypts:
            raise CorruptError(
                f"{self.path} is encrypted, and keys.json beside it is missing",
                "put that file back",
            )
        elif found not in (SCHEMA_VERSION, SEALED_SCHEMA):
            raise SchemaError(
                f"{self.path} has schema {found}, and this peerd reads schema {SCHEMA_VERSION}",
                "run the version of peerd that wrote it",
            )

    def _examine_pages(self) -> None:
        findings = self._pragma("integrity_check(1)")
        if findings != "ok":
            raise CorruptError(f"{self.path} is damaged ({findings})", START_EMPTY)

    def _pragma(self, name: str) -> Any:
        return self._connection.execute(f"PRAGMA {name}").fetchone()[0]

    @contextmanager
    def _translated(self) -> Iterator[None]:
        if self._broken:
            raise StorageError(f"{self.path} failed earlier", "restart the daemon")
        try:
            yield
        except PeerdError:
            raise
        except sqlite3.Error as error:
            raise self._translate(error) from None
        except UnicodeError:  # in a name of the schema or a key: what peerd writes is UTF-8
            raise self.damaged("a text") from None

    def _translate(self, error: sqlite3.Error) -> StorageError:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            return CorruptError(f"{self.path} is damaged ({error})", START_EMPTY)
        if code == sqlite3.SQLITE_FULL:
            return StorageError(f"no space left for {self.path}", "free some, then start again")
        self._broken = self._broken or code in _FATAL
        return StorageError(f"can't use {self.path}: {error}")
