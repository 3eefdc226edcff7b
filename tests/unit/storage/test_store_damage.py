"""Truncated, flipped, foreign and missing files; full disks. Fault rows 44 to 47."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from peerd.errors import CorruptError, SchemaError, StorageError
from peerd.storage import Store, durable
from tests.patience import HANG

DATABASE = "peerd.sqlite3"
LOG = "peerd.sqlite3-wal"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A closed store with some of everything."""
    path = tmp_path / "data"
    with Store.open(path) as one:
        for round in range(4):
            one.journal_put_many(round, {f"key {i}": bytes([i]) * 300 for i in range(12)})
            one.put_certificate(round, b"certificate %d" % round * 50)
            one.put_model(round, np.full(50, round, np.float32))
            one.put_round(round, {"round": round})
        one.put_blame(1, 2, "bad-proof", b"evidence")
        one.witness(3)
    return path


def snapshot(directory: Path) -> dict[str, bytes]:
    """What the files hold; SQLite may leave an empty log behind."""
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file() and path.name != "lock" and path.stat().st_size
    }


@pytest.mark.parametrize("part", [0.0, 0.001, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_database_is_refused_and_kept(directory: Path, part: float) -> None:
    path = directory / DATABASE
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * part)])
    before = snapshot(directory)
    with pytest.raises(CorruptError, match="move the data directory away") as caught:
        Store.open(directory)
    assert str(path) in str(caught.value)
    assert "peerd run --restored" in str(caught.value)
    assert snapshot(directory) == before


def test_whole_pages_cut_off_are_missed(directory: Path) -> None:
    path = directory / DATABASE
    path.write_bytes(path.read_bytes()[:-4096])
    with pytest.raises(CorruptError):
        Store.open(directory)


def test_another_file_in_its_place(directory: Path) -> None:
    path = directory / DATABASE
    path.write_bytes(b"not a database\n" * 1000)
    with pytest.raises(CorruptError):
        Store.open(directory)
    path.unlink()
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE t (x)")
    connection.close()
    with pytest.raises(CorruptError, match="is not a database of peerd"):
        Store.open(directory)


def test_a_missing_database_is_not_a_new_one(directory: Path) -> None:
    """Else a peer would forget what it has signed."""
    (directory / DATABASE).unlink()
    with pytest.raises(CorruptError, match="is missing beside blobs"):
        Store.open(directory)
    shutil.rmtree(directory / "blobs")
    (directory / LOG).write_bytes(b"left")
    with pytest.raises(CorruptError, match=r"is missing beside peerd\.sqlite3-wal"):
        Store.open(directory)


@pytest.mark.parametrize("version", [0, 3, 99])
def test_another_schema_is_refused_naming_both(directory: Path, version: int) -> None:
    connection = sqlite3.connect(directory / DATABASE)
    connection.execute(f"PRAGMA user_version={version}")
    connection.close()
    with pytest.raises(SchemaError, match=f"has schema {version}, and this peerd reads schema 1"):
        Store.open(directory)


CHANGES = [
    ("UPDATE journal SET value = x'00' WHERE round = 1 AND key = 'key 3'", "journal 'key 3'"),
    ("UPDATE journal SET key = 'other' WHERE round = 1 AND key = 'key 3'", "journal 'other'"),
    ("UPDATE journal SET round = 9 WHERE round = 1 AND key = 'key 3'", "of round 9"),
    ("UPDATE journal SET key = CAST(x'ff' AS TEXT) WHERE key = 'key 3'", "damaged"),
    ("UPDATE meta SET value = x'00'", "meta 'witnessed'"),
    ("UPDATE meta SET key = 'forgotten'", "meta 'forgotten'"),
    ("UPDATE blame SET peer = 3", "blame '3 bad-proof'"),
    ("UPDATE blame SET value = x''", "blame '2 bad-proof'"),
    ("UPDATE certificate SET value = x'00' WHERE round = 3", "certificate of round 3"),
    ("UPDATE certificate SET round = 8 WHERE round = 3", "certificate of round 8"),
]


@pytest.mark.parametrize(("sql", "what"), CHANGES)
def test_a_value_that_does_not_fit_its_seal_stops_the_start(
    directory: Path, sql: str, what: str
) -> None:
    connection = sqlite3.connect(directory / DATABASE)
    with connection:
        assert connection.execute(sql).rowcount
    connection.close()
    with pytest.raises(CorruptError, match=what):
        Store.open(directory)


READS: list[tuple[str, Callable[[Store], object]]] = [
    ("UPDATE certificate SET value = x'00' WHERE round = 1", lambda one: one.certificate(1)),
    ("UPDATE history SET value = x'7b7d' WHERE round = 1", lambda one: one.round(1)),
    ("UPDATE history SET value = x'7b7d' WHERE round = 1", lambda one: one.rounds()),
]


@pytest.mark.parametrize(("sql", "read"), READS)
def test_an_older_value_is_checked_when_it_is_read(
    directory: Path, sql: str, read: Callable[[Store], object]
) -> None:
    connection = sqlite3.connect(directory / DATABASE)
    with connection:
        connection.execute(sql)
    connection.close()
    with Store.open(directory) as one, pytest.raises(CorruptError):
        read(one)


