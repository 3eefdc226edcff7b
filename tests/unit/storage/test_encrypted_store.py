"""A store whose disk is encrypted: a thief finds nothing, and nothing is lost on the way there."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from peerd.errors import CorruptError, StorageError
from peerd.learning.state import LocalModels
from peerd.learning.trained import Trained
from peerd.runner.evidence.keeping import Pruning
from peerd.sealing import KeySource
from peerd.storage import Blame, Store, durable
from peerd.storage.database import Database
from peerd.storage.examination import examine
from peerd.storage.ring import KEYS, TRAINING, begin, read_ring, rotated, write_ring
from peerd.storage.seal import seal, sealed

DATABASE = "peerd.sqlite3"
CANARY = b"CANARY-that-occurs-nowhere-by-accident-"
NUMBERS = np.frombuffer(CANARY[:36], np.float32)


@pytest.fixture
def key(tmp_path: Path) -> KeySource:
    return made_key(tmp_path / "disk.key", "5a" * 32)


def made_key(path: Path, text: str) -> KeySource:
    path.write_text(text)
    path.chmod(0o600)
    return KeySource(f"file:{path}")


def fill(store: Store, rounds: int = 3) -> None:
    """A canary of every kind."""
    for number in range(rounds):
        what = b"%s%06d" % (CANARY, number)
        store.journal_put_many(number, {"secret/0": what, "large": what * 500, "empty": b""})
        store.put_certificate(number, b"c" + what)
        store.put_blame(number, 1, "lied", b"b" + what)
        store.put_round(number, {"outcome": what.decode()})
        store.put_model(number, np.append(NUMBERS, np.float32(number)))
        store.put_transcript(number, b"t" + what * 300)
        store.put_blob(b"s" + what)
        store.set_meta(f"key {number}", b"m" + what)
        store.set_meta(f"taken back {number}", b"")
    store.set_best({"round": 1, "of": CANARY.decode()})
    models = LocalModels(store.directory / TRAINING, 10, store.vault.part(TRAINING))
    models.prepare()
    models.save(1, CANARY[:32], Trained(np.append(NUMBERS, NUMBERS[:1]), -np.ones(10, np.float32)))
    models.save_own(1, np.frombuffer(CANARY[:32], np.float64))


def check(store: Store, rounds: int = 3) -> None:
    for number in range(rounds):
        what = b"%s%06d" % (CANARY, number)
        assert store.journal(number) == {"secret/0": what, "large": what * 500, "empty": b""}
        assert store.certificate(number) == b"c" + what
        assert Blame(number, 1, "lied", b"b" + what) in store.blames()
        assert store.round(number) == {"outcome": what.decode()}
        model = store.model(number)
        assert model is not None and model[-1] == number and (model[:-1] == NUMBERS).all()
        assert store.transcript(number) == b"t" + what * 300
        assert store.meta(f"key {number}") == b"m" + what
        assert store.meta(f"taken back {number}") == b""
    assert len(store.certificates(0, 100)) == len(store.rounds()) == rounds
    assert store.best() == {"round": 1, "of": CANARY.decode()}
    models = LocalModels(store.directory / TRAINING, 10, store.vault.part(TRAINING))
    assert (models.load(1)[1].update[:9] == NUMBERS).all()
    assert models.own().values.tobytes() == CANARY[:32]


def found(directory: Path, what: bytes = CANARY[:24]) -> list[str]:
    """The files that a thief could read it in, as it is and as text."""
    spelt = (what, what.hex().encode())
    files = [path for path in directory.rglob("*") if path.is_file()]
    assert files
    return [p.name for p in files if any(each in p.read_bytes() for each in spelt)]


def encrypt(directory: Path, key: KeySource) -> None:
    """As ``peerd storage encrypt``."""
    if not (directory / KEYS).exists():
        with Store.open(directory):
            begin(directory, key, plain=True)
    finish(directory, key)


def rotate(directory: Path, key: KeySource, to: KeySource | None = None) -> None:
    with Store.open(directory, source=key) as store:
        write_ring(directory, rotated(store.vault), to or key)
    finish(directory, to or key)


def finish(directory: Path, key: KeySource) -> None:
    with Store.open(directory, source=key) as store:
        LocalModels(directory / TRAINING, 0, store.vault.part(TRAINING)).prepare()
        while not store.renew(4000):
            pass


def test_a_new_directory_begins_encrypted(tmp_path: Path, key: KeySource) -> None:
    data = tmp_path / "data"
    with Store.open(data, source=key) as store:
        fill(store)
        assert found(data) == []  # while it is open: the log, too
        real = sum(path.stat().st_size for path in data.rglob("*") if path.is_file())
        assert store.usage().bytes == real
    assert found(data) == []
    with Store.open(data, source=key) as store:
        check(store)
        assert store.renew()
    assert found(data, bytes.fromhex("5a" * 32)) == []


def test_the_search_would_find_one(tmp_path: Path) -> None:
    with Store.open(tmp_path / "data") as store:
        fill(store)
        kinds = {name.partition(".")[0] for name in found(tmp_path / "data")}
    assert {"peerd", "round-1", "statistics"} <= kinds and len(found(tmp_path / "data")) > 8


def test_a_plain_directory_is_encrypted_in_its_place(tmp_path: Path, key: KeySource) -> None:
    data = tmp_path / "data"
    with Store.open(data) as store:
        fill(store)
    with pytest.raises(StorageError, match=r"is not encrypted, .* say: peerd storage encrypt"):
        Store.open(data, source=key)
    encrypt(data, key)
    assert found(data) == []
    with Store.open(data, source=key) as store:
        check(store)
        assert store.vault.settled
        size = sum(path.stat().st_size for path in (data / "blobs").rglob("*") if path.is_file())
        ((counted,),) = store._database.rows("SELECT sum(size) FROM blob")
        assert counted == size


def test_what_was_set_aside_is_erased_and_what_is_not_peerd_s_is_left_alone(
    tmp_path: Path, key: KeySource
) -> None:
    data = tmp_path / "data"
    with Store.open(data) as store:
        fill(store)
        for number in (0, 1):
            blob = next(data.glob(f"blobs/??/{store.put_blob(CANARY + bytes([number])).hex()}"))
            blob.write_bytes(CANARY)
        assert store.blob(bytes.fromhex(blob.name)) is None  # set aside; the other is found later
    (data / TRAINING / "note.x").write_bytes(b"somebody's")
    encrypt(data, key)
    assert found(data) == [] and not list(data.rglob("*.damaged"))
    assert (data / TRAINING / "note.x").read_bytes() == b"somebody's"
    assert examine(data, key).settled


def test_without_its_key_it_says_what_is_missing(tmp_path: Path, key: KeySource) -> None:
    data = tmp_path / "data"
    Store.open(data, source=key).close()
    with pytest.raises(StorageError, match=f"{data} is encrypted, and nobody says where its key"):
        Store.open(data)
    other = made_key(tmp_path / "other", "00" * 32)
    with pytest.raises(
        StorageError, match=r"keys\.json: the key that .*other' names does not open"
    ):
        Store.open(data, source=other)
    ring = (data / KEYS).read_bytes()
    (data / KEYS).unlink()
    for source in (None, key):
        with pytest.raises(CorruptError, match=r"is encrypted, and keys\.json .* put that file"):
            Store.open(data, source=source)
    (data / KEYS).write_bytes(ring[:-9])
    with pytest.raises(CorruptError, match=r"keys\.json is damaged"):
        Store.open(data, source=key)
    (data / KEYS).write_bytes(ring)
    Store.open(data, source=key).close()


CHANGES = (
    "UPDATE meta SET value = (SELECT value FROM meta WHERE key = 'key 1') WHERE key = 'key 0'",
    "UPDATE meta SET value = x'00' WHERE key = 'key 0'",
    "UPDATE meta SET value = substr(value, 1, 40) WHERE key = 'key 0'",
    "UPDATE meta SET value = CAST('plain' AS BLOB) WHERE key = 'key 0'",
)


@pytest.mark.parametrize("change", CHANGES)
def test_a_row_that_somebody_moved_or_wrote_is_refused(
    tmp_path: Path, key: KeySource, change: str
) -> None:
    """With a seal that fits: whoever can write the files can compute that."""
    data = tmp_path / "data"
    with Store.open(data, source=key) as store:
        fill(store)
    connection = sqlite3.connect(data / DATABASE)
    with connection:
        connection.execute(change)
        ((value,),) = connection.execute("SELECT value FROM meta WHERE key = 'key 0'")
        connection.execute(
            "UPDATE meta SET seal = ? WHERE key = 'key 0'", (seal("meta", 0, "key 0", value),)
        )
    connection.close()
    (line,) = examine(data, key).damaged
    assert line.startswith(f"meta 'key 0' in {data / DATABASE}; move the data directory away")
    with pytest.raises(CorruptError, match="meta 'key 0'"):
        Store.open(data, source=key)


def test_a_file_that_somebody_moved_is_no_blob_and_no_local_model(
    tmp_path: Path, key: KeySource
) -> None:
    data = tmp_path / "data"
    with Store.open(data, source=key) as store:
        fill(store)
        one, two = store.put_blob(b"one"), store.put_blob(b"two")
        files = {name: next(data.glob(f"blobs/??/{name.hex()}")) for name in (one, two)}
        shutil.copyfile(files[one], files[two])
        shutil.copyfile(data / TRAINING / "round-1.x", data / TRAINING / "round-2.x")
        assert store.blob(one) == b"one" and store.blob(two) is None
        models = LocalModels(data / TRAINING, 10, store.vault.part(TRAINING))
        with pytest.raises(CorruptError, match=r"round-2\.x is damaged"):
            models.load(2)


def test_a_directory_is_not_another_one(tmp_path: Path, key: KeySource) -> None:
    """The same key of the disk, and the other's database."""
    one, two = tmp_path / "one", tmp_path / "two"
    for data in (one, two):
        with Store.open(data, source=key) as store:
            store.set_meta("key", b"value")
    shutil.copyfile(one / DATABASE, two / DATABASE)
    with pytest.raises(CorruptError, match="meta 'key'"):
        Store.open(two, source=key)


