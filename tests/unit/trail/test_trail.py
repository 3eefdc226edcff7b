"""The trail against those who would rather it said something else, and against the disk."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from peerd.errors import CorruptError, StorageError
from peerd.trail import Actor, Factor, Head, Trail, TrailError
from peerd.trail import trail as module
from peerd.trail.reading import records, walk
from peerd.trail.record import MAX_LINE, MAX_TEXT, NOTHING, line_of
from peerd.trail.trail import FILE, remembered

ANNA = Actor(Factor.SOCKET, 1001, "anna", "operator")


class Memory:
    """A store's values."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.values: dict[str, bytes] = {}

    def meta(self, key: str) -> bytes | None:
        return self.values.get(key)

    def set_meta(self, key: str, value: bytes) -> None:
        self.values[key] = value


@pytest.fixture
def store(tmp_path: Path) -> Memory:
    return Memory(tmp_path)


@pytest.fixture
def trail(store: Memory) -> Iterator[Trail]:
    with closing(Trail(store)) as found:
        yield found


def written(store: Memory, count: int = 3) -> list[bytes]:
    """The lines of a trail with so many acts behind its beginning."""
    with closing(Trail(store)) as found:
        for number in range(count):
            found.note("pause", ANNA, round=number)
    return (store.directory / FILE).read_bytes().splitlines(keepends=True)


def test_a_record_says_who_did_what_when_and_is_bound_to_the_one_before(
    store: Memory, trail: Trail
) -> None:
    trail.note("abandon", ANNA, round=3)
    first, second = records(store.directory / FILE)
    assert (first["act"], first["number"], first["previous"]) == ("begin", 0, NOTHING)
    assert first["factor"] == "daemon" and first["uid"] == os.geteuid()
    assert second["previous"] == first["hash"] and second["number"] == 1
    who = second["uid"], second["user"], second["role"], second["factor"]
    assert who == (1001, "anna", "operator", "socket")
    assert second["act"] == "abandon" and second["arguments"] == {"round": 3}
    assert second["time"].endswith("Z")
    assert trail.head() == Head(1, second["hash"]) == remembered(store)
    assert trail.shown() == {"records": 2, "head": second["hash"]}


def test_nobody_guesses_a_head_from_what_was_done(tmp_path: Path) -> None:
    """The others hold commitments to heads: the same acts at the same times have other hashes."""
    heads = set()
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        with closing(Trail(Memory(tmp_path / name), lambda: 1e9)) as found:
            found.note("pause", ANNA)
            heads.add(found.last_hash())
            assert found.last_hash().hex() == found.head().hash
    assert len(heads) == 2


def test_a_record_is_checked_without_peerd(store: Memory) -> None:
    written(store)
    script = "tail -n 1 trail | cut -c66- | head -c -1 | sha256sum | cut -c-64"
    done = subprocess.run(script, shell=True, cwd=store.directory, capture_output=True, check=True)
    assert done.stdout.decode().strip() == remembered(store).hash


def test_it_goes_on_after_a_restart(store: Memory) -> None:
    before = written(store)
    after = written(store)
    assert after[: len(before)] == before and len(after) == 7
    assert walk(store.directory / FILE).why is None


def test_it_is_on_disk_before_it_returns(
    store: Memory, trail: Trail, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    sync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda file: (synced.append(file), sync(file)))
    trail.note("pause", ANNA)
    assert len(synced) == 1


# -- somebody who changes the file -----------------------------------------------------------------


def test_each_changed_byte_is_found(store: Memory) -> None:
    lines = written(store, 2)
    data = b"".join(lines)
    path = store.directory / FILE
    for place in range(len(data)):
        changed = bytearray(data)
        changed[place] ^= 1
        path.write_bytes(changed)
        found = walk(path, remembered(store))
        number = data[:place].count(b"\n")
        assert found.why is not None or not found.known
        assert found.bad in (number, number + 1)


FORGED = line_of(Head(1, "ab" * 32), ANNA, "pause", {}, 0.0)


