"""One daemon per data directory (fault 48).

The kernel drops the lock when its owner dies, however it dies; the file's text only tells a
person who the owner is. The file is never removed: removing it would let two processes hold locks
on two files of one name.
"""

from __future__ import annotations

import fcntl
import os
from datetime import UTC, datetime
from pathlib import Path

from peerd.errors import LockedError, StorageError

_MAX_OWNER_BYTES = 128


class DirectoryLock:
    """Held from construction to ``release``. Raises LockedError, which names the owner."""

    def __init__(self, path: Path) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            self._descriptor = os.open(path, flags, 0o600)
        except OSError as error:
            raise StorageError(f"can't open the lock file {path}: {error.strerror}") from None
        try:
            self._acquire(path)
        except BaseException:
            os.close(self._descriptor)
            raise

    def _acquire(self, path: Path) -> None:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(self._descriptor, _MAX_OWNER_BYTES, 0).decode(errors="replace")
            raise LockedError(
                f"the data directory {path.parent} is in use by"
                f" {owner.strip() or 'another process'}",
                "stop that daemon, or name another directory",
            ) from None
        except OSError as error:
            raise StorageError(f"can't lock {path}: {error.strerror}") from None
        since = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        try:
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, f"pid {os.getpid()} (since {since})\n".encode(), 0)
        except OSError as error:
            raise StorageError(f"can't write the lock file {path}: {error.strerror}") from None

    def release(self) -> None:
        """Lets the next process in. Safe to call twice."""
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            os.ftruncate(descriptor, 0)
            os.close(descriptor)