def test_a_rotation_ends_with_one_generation(tmp_path: Path, key: KeySource) -> None:
    data = tmp_path / "data"
    with Store.open(data, source=key) as store:
        fill(store)
    for generation in (2, 3):
        rotate(data, key)
        counted = examine(data, key)
        assert counted.generations == (generation,) and counted.settled
        assert set(counted.values) == {"newest"}
    to = made_key(tmp_path / "next.key", "77" * 32)
    rotate(data, key, to)
    with pytest.raises(StorageError, match="does not open"):
        Store.open(data, source=key)
    with Store.open(data, source=to) as store:
        check(store)


def test_a_daemon_goes_on_while_its_keys_are_replaced(tmp_path: Path, key: KeySource) -> None:
    """A little after each round; the training worker renews its own files as it starts."""
    data = tmp_path / "data"
    with Store.open(data, source=key) as store:
        fill(store)
        write_ring(data, rotated(store.vault), key)
    with Store.open(data, source=key) as store:
        pruning = Pruning(store)
        store.put_certificate(7, b"in between")
        assert not store.renew(100)
        pruning.after(7)
        check_before = examine_open(store)
        assert check_before == (2, False)  # the worker has not started yet
        LocalModels(data / TRAINING, 0, store.vault.part(TRAINING)).prepare()
        pruning.after(8)
        assert examine_open(store) == (2, True)
        assert store.certificate(7) == b"in between"
    assert [number for number, _ in read_ring(data, key).generations()] == [2]


