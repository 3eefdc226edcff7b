"""kill -9 in the middle of writing, and the log that it leaves. Fault rows 42, 45, 46, 48."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from peerd.errors import CorruptError, LockedError, StorageError
from peerd.storage import Store

DATABASE = "peerd.sqlite3"
LOG = "peerd.sqlite3-wal"

# Says each number only when it is durable; the model's round runs behind the journal's.
WRITER = """
import sys
from itertools import count
from pathlib import Path
import numpy as np
from peerd.storage import Store
one = Store.open(Path(sys.argv[1]))
start = len(one.journal(0))
for number in count(start):
    one.journal_put(0, f"{number:06}", b"%d" % number * 50)
    one.put_model(number, np.full(10, number, np.float32))
    print(number, flush=True)
"""


def writer(directory: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(directory)], stdout=subprocess.PIPE, text=True
    )


def test_what_was_durable_survives_kill_9(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    said = -1
    for stop in (1, 4, 9):
        process = writer(directory)
        assert process.stdout is not None
        for _ in range(stop):
            said = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        said = max([said, *map(int, process.stdout.read().split())])
        process.stdout.close()
        assert process.wait() == -signal.SIGKILL
        with Store.open(directory) as one:
            entries = one.journal(0)
            assert sorted(entries) == [f"{number:06}" for number in range(len(entries))]
            assert said + 1 <= len(entries) <= said + 2
            assert entries[f"{said:06}"] == b"%d" % said * 50
            model = one.model(said)
            assert model is not None
            assert (model == said).all()


def test_the_second_daemon_names_the_first(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    process = writer(directory)
    assert process.stdout is not None
    try:
        process.stdout.readline()
        with pytest.raises(LockedError, match=rf"in use by pid {process.pid} \(since 20"):
            Store.open(directory)
    finally:
        process.kill()
        process.stdout.close()
        process.wait()
    Store.open(directory).close()


def test_two_stores_in_one_process(tmp_path: Path) -> None:
    first = Store.open(tmp_path / "data")
    with first, pytest.raises(LockedError, match=f"in use by pid {os.getpid()}"):
        Store.open(tmp_path / "data")
    Store.open(tmp_path / "data").close()


def test_a_refused_start_lets_the_directory_go(tmp_path: Path) -> None:
    Store.open(tmp_path / "data").close()
    database = tmp_path / "data" / DATABASE
    whole = database.read_bytes()
    database.write_bytes(whole[:100])
    with pytest.raises(CorruptError):
        Store.open(tmp_path / "data")
    database.write_bytes(whole)
    Store.open(tmp_path / "data").close()


ENTRIES = 12


@pytest.fixture(scope="module")
def crashed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a daemon that died: twelve transactions, all of them still in the log."""
    base = tmp_path_factory.mktemp("crash")
    with Store.open(base / "live") as one:
        one.journal_put(0, "in the database", b"d")
        one.journal_erase(1)  # empties the log
        for number in range(ENTRIES):
            one.journal_put(0, f"{number:02}", b"%d" % number * 3000)
        shutil.copytree(base / "live", base / "dead")
    return base / "dead"


@pytest.fixture
def dead(crashed: Path, tmp_path: Path) -> Path:
    return shutil.copytree(crashed, tmp_path / "data")


def numbers(directory: Path) -> int:
    """How many of the entries are there: they must be the first ones, and right."""
    with Store.open(directory) as one:
        entries = one.journal(0)
    assert entries.pop("in the database") == b"d"
    expected = {f"{number:02}": b"%d" % number * 3000 for number in range(len(entries))}
    assert entries == expected
    return len(entries)


def test_the_log_of_a_dead_daemon_is_replayed(dead: Path) -> None:
    assert (dead / LOG).stat().st_size > 10_000
    assert numbers(dead) == ENTRIES
    assert not (dead / LOG).exists()


@given(st.data())
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_torn_log_is_cut_to_whole_transactions(
    crashed: Path, tmp_path: Path, data: st.DataObject
) -> None:
    shutil.rmtree(tmp_path / "data", ignore_errors=True)
    directory = shutil.copytree(crashed, tmp_path / "data")
    log = directory / LOG
    log.write_bytes(log.read_bytes()[: data.draw(st.integers(33, log.stat().st_size))])
    assert 0 <= numbers(directory) <= ENTRIES


@given(st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_flip_in_the_log_never_loses_more_than_the_last_transactions(
    crashed: Path, tmp_path: Path, data: st.DataObject
) -> None:
    """SQLite alone would drop everything after the flip without a word."""
    shutil.rmtree(tmp_path / "data", ignore_errors=True)
    directory = shutil.copytree(crashed, tmp_path / "data")
    log = directory / LOG
    flipped = bytearray(log.read_bytes())
    position = data.draw(st.integers(0, len(flipped) - 1))
    flipped[position] ^= 1 << data.draw(st.integers(0, 7))
    log.write_bytes(flipped)
    try:
        found = numbers(directory)
    except CorruptError:
        assert log.read_bytes() == bytes(flipped)
        return
    assert found >= ENTRIES - 2


def test_a_flip_early_in_the_log_is_named(dead: Path) -> None:
    log = dead / LOG
    data = bytearray(log.read_bytes())
    data[32 + 24 + 100] ^= 1
    log.write_bytes(data)
    with pytest.raises(CorruptError, match=rf"{log} is damaged"):
        Store.open(dead)


def test_an_erased_secret_goes_even_if_the_checkpoint_did_not_happen(
    crashed: Path, tmp_path: Path
) -> None:
    """Killed between the deletion and its checkpoint: the next start empties the log."""
    directory = tmp_path / "live"
    with Store.open(directory) as one:
        one.journal_put(0, "secret", b"canary" * 20)
        with one._database.transaction() as connection:
            connection.execute("DELETE FROM journal")
        dead = shutil.copytree(directory, tmp_path / "dead")
    assert b"canary" in (dead / LOG).read_bytes()
    with Store.open(dead) as one:
        assert one.journal(0) == {}
        for path in dead.iterdir():
            assert path.is_dir() or b"canary" not in path.read_bytes()


class TestDirectory:
    def test_open_to_others(self, tmp_path: Path) -> None:
        directory = tmp_path / "data"
        Store.open(directory).close()
        directory.chmod(0o750)
        with pytest.raises(StorageError, match=rf"run: chmod 700 {directory}"):
            Store.open(directory)

    def test_an_empty_one_is_closed(self, tmp_path: Path) -> None:
        (tmp_path / "data").mkdir(mode=0o755)
        Store.open(tmp_path / "data").close()
        assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700

    def test_a_file_in_its_place(self, tmp_path: Path) -> None:
        (tmp_path / "data").write_text("")
        with pytest.raises(StorageError, match="is a file"):
            Store.open(tmp_path / "data")
        with pytest.raises(StorageError, match="can't use the data directory"):
            Store.open(tmp_path / "data" / "below")

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
    def test_another_owner(self, tmp_path: Path) -> None:
        (tmp_path / "data").mkdir()
        os.chown(tmp_path / "data", 12345, -1)
        with pytest.raises(StorageError, match="belongs to uid 12345"):
            Store.open(tmp_path / "data")

    def test_a_link_in_the_place_of_the_lock(self, tmp_path: Path) -> None:
        (tmp_path / "data").mkdir(mode=0o700)
        (tmp_path / "data" / "lock").symlink_to(tmp_path / "elsewhere")
        with pytest.raises(StorageError, match="can't open the lock file"):
            Store.open(tmp_path / "data")
        assert not (tmp_path / "elsewhere").exists()
