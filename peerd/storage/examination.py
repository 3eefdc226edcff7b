"""What of a data directory is encrypted, value by value; nothing is changed."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from peerd.errors import CorruptError, StorageError
from peerd.sealing import KeySource, Unsealed, Vault
from peerd.sealing.vault import MAGIC
from peerd.storage.database import Database
from peerd.storage.durable import START_EMPTY
from peerd.storage.lock import DirectoryLock
from peerd.storage.renewing import TABLES
from peerd.storage.ring import REMOVE_LOCAL, TRAINING, local_models, vault_of
from peerd.storage.seal import called, opened

NEWEST, OLDER, PLAIN, DAMAGED = "newest", "older", "plain", "damaged"
_SET_ASIDE = (
    f"the daemon sets it aside, and goes on without it; if it does not start, {START_EMPTY}"
)


@dataclass(frozen=True, slots=True)
class Examination:
    """How many values are of which kind: sealed with the newest key, or an older one; plain; or
    what does not open at its place. ``generations``: those whose keys are there. ``damaged``: each
    with where it is and what to do.
    """

    generations: tuple[int, ...] = ()
    settled: bool = True
    values: Counter[str] = field(default_factory=Counter)
    damaged: tuple[str, ...] = ()


def examine(directory: Path, source: KeySource | None) -> Examination:
    """LockedError while a daemon runs; StorageError where the key is not there, or another."""
    if not directory.is_dir():
        return Examination()
    lock = DirectoryLock(directory / "lock")
    try:
        vault = vault_of(directory, source)
        values: Counter[str] = Counter()
        damaged = []
        for what, kind, hint in _values(directory, vault):
            values[kind] += 1
            if kind == DAMAGED:
                damaged.append(f"{what}; {hint}")
        generations = tuple(number for number, _ in vault.generations())
        vault.forget()
        return Examination(generations, vault.settled, values, tuple(damaged))
    except OSError as error:
        raise StorageError(f"can't read {error.filename or directory}: {error.strerror}") from None
    finally:
        lock.release()


def _values(directory: Path, vault: Vault) -> Iterator[tuple[str, str, str]]:
    """What and where, of which kind, and what to do where it is damaged."""
    if (directory / "peerd.sqlite3").exists():
        database = Database(directory / "peerd.sqlite3", vault)
        try:
            for what, kind in _rows(database):
                yield f"{what} in {database.path}", kind, START_EMPTY
        finally:
            database.close()
    for path in sorted((directory / "blobs").glob("??/*")):
        if len(path.name) == 64 and not path.name.strip("0123456789abcdef"):
            yield str(path), _blob(path, vault), _SET_ASIDE
    part = vault.part(TRAINING)
    for path in local_models(directory):
        kind = _file(path.read_bytes(), part, TRAINING.encode(), path.name.encode())
        yield str(path), kind, REMOVE_LOCAL


def _rows(database: Database) -> Iterator[tuple[str, str]]:
    for table, (place, _) in TABLES.items():
        for round_, key, *_ in database.rows(f"SELECT {place} FROM {table}"):
            found = database.rows(
                f"SELECT value, seal FROM {table} WHERE {TABLES[table][1]}", round_, key
            )
            for value, stored in found:
                what = called(table, round_, key)
                try:
                    opened(database, table, round_, key, value, stored)
                except CorruptError:
                    yield what, DAMAGED
                else:
                    yield what, _kind(value, database.vault)


def _blob(path: Path, vault: Vault) -> str:
    name, stored = bytes.fromhex(path.name), path.read_bytes()
    try:
        data = vault.open(stored, b"blob", name)
    except Unsealed:
        return DAMAGED
    return _kind(stored, vault) if hashlib.sha256(data).digest() == name else DAMAGED


def _file(stored: bytes, vault: Vault, *place: bytes) -> str:
    try:
        vault.open(stored, *place)
    except Unsealed:
        return DAMAGED
    return _kind(stored, vault)


def _kind(stored: bytes, vault: Vault) -> str:
    if not vault.encrypts or not stored.startswith(MAGIC):
        return PLAIN
    return NEWEST if vault.is_current(stored) else OLDER