def examine_open(store: Store) -> tuple[int, bool]:
    return store.vault.generation, store.vault.settled


class Crash(BaseException):
    """The power is gone."""


def crashing(patch: pytest.MonkeyPatch, at: int) -> None:
    """Every write that is made durable, of files and of the database, is one step; the ``at``-th
    does not happen, nor anything behind it.
    """
    steps = 0

    def step(real: Callable[..., object]) -> Callable[..., object]:
        def done(*given: object, **named: object) -> object:
            nonlocal steps
            steps += 1
            if steps >= at:
                raise Crash
            return real(*given, **named)

        return done

    for name in ("fsync", "replace"):
        patch.setattr(durable.os, name, step(getattr(os, name)))
    for name in ("compact", "checkpoint"):
        patch.setattr(Database, name, step(getattr(Database, name)))
    patch.setattr("peerd.storage.renewing.sealed", step(sealed))


@pytest.fixture
def directories(tmp_path: Path, key: KeySource) -> Iterator[tuple[Path, Path]]:
    """A plain one, and an encrypted one, to be copied."""
    with Store.open(tmp_path / "plain") as store:
        fill(store, 1)
    with Store.open(tmp_path / "sealed", source=key) as store:
        fill(store, 1)
    return tmp_path / "plain", tmp_path / "sealed"


@pytest.mark.parametrize("what", ["encrypt", "rotate", "rotate to another"])
def test_a_crash_at_every_step_loses_nothing(
    tmp_path: Path, key: KeySource, directories: tuple[Path, Path], what: str
) -> None:
    to = made_key(tmp_path / "next.key", "77" * 32) if "another" in what else key

    def convert(data: Path) -> None:
        if what == "encrypt":
            encrypt(data, key)
        else:
            rotate(data, key, to)

    at, data = 1, tmp_path / "data"
    while True:
        shutil.rmtree(data, ignore_errors=True)
        shutil.copytree(directories[what != "encrypt"], data)
        with pytest.MonkeyPatch.context() as patch:
            crashing(patch, at)
            try:
                convert(data)
                break
            except Crash:
                pass
        if not (data / KEYS).exists():  # before anything was done
            with Store.open(data) as store:
                check(store, 1)
            encrypt(data, key)
        else:
            used = to if opens(data, to) else key
            with Store.open(data, source=used) as store:  # a daemon may start there as well
                check(store, 1)
                store.put_certificate(50, b"")
            finish(data, used)
        used = to if opens(data, to) else key
        with Store.open(data, source=used) as store:
            assert store.vault.settled
        assert found(data) == []
        at += 1
    assert at > 25


def opens(data: Path, key: KeySource) -> bool:
    try:
        read_ring(data, key)
    except StorageError:
        return False
    return True


def test_an_encrypted_journal_erases_as_ever(tmp_path: Path, key: KeySource) -> None:
    with Store.open(tmp_path / "data", source=key) as store:
        store.journal_put_many(1, {"a": b"1", "b": b"2"})
        store.journal_put(1, "a", b"1")
        ((stored,),) = store._database.rows("SELECT value FROM journal WHERE key = 'a'")
        store.journal_erase(1, ["a"])
        assert store.journal(1) == {"b": b"2"}
        assert found(tmp_path / "data", stored) == []
