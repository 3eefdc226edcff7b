"""A peer's data directory, read by an auditor: nothing in it is changed, and no lock is kept.

The database is copied and the copy opened, because SQLite writes to a database whose log a killed
daemon left behind, and a folder of evidence may be read-only. The copy lies in memory where the
system has such a place: the journal in it is secret. Of an encrypted directory it is encrypted, and
PEERD_STORAGE_KEY says where the key is.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np

from peerd.audit.bounded import read_bounded
from peerd.audit.material import Broken, KeptModel, Lie, Material, Piece, held
from peerd.errors import CorruptError, GroupError, LockedError, StorageError
from peerd.group.fields import MAX_PARAMETERS
from peerd.runner.succession.lineage import LINEAGE, read_lineage
from peerd.sealing import Unsealed, Vault
from peerd.sealing.source import VARIABLE, named
from peerd.sealing.vault import OVERHEAD_BYTES
from peerd.storage.database import Database
from peerd.storage.ring import vault_of
from peerd.storage.seal import opened
from protocols.aggregation.contract import Model
from protocols.errors import WireError

DATABASE = "peerd.sqlite3"
MAX_BLOB_BYTES = 4 * MAX_PARAMETERS
_NAME_IT = (
    f"set {VARIABLE}=file:/PATH for this command, as [storage] of its peerd.toml has it: no"
    " configuration is read for a directory that is audited"
)
_IN_MEMORY = Path("/dev/shm")
_LOCK = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


def is_store(directory: Path) -> bool:
    """Whether a daemon keeps, or kept, its data here: also one whose database is lost."""
    return (directory / DATABASE).exists() or (directory / "blobs").is_dir()


def read_store(directory: Path) -> Material:
    """All that an audit can use of it. LockedError while a daemon runs on it; StorageError."""
    found = Material(whole=True)
    if not (directory / DATABASE).exists():
        found.lies.append(Lie(str(directory), f"{DATABASE} is missing beside what it names"))
        return found
    try:
        vault = vault_of(directory, named(), _NAME_IT)
        with _copied(directory, vault) as database:
            _read(directory, database, found)
    except CorruptError as error:
        found.lies.append(Lie(str(directory / DATABASE), f"it is damaged: {error.message}"))
    return found


@contextmanager
def _copied(directory: Path, vault: Vault) -> Iterator[Database]:
    names = [name for name in (DATABASE, f"{DATABASE}-wal") if (directory / name).exists()]
    place = _place(sum((directory / name).stat().st_size for name in names))
    with tempfile.TemporaryDirectory(prefix="peerd-audit-", dir=place) as scratch:  # 0700
        try:
            with _quiet(directory):
                for name in names:
                    shutil.copyfile(directory / name, Path(scratch) / name)
        except OSError as error:
            raise StorageError(
                f"can't read {error.filename or directory}: {error.strerror or error}",
                "run the audit as a user who may read the directory",
            ) from None
        database = Database(Path(scratch) / DATABASE, vault)
        try:
            yield database
        finally:
            database.close()


def _place(size: int) -> Path | None:
    """Where a copy of so many bytes leaves the machine its memory; None: on the disk."""
    if not os.access(_IN_MEMORY, os.W_OK) or size > shutil.disk_usage(_IN_MEMORY).free // 2:
        return None
    return _IN_MEMORY


@contextmanager
def _quiet(directory: Path) -> Iterator[None]:
    """While this lasts no daemon writes here. LockedError if one runs."""
    try:
        descriptor = os.open(directory / "lock", _LOCK)
    except FileNotFoundError:  # a copy of a directory
        yield
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise LockedError(
            f"a daemon runs on the data directory {directory}",
            "name its status socket in the directory's place, or a copy of a stopped one",
        ) from None
    finally:
        os.close(descriptor)


def _read(directory: Path, database: Database, found: Material) -> None:
    first = _lineage(directory, database, found)
    found.whole, found.late = first == 0, first > 0
    _certificates(directory, database, found, first)
    for table in ("model", "transcript"):
        for round_, name in database.rows(f"SELECT round, hash FROM {table} ORDER BY round"):
            file = directory / "blobs" / name.hex()[:2] / name.hex()
            read = partial(_blob, file, name, database.vault)
            if table == "transcript":
                found.transcripts.append(Piece(str(file), read, round_))
            else:
                found.kept_models.append(KeptModel(str(file), round_, partial(_model, read)))
    _blames(directory, database, found)


def _lineage(directory: Path, database: Database, found: Material) -> int:
    """The genesis of each group that the peer was in. The first round that is here: not 0 where it
    has joined a group that handed over.
    """
    file = f"{directory / DATABASE}, lineage"
    for value, stored in database.rows("SELECT value, seal FROM meta WHERE key = ?", LINEAGE):
        try:
            told = read_lineage(opened(database, "meta", 0, LINEAGE, value, stored))
        except CorruptError:
            found.lies.append(Lie(file, "it is damaged: it no longer fits its seal"))
        except (WireError, GroupError) as error:
            found.lies.append(Lie(file, str(error)))
        else:
            found.geneses += [(file, genesis) for _, genesis in told]
            return told[0][0] if told else 0
    return 0


def _certificates(directory: Path, database: Database, found: Material, expected: int) -> None:
    """A daemon stores them in the order of the rounds, and removes none: a gap is somebody's."""
    rows = database.rows("SELECT round, value, seal FROM certificate ORDER BY round")
    for round_, value, stored in rows:
        for missing in range(expected, round_):
            reason = f"the certificate of round {missing} is missing between others"
            found.lies.append(Lie(str(directory), reason, missing))
            break
        expected = round_ + 1
        file = f"{directory / DATABASE}, certificate of round {round_}"
        try:
            data = opened(database, "certificate", round_, "", value, stored)
        except CorruptError:
            found.lies.append(Lie(file, "it is damaged: it no longer fits its seal", round_))
        else:
            found.certificates.append(held(file, data, round_))


def _blames(directory: Path, database: Database, found: Material) -> None:
    rows = database.rows("SELECT * FROM blame ORDER BY round, peer, reason")
    for round_, peer, reason, value, stored in rows:
        file = f"{directory / DATABASE}, evidence of round {round_}"
        try:
            data = opened(database, "blame", round_, f"{peer} {reason}", value, stored)
        except CorruptError:
            found.lies.append(Lie(file, "it is damaged: it no longer fits its seal", round_))
        else:
            found.evidence.append(held(file, data))


def _blob(file: Path, name: bytes, vault: Vault) -> bytes:
    try:
        data = vault.open(read_bounded(file, MAX_BLOB_BYTES + OVERHEAD_BYTES), b"blob", name)
    except Unsealed as error:
        raise Broken(str(error)) from None
    except OSError as error:
        raise Broken(f"it can't be read: {error.strerror}") from None
    if hashlib.sha256(data).digest() != name:
        raise Broken("its bytes are not those of its name")
    return data


def _model(read: partial[bytes]) -> Model:
    data = read()
    if len(data) % 4:
        raise Broken("it is no model: its length is odd")
    return np.frombuffer(data, "<f4").astype(np.float32)