@pytest.mark.parametrize(
    ("change", "number"),
    [
        (lambda lines: [lines[0], *lines[2:]], 1),
        (lambda lines: [lines[0], lines[2], lines[1], lines[3]], 1),
        (lambda lines: lines[1:], 0),
        (lambda lines: [*lines[:2], lines[1], *lines[2:]], 2),
        (lambda lines: [*lines[:2], FORGED, *lines[2:]], 2),
        (lambda lines: [*lines[:2], b"\n", *lines[2:]], 2),
        (lambda lines: [*lines[:2], b"x" * 9000 + b"\n", *lines[2:]], 2),
        (lambda lines: [*lines[:2], lines[2].replace(b"anna", b"bert"), lines[3]], 2),
        (lambda lines: [*lines[:2], resealed(lines[2], b"anna", b"bert"), lines[3]], 3),
        (lambda lines: [*lines[:2], resealed(lines[2], b":", b": "), lines[3]], 2),
        (lambda lines: [*lines[:2], resealed(lines[2], b'"uid":1001', b'"uid":"x"'), lines[3]], 2),
        (lambda lines: [*lines[:2], resealed(lines[2], b"{", b"[" * 2000), lines[3]], 2),
    ],
    ids=[
        *("removed", "swapped", "beginning removed", "doubled", "added", "empty", "long"),
        *("changed", "rewritten", "other form", "other type", "nested"),
    ],
)
def test_what_was_done_to_it_is_found_with_its_record(
    store: Memory, change: Callable[[list[bytes]], list[bytes]], number: int
) -> None:
    path = store.directory / FILE
    path.write_bytes(b"".join(change(written(store))))
    found = walk(path)
    assert found.why is not None and found.bad == number
    before = path.read_bytes()
    with pytest.raises(CorruptError, match=rf"record {number}: .*move it away"):
        Trail(store)
    assert path.read_bytes() == before


def resealed(line: bytes, old: bytes, new: bytes) -> bytes:
    """By somebody who has read how a hash is made."""
    text = line[65:-1].replace(old, new, 1)
    return f"{sha256(text).hexdigest()} ".encode() + text + b"\n"


@pytest.mark.parametrize("left", [1, 2, 3])
def test_a_cut_end_is_known_by_the_head_that_is_kept(store: Memory, left: int) -> None:
    lines, path = written(store), store.directory / FILE
    path.write_bytes(b"".join(lines[:left]))
    assert walk(path).why is None  # by itself it is a trail
    assert not walk(path, remembered(store)).known
    with pytest.raises(CorruptError, match=rf"ends at record {left - 1}, .*move it away"):
        Trail(store)


def test_a_whole_chain_made_anew_is_another(store: Memory, tmp_path: Path) -> None:
    written(store)
    (tmp_path / "other").mkdir()
    other = Memory(tmp_path / "other")
    written(other, 5)
    os.replace(other.directory / FILE, store.directory / FILE)
    with pytest.raises(CorruptError, match="or is another"):
        Trail(store)


@pytest.mark.parametrize("emptied", [True, False])
def test_one_that_is_gone_is_gone_on_from_and_says_so(store: Memory, emptied: bool) -> None:
    written(store)
    last, path = remembered(store), store.directory / FILE
    path.write_bytes(b"") if emptied else path.unlink()
    with capture_logs() as logged, closing(Trail(store)):
        pass
    (first,) = records(path)
    assert (first["number"], first["previous"]) == (4, last.hash)
    assert first["arguments"]["lost"] == last.hash and len(first["arguments"]["salt"]) == 64
    assert any("the trail is gone" in each["event"] for each in logged)
    found = walk(path, last)
    assert found.known and found.notes == ["records 0 to 3 are in no file here"]


@pytest.mark.parametrize("how", ["added", "cut", "replaced", "removed"])
def test_nobody_writes_to_it_beside_the_daemon(store: Memory, trail: Trail, how: str) -> None:
    trail.note("pause", ANNA)
    path = store.directory / FILE
    data = path.read_bytes()
    if how == "replaced":
        path.rename(path.with_name("away"))
        path.write_bytes(data)
    elif how == "removed":
        path.unlink()
    else:
        path.write_bytes(data + b"x" if how == "added" else data[:-9])
    with pytest.raises(TrailError, match=r"was changed|is gone"):
        trail.note("resume", ANNA)
    assert trail.head() == remembered(store) and trail.head().number == 1


@pytest.mark.parametrize("what", ["symlink", "fifo", "directory", "open to others", "two names"])
def test_a_place_that_leads_elsewhere_is_not_written_to(store: Memory, what: str) -> None:
    path, victim = store.directory / FILE, store.directory / "victim"
    victim.write_bytes(b"")
    victim.chmod(0o600)
    if what == "symlink":
        path.symlink_to(victim)
    elif what == "fifo":
        os.mkfifo(path)
    elif what == "directory":
        path.mkdir()
    elif what == "two names":
        path.hardlink_to(victim)
    else:
        path.touch()
        path.chmod(0o622)
    with pytest.raises(StorageError):
        Trail(store)
    assert victim.read_bytes() == b""


# -- the disk --------------------------------------------------------------------------------------


