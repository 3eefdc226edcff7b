"""Pieces of work, in a module that every process can import."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from peerd.errors import TaskError


def environment(name: str) -> str | None:
    return os.environ.get(name)


def process(item: int) -> tuple[int, int]:
    """The item, and who did it."""
    return item, os.getpid()


def refuse(item: int) -> int:
    """Every third piece can't be done."""
    if item == 2:
        raise TaskError("two is refused", "ask for another")
    return item


def stumble(item: int) -> int:
    raise ZeroDivisionError(f"piece {item} has a bug")


def be_killed(item: int) -> int:
    print("about to run out of memory", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
    return item


def take_the_worker_along(item: tuple[int, str]) -> int:
    """Whoever comes first ends the process that started it."""
    number, marker = item
    try:
        Path(marker).touch(exist_ok=False)
    except FileExistsError:
        return number
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(3600)
    return number


def hang(marker: str) -> None:
    """Tells who hangs, in a file. Without one it doesn't."""
    if marker:
        Path(marker).write_text(str(os.getpid()))
        time.sleep(3600)
