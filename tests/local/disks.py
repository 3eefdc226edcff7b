"""A small disk of one daemon's own, and what can be done to it."""

from __future__ import annotations

import os
import platform
import resource
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from peerd.laboratory.swarm.layout import Layout, Place
from peerd.laboratory.swarm.process import daemon_command
from tests.local.failing_fsync import SECCOMP

DISK_BYTES = 64 << 20
FILLER = "filler"
LOG = "peerd.sqlite3-wal"
TRIGGER = "fsync-fails"
WRAPPER = Path(__file__).with_name("failing_fsync.py")


def unavailable() -> str:
    """Why disks can't be broken here; "" when they can."""
    if platform.system() != "Linux" or platform.machine() not in SECCOMP:
        return "failing system calls need Linux on x86-64 or ARM64"
    if os.geteuid() != 0:
        return "mounting a small disk needs root"
    return ""


@contextmanager
def small_disks(layout: Layout, peers: Sequence[int]) -> Iterator[None]:
    """The data directories of ``peers`` are file systems of their own, of DISK_BYTES each."""
    with ExitStack() as stack:
        for peer in peers:
            data = layout.places[peer].data
            data.mkdir(mode=0o700)
            options = f"size={DISK_BYTES},mode=0700"
            _run("mount", "-t", "tmpfs", "-o", options, f"peerd-test-{peer}", str(data))
            stack.callback(_run, "umount", "--lazy", str(data))
        yield


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)


def fill(place: Place) -> int:
    """Not one byte more fits on the peer's disk. How many the filler has."""
    written = 0
    with (place.data / FILLER).open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12):
            try:
                while True:
                    written += file.write(bytes(size))
            except OSError:
                pass
    return written


def free(place: Place) -> None:
    (place.data / FILLER).unlink()


def tear(pid: int, place: Place) -> None:
    """The log of the database can't grow past its middle: the next write is torn off (EFBIG)."""
    size = (place.data / LOG).stat().st_size
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size // 2 + 1000, resource.RLIM_INFINITY))


def break_fsync(place: Place) -> None:
    (place.directory / TRIGGER).touch()


def mend_fsync(place: Place) -> None:
    (place.directory / TRIGGER).unlink()


def command(place: Place) -> list[str]:
    """``peerd run`` whose fsync can be made to fail."""
    python, _, _, *arguments = daemon_command(place)
    assert python == sys.executable
    return [python, str(WRAPPER), str(place.directory / TRIGGER), *arguments]
