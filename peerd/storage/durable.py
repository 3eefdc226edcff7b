"""Files that are wholly there or not at all, and still there after a power cut."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from peerd.errors import StorageError

DIRECTORY_MODE = 0o700
TEMPORARY_SUFFIX = ".partial"
_ZEROS = 1 << 20
# Without ``--restored`` a peer that forgot what it signed could be proven to have signed twice.
START_EMPTY = (
    "move the data directory away, keep it, and start with an empty one by"
    " 'peerd run --restored' while the others run; nothing has been deleted"
)


def prepare_directory(directory: Path) -> None:
    """Makes ``directory`` exist, ours, and closed to others (0700). Raises StorageError.

    An empty directory of ours is closed; one that holds files is only refused, since somebody
    may rely on its mode.
    """
    try:
        directory.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
        status = directory.stat()
        if status.st_uid != os.geteuid():
            raise StorageError(
                f"the data directory {directory} belongs to uid {status.st_uid},"
                f" and this is {os.geteuid()}",
                "run as its owner, or name another directory",
            )
        mode = stat.S_IMODE(status.st_mode)
        if mode & 0o077 and any(directory.iterdir()):
            raise StorageError(
                f"the data directory {directory} is open to others (mode {mode:04o})",
                f"run: chmod 700 {directory}",
            )
        directory.chmod(DIRECTORY_MODE)
    except FileExistsError:
        raise StorageError(f"the data directory {directory} is a file") from None
    except OSError as error:
        raise StorageError(f"can't use the data directory {directory}: {error.strerror}") from None


def write_durably(path: Path, data: bytes, mode: int = 0o600) -> None:
    """``path`` holds ``data`` when this returns; a crash leaves the old content or the new one.

    Raises OSError (no space, no permission, failed fsync), with the old content in place.
    """
    partial = path.with_name(path.name + TEMPORARY_SUFFIX)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(partial, flags, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
        sync_directory(path.parent)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


def replace_erasing(path: Path, data: bytes, mode: int = 0o600) -> None:
    """As ``write_durably`` to a file that is there; what it held is then overwritten, as far as a
    file system can be told so. Raises OSError.
    """
    with path.open("r+b") as old:
        size = os.fstat(old.fileno()).st_size
        write_durably(path, data, mode)
        for start in range(0, size, _ZEROS):
            old.write(bytes(min(_ZEROS, size - start)))
        old.flush()
        os.fsync(old.fileno())


def sync_directory(directory: Path) -> None:
    """Makes the names in ``directory`` durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
