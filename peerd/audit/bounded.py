"""Files that a stranger has packed: not all that has a name there is a file, or a small one."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


def size_of(path: Path) -> int:
    """Bytes of a regular file. OSError for anything else: to open a pipe is to wait for its other
    end.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "it is no file", str(path))
    return status.st_size


def read_bounded(path: Path, most: int) -> bytes:
    """A file's bytes. OSError for one of more than ``most``, nothing of which is read: a sparse one
    of any size takes no place where it comes from.
    """
    if size_of(path) > most:
        raise OSError(errno.EFBIG, f"more than {most} bytes", str(path))
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:
        return file.read(most)
