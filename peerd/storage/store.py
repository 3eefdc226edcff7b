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

from peerd.errors import StorageError
from peerd.sealing import KeySource
from peerd.storage.archive import Archive
from peerd.storage.blobs import Blobs
from peerd.storage.database import Database
from peerd.storage.durable import prepare_directory
from peerd.storage.journal import Journal
from peerd.storage.keeping import Keeping, Pruned, Usage, bytes_beside
from peerd.storage.lock import DirectoryLock
from peerd.storage.renewing import LIMIT, Renewing
from peerd.storage.ring import check_encrypted, prepare_vault
from peerd.storage.seal import bounded, opened, sealed

BEST = "best"
ROUNDS_KEPT = 10_000
BLAMES_PER_PEER = 16

_WITNESSED = "witnessed"
_OWNER = "owner"
_BLOBS = "blobs"
_HANDOVERS = "handovers"


@dataclass(frozen=True, slots=True)
class Blame:
    """``peer`` (roster index) broke the protocol in ``round``; ``evidence`` proves it."""

    round: int
    peer: int
    reason: str
    evidence: bytes


class Store:
    """Journal, ledger, models, blame and history of one peer. Open it with ``Store.open``."""

    def __init__(
        self, directory: Path, lock: DirectoryLock, keeping: Keeping, source: KeySource | None
    ) -> None:
        self.directory = directory
        self.keeping = keeping
        self.source = source
        self._lock = lock
        self.vault = prepare_vault(directory, source)
        self._database = Database(directory / "peerd.sqlite3", self.vault)
        try:
            check_encrypted(directory, self.vault, source)
            self._journal = Journal(self._database)
            self._archive = Archive(self._database, Blobs(directory / _BLOBS, self.vault))
            self._check()
        except BaseException:
            self._database.close()
            raise

    @classmethod
    def open(
        cls, directory: Path, keeping: Keeping = Keeping(), source: KeySource | None = None
    ) -> Store:
        """Opens or makes the store; holds the directory until ``close``. ``keeping``: what
        ``prune`` leaves. ``source``: of the key, where the directory is encrypted or is to be.

        Raises LockedError (names the process that holds it), CorruptError and SchemaError (say
        what to do; change nothing), StorageError.
        """
        prepare_directory(directory)
        lock = DirectoryLock(directory / "lock")
        try:
            return cls(directory, lock, keeping, source)
        except OSError as error:
            lock.release()
            raise StorageError(
                f"can't use the data directory {directory}: {error.strerror}"
                f" ({error.filename or 'no file'})"
            ) from None
        except BaseException:
            lock.release()
            raise

    def close(self) -> None:
        """Lets the directory go, and forgets its keys. Safe to call twice."""
        self.vault.forget()
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
        self._journal.put(round, entries)

    def journal(self, round: int) -> dict[str, bytes]:
        """All entries of a round, by key."""
        return self._journal.entries(round)

    def journal_erase(self, round: int, keys: Iterable[str] | None = None) -> None:
        """Overwrites the entries (None: all of the round) in every file of the database."""
        self._journal.erase(round, keys)

    # Ledger.

    def put_certificate(self, round: int, record: bytes) -> bool:
        """True if stored; False if the round has one already, which then stays.

        Two valid records of one certificate may differ in the signatures they hold.
        """
        return self.put_certificates({round: record}) == 1

    def put_certificates(self, records: Mapping[int, bytes]) -> int:
        """All of them or, when it raises, none: the model that is kept is the last round's alone.
        How many were stored, as in ``put_certificate``.
        """
        for record in records.values():
            bounded("certificate", record)
        rows = [(r, *sealed(self._database, "certificate", r, "", v)) for r, v in records.items()]
        with self._database.transaction() as connection:
            return sum(
                connection.execute(
                    "INSERT OR IGNORE INTO certificate VALUES (?, ?, ?)", row
                ).rowcount
                for row in rows
            )

    def certificate(self, round: int) -> bytes | None:
        """The record, or None. Raises CorruptError."""
        return self._one("certificate", round)

    def certificates(self, first: int, limit: int) -> list[bytes]:
        """The records from round ``first`` on, at most so many, in order. Raises CorruptError."""
        rows = self._database.rows(
            "SELECT round, value, seal FROM certificate WHERE round >= ? ORDER BY round LIMIT ?",
            first,
            limit,
        )
        return [
            self._opened("certificate", round, "", value, stored) for round, value, stored in rows
        ]

    def head(self) -> int:
        """The last certified round; -1 when there is none."""
        return _number(self._database.rows("SELECT max(round) FROM certificate"))

    def put_model(
        self, round: int, model: NDArray[np.float32], *, hands_over: bool = False
    ) -> None:
        """Stores (or replaces) the model after ``round``; where the group handed over, for good:
        whoever joins or comes back starts from it.

        ``model``: shape (d,), float32.
        """
        if model.dtype != np.float32 or model.ndim != 1:
            raise ValueError(f"a model is a float32 vector, not {model.dtype} {model.shape}")
        data = model.astype("<f4", copy=False).tobytes()
        if hands_over:
            self.set_meta(_HANDOVERS, json.dumps(sorted({*self._handovers(), round})).encode())
        self._archive.put("model", round, data)

    def model(self, round: int) -> NDArray[np.float32] | None:
        """The model after ``round``; None if it was never stored, pruned, or is damaged."""
        data = self._archive.get("model", round)
        return None if data is None else np.frombuffer(data, "<f4").astype(np.float32)

    def set_best(self, best: dict[str, Any]) -> None:
        """A small JSON-able record of the best model so far; ``round`` names the one to keep."""
        self.set_meta(BEST, json.dumps(best).encode())

    def best(self) -> dict[str, Any] | None:
        """What ``set_best`` stored last; None before."""
        stored = self.meta(BEST)
        return None if stored is None else json.loads(stored)

    def kept(self) -> dict[str, list[int]]:
        """Of which rounds there is a model here, and of which a transcript."""
        archive = self._archive
        return {"models": archive.rounds("model"), "transcripts": archive.rounds("transcript")}

    def put_transcript(self, round: int, record: bytes) -> None:
        """What an auditor gets for ``round``."""
        self._archive.put("transcript", round, record)

    def transcript(self, round: int) -> bytes | None:
        """The record; None if it was never stored, pruned, or is damaged."""
        return self._archive.get("transcript", round)

    def has_transcript(self, round: int) -> bool:
        """Whether one is named; it may be damaged."""
        return bool(self._database.rows("SELECT 1 FROM transcript WHERE round = ?", round))

    # Blame.

    def put_blame(
        self, round: int, peer: int, reason: str, evidence: bytes, *, since: int = 0
    ) -> None:
        """Keeps the first evidence for (round, peer, reason), and BLAMES_PER_PEER of a peer.

        ``since``: the first round in which the index means this peer.
        """
        bounded("evidence", evidence)
        with self._database.transaction() as connection:
            ((count,),) = connection.execute(
                "SELECT count(*) FROM blame WHERE peer = ? AND round >= ?", (peer, since)
            ).fetchall()
            if count < BLAMES_PER_PEER:
                key = f"{peer} {reason}"
                connection.execute(
                    "INSERT OR IGNORE INTO blame VALUES (?, ?, ?, ?, ?)",
                    (round, peer, reason, *sealed(self._database, "blame", round, key, evidence)),
                )

    def blames(self, round: int | None = None) -> list[Blame]:
        """Every blame, or those of one round, by round, then peer."""
        rows = self._database.rows(
            "SELECT * FROM blame WHERE ? IS NULL OR round = ? ORDER BY round, peer, reason",
            *(round, round),
        )
        return [
            Blame(
                round, peer, reason, self._opened("blame", round, f"{peer} {reason}", value, stored)
            )
            for round, peer, reason, value, stored in rows
        ]

    # History, for the status.

    def put_round(self, round: int, summary: Mapping[str, Any]) -> None:
        """Stores (or replaces) a JSON-able summary; keeps the last ROUNDS_KEPT."""
        record = json.dumps(summary, sort_keys=True, allow_nan=False).encode()
        bounded("summary", record)
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO history VALUES (?, ?, ?)",
                (round, *sealed(self._database, "history", round, "", record)),
            )
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
            _summary(self._opened("history", round, "", value, stored))
            for round, value, stored in reversed(rows)
        ]

    def rounds_kept(self) -> int:
        """How many summaries there are."""
        return max(0, _number(self._database.rows("SELECT count(*) FROM history")))

    # Blobs.

    def put_blob(self, data: bytes) -> bytes:
        """The SHA-256 under which ``data`` can be had.

        A cache: of more than keeping.SUMS_KEPT, or SUMS_BYTES_KEPT, ``prune`` drops the oldest.
        """
        return self._archive.put_loose(data)

    def blob(self, hash: bytes) -> bytes | None:
        """The bytes with this SHA-256, checked; None if they aren't here or are damaged."""
        return self._archive.blob(hash)

    # What is kept.

    def prune(self) -> Pruned:
        """Removes what ``keeping`` does not keep. The oldest goes first."""
        return self._archive.prune(self.keeping, self._pinned(), self._beside())

    def renew(self, limit: int = LIMIT) -> bool:
        """Seals about so many bytes with the newest key, after a rotation; True when all is."""
        return Renewing(self.directory, self._database, self._archive, self.source).go_on(limit)

    def usage(self) -> Usage:
        """What there is of transcripts, and how many bytes of everything."""
        ((oldest, count, blamed),) = self._database.rows(
            "SELECT min(iif(guilty, NULL, round)), count(*), coalesce(sum(guilty), 0) FROM"
            " (SELECT round, round IN (SELECT round FROM blame) AS guilty FROM transcript)"
        )
        return Usage(
            -1 if oldest is None else oldest,
            count,
            blamed,
            self._beside() + self._archive.size(),
            self._archive.expendable(self._pinned()),
            self.keeping,
        )

    def _pinned(self) -> frozenset[int]:
        best = self.best()
        return self._handovers() | (set() if best is None else {int(best["round"])})

    def _handovers(self) -> frozenset[int]:
        stored = self.meta(_HANDOVERS)
        return frozenset(() if stored is None else json.loads(stored))

    def _beside(self) -> int:
        return bytes_beside(self.directory, self.directory / _BLOBS)

    # Everything else.

    def set_meta(self, key: str, value: bytes) -> None:
        """Stores (or replaces) a small value of the daemon's own."""
        bounded(key, value)
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO meta VALUES (?, ?, ?)",
                (key, *sealed(self._database, "meta", 0, key, value)),
            )

    def meta(self, key: str) -> bytes | None:
        """The value, or None."""
        rows = self._database.rows("SELECT value, seal FROM meta WHERE key = ?", key)
        for value, stored in rows:
            return self._opened("meta", 0, key, value, stored)
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

    def owner(self) -> bytes | None:
        """Group and key that this store is of; None in a new one, and in an older peerd's."""
        return self.meta(_OWNER)

    def set_owner(self, owner: bytes) -> None:
        """What it holds was signed under ``owner``, and guards no other key's signatures."""
        self.set_meta(_OWNER, owner)

    def _check(self) -> None:
        """What must never be wrong or lost unnoticed is read once before the daemon starts."""
        for key, value, stored in self._database.rows("SELECT key, value, seal FROM meta"):
            self._opened("meta", 0, key, value, stored)
        self.blames()
        self.certificate(self.head())

    def _one(self, table: str, round: int) -> bytes | None:
        rows = self._database.rows(f"SELECT value, seal FROM {table} WHERE round = ?", round)
        for value, stored in rows:
            return self._opened(table, round, "", value, stored)
        return None

    def _opened(self, table: str, round: int, key: str, value: object, stored: object) -> bytes:
        return opened(self._database, table, round, key, value, stored)


def _number(rows: list[tuple[Any, ...]]) -> int:
    value = rows[0][0]
    return -1 if value is None else int(value)


def _summary(record: bytes) -> dict[str, Any]:
    summary: dict[str, Any] = json.loads(record)
    return summary
