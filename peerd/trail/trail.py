"""The trail of a running daemon: a file in its data directory that only grows.

A record is on disk before what it tells of happens. Its head is kept in the store as well: a file
that was cut, put back or taken away is noticed at the next start, and by ``peerd trail verify``.
"""

from __future__ import annotations

import errno
import json
import os
import stat
import threading
import time
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

import structlog
import trio

from peerd.errors import CorruptError, StorageError
from peerd.storage.durable import sync_directory
from peerd.trail.reading import Walk, opened, walk_of
from peerd.trail.record import BEFORE, BEGIN, Actor, Head, head_of, itself, line_of

FILE = "trail"
KEY = "trail"
"""Of the head, in the store."""
MEND = "mend"
SALT_BYTES = 32
_FULL = (errno.ENOSPC, errno.EDQUOT)
"""What passes by itself, once somebody makes room."""
_KEEP = "move it away, keep it, and start again: the new trail says that it goes on without it"

log = structlog.get_logger(__name__)


class TrailError(StorageError):
    """A record can't be written: what it was to tell of is not done."""


class Memory(Protocol):
    """The store, as the trail needs it."""

    directory: Path

    def meta(self, key: str) -> bytes | None: ...

    def set_meta(self, key: str, value: bytes) -> None: ...


def remembered(store: Memory) -> Head:
    """The head that the store knows."""
    data = store.meta(KEY)
    return BEFORE if data is None else Head(*json.loads(data))


class Trail:
    """Usable from any thread; one record at a time. ``clock``: seconds since 1970.

    CorruptError where the file is not what it was: nothing in it is changed then.
    """

    def __init__(self, store: Memory, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock
        self._path = store.directory / FILE
        self._mutex = threading.Lock()
        self._broken = ""
        flags = os.O_RDWR | os.O_APPEND
        try:
            self._file = opened(self._path, flags | os.O_CREAT | os.O_EXCL)
        except StorageError:  # it is there
            self._file = opened(self._path, flags)
        try:
            _check_owner(self._path, self._file)
            found = self._walked(remembered(store))
            self._head, self._size = found.head, found.whole
            self._begin(found)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Safe to call twice."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def head(self) -> Head:
        """On the disk, as all records before it."""
        return self._head

    def last_hash(self) -> bytes:
        """32 bytes: what this peer's next commitment is to (docs/protocol.md §2)."""
        return bytes.fromhex(self._head.hash)

    def shown(self) -> dict[str, object]:
        """The head, for the status."""
        head = self._head
        return {"records": head.number + 1, "head": head.hash}

    def note(self, act: str, actor: Actor, **arguments: Any) -> Head:
        """Durable on return. TrailError: nothing was written."""
        with self._mutex:
            self._check_file()
            line = line_of(self._head, actor, act, arguments, self._clock())
            self._write(line)
            self._head, self._size = head_of(line), self._size + len(line)
            head = self._head
            self._store.set_meta(KEY, json.dumps([head.number, head.hash]).encode())
        log.info("trail", act=act, number=head.number, head=head.hash)
        return head

    async def noted(self, act: str, actor: Actor, **arguments: Any) -> Head:
        """As ``note``, in a thread: nobody's disk is waited for in the event loop."""
        return await trio.to_thread.run_sync(partial(self.note, act, actor, **arguments))

    # -- the file ------------------------------------------------------------------------------

    def _walked(self, known: Head) -> Walk:
        with os.fdopen(os.dup(self._file), "rb") as file:
            file.seek(0)
            found = walk_of(file, known)
        if found.why is not None and not (found.torn and found.known):
            raise CorruptError(f"the trail {self._path}: record {found.bad}: {found.why}", _KEEP)
        if found.records and not found.known:
            raise CorruptError(
                f"the trail {self._path} ends at record {found.head.number}, or is another, and"
                f" record {known.number} with the hash {known.hash} was written here",
                _KEEP,
            )
        return found

    def _begin(self, found: Walk) -> None:
        """A file that is new says what it goes on from; what a power cut left is cut off. Its salt
        keeps the other members, who hold commitments to heads, from guessing what was done.
        """
        me = itself()
        if found.torn:
            log.warning("the trail's last record was torn, and is cut off", record=found.bad)
            self._cut()
        if not found.records:
            sync_directory(self._path.parent)
            self._head = remembered(self._store)
            lost = self._head != BEFORE
            salt = {"salt": os.urandom(SALT_BYTES).hex()}
            self.note(BEGIN, me, **salt, **({"lost": self._head.hash} if lost else {}))
            if lost:
                log.error("the trail is gone, and goes on in a new file", lost=self._head.number)
        if found.torn:
            self.note(MEND, me, bytes=len(found.rest), sha256=sha256(found.rest).hexdigest())

    def _check_file(self) -> None:
        """Nobody else has written to it, or put another in its place."""
        if self._broken:
            raise TrailError(self._broken, "start the daemon again")
        try:
            here, there = os.fstat(self._file), os.lstat(self._path)
        except OSError as error:
            raise TrailError(f"the trail {self._path} is gone: {error.strerror}") from None
        same = (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)
        if not same or here.st_size != self._size:
            raise TrailError(f"the trail {self._path} was changed while the daemon runs")

    def _write(self, line: bytes) -> None:
        try:
            if (count := os.write(self._file, line)) != len(line):
                raise OSError(errno.ENOSPC, f"{count} of {len(line)} bytes were taken")
            os.fsync(self._file)
        except OSError as error:
            why = f"can't write to the trail {self._path}: {error.strerror or error}"
            self._undo(why, error)
            raise TrailError(why) from None

    def _undo(self, why: str, failed: OSError) -> None:
        """A part of a record would end the chain for whoever reads it."""
        try:
            self._cut()
        except OSError as error:
            failed = error
        if failed.errno not in _FULL:  # nobody knows what is on the disk now
            self._broken = why

    def _cut(self) -> None:
        os.ftruncate(self._file, self._size)
        os.fsync(self._file)


def _check_owner(path: Path, file: int) -> None:
    found = os.fstat(file)
    if found.st_uid != os.geteuid() or found.st_nlink != 1 or stat.S_IMODE(found.st_mode) & 0o077:
        raise StorageError(
            f"the trail {path} belongs to user {found.st_uid}, has {found.st_nlink} names or is"
            f" open to others (mode {stat.S_IMODE(found.st_mode):04o})",
            f"look at who made it; then: chmod 600 {path}",
        )
