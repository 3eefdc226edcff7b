"""The store of one daemon. Calls are synchronous, and what they wrote is durable on return.

Every value carries a seal, the hash of its table, its key and itself: a bit flip that SQLite
can't see is still found (fault 46). What can grow is bounded by the constants below.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerd.errors import JournalConflict, StorageError
from peerd.storage.blobs import Blobs
from peerd.storage.database import Database
from peerd.storage.durable import prepare_directory
from peerd.storage.lock import DirectoryLock
from protocols.hashing import digest

MAX_JOURNAL_VALUE = 1 << 28  # bytes
MAX_JOURNAL_ENTRIES = 1 << 16  # per round
MAX_RECORD = 1 << 26  # bytes of a certificate, an evidence, a round's summary, a meta value
MODELS_KEPT = 16
TRANSCRIPTS_KEPT = 128
ROUNDS_KEPT = 10_000
BLAMES_PER_PEER = 16
LOOSE_BLOBS_KEPT = 4096
LOOSE_BYTES_KEPT = 1 << 31

_WITNESSED = "witnessed"


@dataclass(frozen=True, slots=True)
class Blame:
    """``peer`` (roster index) broke the protocol in ``round``; ``evidence`` proves it."""

    round: int
    peer: int
    reason: str
    evidence: bytes


class Store:
    """Journal, ledger, models, blame and history of one peer. Open it with ``Store.open``."""

    def __init__(self, directory: Path, lock: DirectoryLock) -> None:
        self.directory = directory
        self._lock = lock
        self._database = Database(directory / "peerd.sqlite3")
        try:
            self._blobs = Blobs(directory / "blobs")
            self._adopt()
            self._entries = self._check_journal()
        except BaseException:
            self._database.close()
            raise

    @classmethod
    def open(cls, directory: Path) -> Store:
        """Opens or makes the store; holds the directory until ``close``.

        Raises LockedError (names the process that holds it), CorruptError and SchemaError (say
        what to do; change nothing), StorageError.
        """
        prepare_directory(directory)
        lock = DirectoryLock(directory / "lock")
        try:
            return cls(directory, lock)
        except BaseException:
            lock.release()
            raise

    def close(self) -> None:
        """Lets the directory go. Safe to call twice."""
        self._database.close()
        self._lock.release()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Journal: what was drawn or signed, written before it is sent.

    def journal_put(self, round: int, key: str, value: bytes) -> None:
        """Durable on return. Raises JournalConflict if the key holds another value."""
        self.journal_put_many(round, {key: value})

    def journal_put_many(self, round: int, entries: Mapping[str, bytes]) -> None:
        """All of them or, when it raises, none; one fsync."""
        for key, value in entries.items():
            if len(value) > MAX_JOURNAL_VALUE:
                raise StorageError(
                    f"journal entry {key!r} has {len(value)} bytes, more than {MAX_JOURNAL_VALUE}"
                )
        known = {key: self._journal_entry(round, key) for key in entries}
        for key, held in known.items():
            if held is not None and held != entries[key]:
                raise JournalConflict(
                    f"round {round} has another value for {key!r} in its journal",
                    "nothing was signed; the round goes on with the first one",
                )
        fresh = [key for key, held in known.items() if held is None]
        if not fresh:
            return
        total = self._entries.get(round, 0) + len(fresh)
        if total > MAX_JOURNAL_ENTRIES:
            raise StorageError(f"round {round} has more than {MAX_JOURNAL_ENTRIES} journal entries")
        with self._database.transaction() as connection:
            for key in fresh:
                value = bytes(entries[key])
                connection.execute(
                    "INSERT INTO journal VALUES (?, ?, ?, ?)",
                    (round, key, value, _seal("journal", round, key, value)),
                )
        self._entries[round] = total

    def journal(self, round: int) -> dict[str, bytes]:
        """All entries of a round, by key."""
        rows = self._database.rows("SELECT key, value, seal FROM journal WHERE round = ?", round)
        return {key: self._sealed("journal", round, key, value, seal) for key, value, seal in rows}

    def journal_rounds(self) -> list[int]:
        """The rounds that have a journal, rising: after a restart, what to resume or erase."""
        return sorted(self._entries)

    def journal_erase(self, round: int, keys: Iterable[str] | None = None) -> None:
        """Overwrites the entries (None: all of the round) in every file of the database."""
        with self._database.transaction() as connection:
            if keys is None:
                gone = connection.execute("DELETE FROM journal WHERE round = ?", (round,)).rowcount
            else:
                gone = sum(
                    connection.execute(
                        "DELETE FROM journal WHERE round = ? AND key = ?", (round, key)
                    ).rowcount
                    for key in keys
                )
        left = self._entries.get(round, 0) - gone
        if left:
            self._entries[round] = left
        else:
            self._entries.pop(round, None)
        self._database.checkpoint()

    # Ledger.

    def put_certificate(self, round: int, record: bytes) -> bool:
        """True if stored; False if the round has one already, which then stays.

        Two valid records of one certificate may differ in the signatures they hold.
        """
        return self._insert("certificate", round, record)

    def certificate(self, round: int) -> bytes | None:
        """The record, or None. Raises CorruptError."""
        return self._one("certificate", round)

    def head(self) -> int:
        """The last certified round; -1 when there is none."""
        return _number(self._database.rows("SELECT max(round) FROM certificate"))

    def put_model(self, round: int, model: NDArray[np.float32]) -> None:
        """Stores (or replaces) the model after ``round``; keeps the last MODELS_KEPT.

        ``model``: shape (d,), float32.
        """
        if model.dtype != np.float32 or model.ndim != 1:
            raise ValueError(f"a model is a float32 vector, not {model.dtype} {model.shape}")
        data = model.astype("<f4", copy=False).tobytes()
        self._put_file("model", round, data, MODELS_KEPT)

    def model(self, round: int) -> NDArray[np.float32] | None:
        """The model after ``round``; None if it was never stored, pruned, or is damaged."""
        data = self._file("model", round)
        return None if data is None else np.frombuffer(data, "<f4").astype(np.float32)

    def put_transcript(self, round: int, record: bytes) -> None:
        """What an auditor gets for ``round``; keeps the last TRANSCRIPTS_KEPT."""
        self._put_file("transcript", round, record, TRANSCRIPTS_KEPT)

    def transcript(self, round: int) -> bytes | None:
        """The record; None if it was never stored, pruned, or is damaged."""
        return self._file("transcript", round)

    # Blame.

    def put_blame(self, round: int, peer: int, reason: str, evidence: bytes) -> None:
        """Keeps the first evidence for (round, peer, reason), and BLAMES_PER_PEER of a peer."""
        _bounded("evidence", evidence)
        with self._database.transaction() as connection:
            ((count,),) = connection.execute(
                "SELECT count(*) FROM blame WHERE peer = ?", (peer,)
            ).fetchall()
            if count < BLAMES_PER_PEER:
                key = f"{peer} {reason}"
                connection.execute(
                    "INSERT OR IGNORE INTO blame VALUES (?, ?, ?, ?, ?)",
                    (round, peer, reason, evidence, _seal("blame", round, key, evidence)),
                )

    def blames(self) -> list[Blame]:
        """Every blame, by round, then peer."""
        rows = self._database.rows("SELECT * FROM blame ORDER BY round, peer, reason")
        return [
            Blame(
                round, peer, reason, self._sealed("blame", round, f"{peer} {reason}", value, seal)
            )
            for round, peer, reason, value, seal in rows
        ]

    # History, for the status.

    def put_round(self, round: int, summary: Mapping[str, Any]) -> None:
        """Stores (or replaces) a JSON-able summary; keeps the last ROUNDS_KEPT."""
        record = json.dumps(summary, sort_keys=True, allow_nan=False).encode()
        self._insert("history", round, record, replace=True)
        with self._database.transaction() as connection:
            connection.execute(
                "DELETE FROM history WHERE round <="
                " (SELECT round FROM history ORDER BY round DESC LIMIT 1 OFFSET ?)",
                (ROUNDS_KEPT,),
            )

    def round(self, round: int) -> dict[str, Any] | None:
        """The summary of one round, or None."""
        record = self._one("history", round)
        return None if record is None else _summary(record)

    def rounds(self, limit: int = ROUNDS_KEPT) -> list[dict[str, Any]]:
        """The summaries of the last ``limit`` rounds, in order of the rounds."""
        rows = self._database.rows(
            "SELECT round, value, seal FROM history ORDER BY round DESC LIMIT ?", limit
        )
        return [
            _summary(self._sealed("history", round, "", value, seal))
            for round, value, seal in reversed(rows)
        ]

    # Blobs.

    def put_blob(self, data: bytes) -> bytes:
        """The SHA-256 under which ``data`` can be had.

        A cache: beyond LOOSE_BLOBS_KEPT or LOOSE_BYTES_KEPT the oldest are dropped.
        """
        name = self._blobs.write(data)
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO blob (hash, size, loose) VALUES (?, ?, 1)"
                " ON CONFLICT (hash) DO UPDATE SET loose = 1",
                (name, len(data)),
            )
        self._evict()
        return name

    def blob(self, hash: bytes) -> bytes | None:
        """The bytes with this SHA-256, checked; None if they aren't here or are damaged."""
        return self._blobs.read(hash)

    # Everything else.

    def set_meta(self, key: str, value: bytes) -> None:
        """Stores (or replaces) a small value of the daemon's own."""
        _bounded(key, value)
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO meta VALUES (?, ?, ?)",
                (key, value, _seal("meta", 0, key, value)),
            )

    def meta(self, key: str) -> bytes | None:
        """The value, or None."""
        rows = self._database.rows("SELECT value, seal FROM meta WHERE key = ?", key)
        for value, seal in rows:
            return self._sealed("meta", 0, key, value, seal)
        return None

    def witness(self, round: int) -> None:
        """Remembers that ``round`` was seen, here or in somebody's certificate (fault 47).

        A peer whose store is a restored backup learns from the others that later rounds exist,
        and must not sign for any round up to the highest one witnessed.
        """
        if round > self.witnessed():
            self.set_meta(_WITNESSED, round.to_bytes(8, "little"))

    def witnessed(self) -> int:
        """The highest round ever witnessed; -1 when none was."""
        value = self.meta(_WITNESSED)
        return -1 if value is None else int.from_bytes(value, "little")

    def _insert(self, table: str, round: int, value: bytes, *, replace: bool = False) -> bool:
        _bounded(table, value)
        verb = "REPLACE" if replace else "IGNORE"
        with self._database.transaction() as connection:
            done = connection.execute(
                f"INSERT OR {verb} INTO {table} VALUES (?, ?, ?)",
                (round, value, _seal(table, round, "", value)),
            ).rowcount
        return bool(done)

    def _one(self, table: str, round: int) -> bytes | None:
        rows = self._database.rows(f"SELECT value, seal FROM {table} WHERE round = ?", round)
        for value, seal in rows:
            return self._sealed(table, round, "", value, seal)
        return None

    def _journal_entry(self, round: int, key: str) -> bytes | None:
        rows = self._database.rows(
            "SELECT value, seal FROM journal WHERE round = ? AND key = ?", round, key
        )
        for value, seal in rows:
            return self._sealed("journal", round, key, value, seal)
        return None

    def _sealed(self, table: str, round: int, key: str, value: object, seal: object) -> bytes:
        if isinstance(value, bytes) and seal == _seal(table, round, key, value):
            return value
        raise self._database.damaged(f"{table} {key!r} of round {round}")

    def _put_file(self, table: str, round: int, data: bytes, kept: int) -> None:
        name = self._blobs.write(data)
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO blob (hash, size, loose) VALUES (?, ?, 0)", (name, len(data))
            )
            connection.execute(f"INSERT OR REPLACE INTO {table} VALUES (?, ?)", (round, name))
            connection.execute(
                f"DELETE FROM {table} WHERE round <="
                f" (SELECT round FROM {table} ORDER BY round DESC LIMIT 1 OFFSET ?)",
                (kept,),
            )
        self._evict()

    def _file(self, table: str, round: int) -> bytes | None:
        rows = self._database.rows(f"SELECT hash FROM {table} WHERE round = ?", round)
        return self._blobs.read(rows[0][0]) if rows else None

    def _evict(self) -> None:
        """Drops what nobody names any more, and the oldest loose blobs beyond their bounds."""
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
        if gone:
            with self._database.transaction() as connection:
                connection.executemany(
                    "DELETE FROM blob WHERE hash = ?", [(name,) for name in gone]
                )
            for name in gone:
                self._blobs.remove(name)

    def _adopt(self) -> None:
        """A crash between a file and its row leaves a file: from now on a loose blob."""
        with self._database.transaction() as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO blob (hash, size, loose) VALUES (?, ?, 1)",
                self._blobs.sizes(),
            )

    def _check_journal(self) -> dict[int, int]:
        """Entries per round. A journal that can't be trusted must not let the daemon start."""
        counts: dict[int, int] = {}
        for (round,) in self._database.rows("SELECT DISTINCT round FROM journal"):
            counts[round] = len(self.journal(round))
        return counts


def _seal(table: str, round: int, key: str, value: bytes) -> bytes:
    return digest(
        "peerd/store", table.encode(), round.to_bytes(8, "little", signed=True), key.encode(), value
    )


def _bounded(what: str, value: bytes) -> None:
    if len(value) > MAX_RECORD:
        raise StorageError(f"{what} has {len(value)} bytes, more than {MAX_RECORD}")


def _number(rows: list[tuple[Any, ...]]) -> int:
    value = rows[0][0]
    return -1 if value is None else int(value)


def _summary(record: bytes) -> dict[str, Any]:
    summary: dict[str, Any] = json.loads(record)
    return summary