@given(st.data())
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_flipped_bit_changes_nothing_unnoticed(directory: Path, data: st.DataObject) -> None:
    """Anywhere in the database: refused at the start, refused at the read, or without effect."""
    path = directory / DATABASE
    original = path.read_bytes()
    flipped = bytearray(original)
    position = data.draw(st.integers(0, len(flipped) - 1))
    flipped[position] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(flipped)
    try:
        with Store.open(directory) as one:
            for round in range(4):
                expected = {f"key {i}": bytes([i]) * 300 for i in range(12)}
                assert one.journal(round) == expected
                assert one.certificate(round) == b"certificate %d" % round * 50
                found = one.model(round)
                assert found is None or (found == round).all()
            assert (one.head(), one.witnessed(), len(one.blames())) == (3, 3, 1)
    except StorageError:
        pass
    finally:
        path.write_bytes(original)
        (directory / LOG).unlink(missing_ok=True)


def test_a_damaged_blob_is_missing_until_it_is_put_again(directory: Path) -> None:
    with Store.open(directory) as one:
        name = one.put_blob(b"precious")
        path = directory / "blobs" / name.hex()[:2] / name.hex()
        path.write_bytes(b"precioux")
        assert one.blob(name) is None
        assert path.with_name(path.name + ".damaged").read_bytes() == b"precioux"
        assert one.put_blob(b"precious") == name
        assert one.blob(name) == b"precious"


def test_a_damaged_model_is_missing_until_it_is_fetched(directory: Path) -> None:
    for path in (directory / "blobs").glob("??/*"):
        path.write_bytes(path.read_bytes()[:-1])
    with Store.open(directory) as one:
        assert one.model(3) is None
        assert one.head() == 3
        one.put_model(3, np.full(50, 3, np.float32))
        assert one.model(3) is not None


def test_what_a_crash_left_beside_the_blobs(directory: Path) -> None:
    """A half-written file goes; a file without a row is adopted and still there."""
    with Store.open(directory) as one:
        name = one.put_blob(b"orphan")
    folder = directory / "blobs" / name.hex()[:2]
    (folder / (name.hex() + ".partial")).write_bytes(b"half")
    (folder / "not-a-hash").write_bytes(b"someone's note")
    connection = sqlite3.connect(directory / DATABASE)
    with connection:
        connection.execute("DELETE FROM blob WHERE hash = ?", (name,))
    connection.close()
    with Store.open(directory) as one:
        one.put_model(9, np.zeros(2, np.float32))
        assert one.blob(name) == b"orphan"
    assert sorted(path.name for path in folder.iterdir()) == sorted([name.hex(), "not-a-hash"])


def test_a_full_disk_is_an_error_and_changes_nothing(directory: Path) -> None:
    with Store.open(directory) as one:
        ((pages,),) = one._database.rows("PRAGMA page_count")
        one._database.rows(f"PRAGMA max_page_count={pages}")
        with pytest.raises(StorageError, match="no space left"):
            one.journal_put_many(8, {str(i): bytes(4000) for i in range(40)})
        assert one.journal(8) == {}
        one._database.rows(f"PRAGMA max_page_count={pages + 1000}")
        one.journal_put(8, "k", b"v")
    with Store.open(directory) as one:
        assert one.journal(8) == {"k": b"v"}


FULL_DISK = """
import resource, sys
from pathlib import Path
import numpy as np
from peerd.errors import StorageError
from peerd.storage import Store
one = Store.open(Path(sys.argv[1]))
one.journal_put(9, "before", b"b")
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
for write in (
    lambda: one.journal_put(9, "secret", bytes(300_000)),
    lambda: one.put_model(9, np.zeros(100_000, np.float32)),
    lambda: one.put_transcript(9, bytes(300_000)),
    lambda: one.put_blob(bytes(300_000)),
):
    try:
        write()
    except StorageError as error:
        print("refused", error)
"""


def test_every_write_that_does_not_fit_is_refused(directory: Path) -> None:
    """In a process whose files may not grow, as on a full disk: the kernel's own errors."""
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(directory)],
        capture_output=True,
        text=True,
        timeout=HANG,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 4, done.stdout
    with Store.open(directory) as one:
        assert one.journal(9) == {"before": b"b"}
        assert one.model(9) is None
        assert (one.head(), one.journal(3)["key 1"]) == (3, b"\1" * 300)


def test_a_failed_fsync_of_a_blob_is_an_error(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    with Store.open(directory) as one:
        with monkeypatch.context() as patch:
            patch.setattr(durable.os, "fsync", fail)
            with pytest.raises(StorageError, match="Input/output error"):
                one.put_model(7, np.zeros(3, np.float32))
        assert one.model(7) is None
        assert not list(directory.rglob("*.partial"))


def test_after_an_io_error_the_database_is_not_used_again(directory: Path) -> None:
    """Fault 45: after a failed fsync nobody knows what is on disk; a restart finds out."""
    with Store.open(directory) as one:
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
        with pytest.raises(StorageError, match="disk I/O error"), one._database.transaction():
            raise error
        with pytest.raises(StorageError, match="failed earlier; restart the daemon"):
            one.journal_put(8, "k", b"v")