def test_what_a_power_cut_tears_is_mended_and_said(store: Memory) -> None:
    path, memory = store.directory / FILE, dict(store.values)
    lines = written(store, 2)
    memory = dict(store.values)
    torn = line_of(remembered(store), ANNA, "resume", {}, 0.0)
    for left in (1, 60, len(torn) - 1):
        for filler in (b"", bytes(7), bytes(len(torn)) + b"\n"):
            store.values = dict(memory)
            path.write_bytes(b"".join(lines) + torn[:left] + filler)
            with capture_logs() as logged, closing(Trail(store)):
                pass
            *_, last = records(path)
            rest = torn[:left] + filler
            assert last["act"] == "mend" and last["number"] == 3
            assert last["arguments"] == {"bytes": len(rest), "sha256": sha256(rest).hexdigest()}
            assert any("was torn" in each["event"] for each in logged)
            assert walk(path, remembered(store)).known


def test_a_record_that_was_whole_is_not_called_torn(store: Memory) -> None:
    lines, path = written(store), store.directory / FILE
    path.write_bytes(b"".join(lines)[:-1])
    with pytest.raises(CorruptError, match="record 3: it has no end"):
        Trail(store)
    path.write_bytes(lines[0][:-1])
    with pytest.raises(CorruptError):
        Trail(store)
    assert path.read_bytes() == lines[0][:-1]


def test_a_crash_between_the_file_and_the_store_loses_nothing(store: Memory) -> None:
    written(store, 2)
    memory = dict(store.values)
    written(store, 1)
    store.values = memory
    with closing(Trail(store)) as trail:
        assert trail.head().number == 3


@pytest.mark.parametrize("taken", [0, 30])
def test_a_full_disk_writes_nothing_and_goes_on_once_there_is_room(
    store: Memory, trail: Trail, monkeypatch: pytest.MonkeyPatch, taken: int
) -> None:
    path = store.directory / FILE
    before, write = path.read_bytes(), os.write

    def full(file: int, data: bytes) -> int:
        if taken:
            return write(file, data[:taken])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(TrailError, match="can't write to the trail"):
            trail.note("pause", ANNA)
    assert path.read_bytes() == before and trail.head().number == 0
    trail.note("pause", ANNA)
    assert walk(path, trail.head()).known and trail.head().number == 1


def test_after_a_failed_sync_nothing_more_is_written_until_a_restart(
    store: Memory, trail: Trail, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is on the disk then nobody knows."""

    def fails(file: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fails)
        with pytest.raises(TrailError):
            trail.note("pause", ANNA)
    with pytest.raises(TrailError, match="start the daemon again"):
        trail.note("resume", ANNA)
    trail.close()
    with closing(Trail(store)) as again:
        again.note("resume", ANNA)


def test_the_real_full_disk(store: Memory, trail: Trail, monkeypatch: pytest.MonkeyPatch) -> None:
    """As ``/dev/full`` has it."""
    with open("/dev/full", "wb") as full:
        monkeypatch.setattr(module.os, "write", lambda file, data: _write(full.fileno(), data))
        with pytest.raises(TrailError, match="No space left"):
            trail.note("pause", ANNA)


_write = os.write


# -- sizes, clocks, two at once --------------------------------------------------------------------


def test_strangers_words_are_cut_and_a_record_is_bounded(store: Memory, trail: Trail) -> None:
    trail.note("refuse", Actor(Factor.SOCKET, 7, "x" * 9000), reason="\n\x1b[2J" + "y" * 9000)
    *_, last = records(store.directory / FILE)
    assert len(last["user"]) == MAX_TEXT and len(last["arguments"]["reason"]) == MAX_TEXT
    assert b"\x1b" not in (store.directory / FILE).read_bytes()
    with pytest.raises(ValueError, match=f"at most {MAX_LINE}"):
        trail.note("pause", ANNA, **{f"a{number}": "x" * 200 for number in range(40)})
    assert walk(store.directory / FILE, trail.head()).why is None


def test_a_clock_that_jumps_changes_no_order_and_is_noted(store: Memory) -> None:
    times = iter([1e9, 2e9, 1.5e9, 1.6e9])
    with closing(Trail(store, clock=lambda: next(times))) as trail:
        for _ in range(3):
            trail.note("pause", ANNA)
    found = walk(store.directory / FILE)
    assert found.why is None and found.notes == ["the clock went back before record 2"]


def test_two_at_once_are_two_records(store: Memory, trail: Trail) -> None:
    def many() -> None:
        for _ in range(20):
            trail.note("pause", ANNA)

    threads = [threading.Thread(target=many) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    found = walk(store.directory / FILE, trail.head())
    assert found.why is None and found.known and found.records == 81


def test_the_file_is_ours_alone_whatever_the_umask(store: Memory) -> None:
    before = os.umask(0)
    try:
        written(store)
    finally:
        os.umask(before)
    assert (store.directory / FILE).stat().st_mode & 0o777 == 0o600
    assert json.loads(store.values["trail"])[0] == 3
