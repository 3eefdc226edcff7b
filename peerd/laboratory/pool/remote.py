"""What a worker of the cluster does for a piece: starts a process for it, and waits.

Dask's own threads and processes do one task after another, several at once, in one interpreter:
torch's global state would be common to them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import IO, Any

from distributed import get_worker

from peerd.laboratory.pool.processes import ONE_THREAD
from peerd.laboratory.pool.versions import differences, equipment
from peerd.laboratory.pool.work import FAILED, Answer, ending

LOOK_SECONDS = 0.5
"""How often a worker asks whether its piece is still wanted."""
STORY_BYTES = 20_000


def play(wanted: dict[str, str], piece: bytes) -> tuple[str, Answer]:
    """The worker's address, and the answer to ``piece``: a function and an item, pickled."""
    address = str(get_worker().address)
    # Looked at again: this worker may have come after the run began.
    if wrong := differences(wanted, equipment()):
        return address, (FAILED, f"the worker has {wrong}; install the same there")
    with tempfile.TemporaryFile() as story:
        return address, _answer(piece, story)


def _answer(piece: bytes, story: IO[bytes]) -> Answer:
    ours, theirs = Pipe()
    with ours:
        with theirs:
            child = subprocess.Popen(
                [sys.executable, "-m", "peerd.laboratory.pool.child", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=story,
                stderr=story,
                env={**os.environ, **ONE_THREAD},
            )
        try:
            return _exchange(ours, piece)
        except (EOFError, OSError):
            return FAILED, ending(child.wait()) + _end_of(story)
        finally:
            child.kill()
            child.wait()


def _exchange(child: Connection, piece: bytes) -> Answer:
    child.send_bytes(piece)
    while not child.poll(LOOK_SECONDS):
        if not _wanted():
            return FAILED, "the run that it was of is gone"
    answer: Answer = child.recv()
    return answer


def _wanted() -> bool:
    """Whether somebody still waits for what this thread is doing: Dask tells the worker when the
    client has dropped it, or is gone, and lets the thread go on.
    """
    worker: Any = get_worker()
    task = worker.state.tasks.get(worker.get_current_task())
    return task is not None and task.state == "executing"


def _end_of(story: IO[bytes]) -> str:
    story.seek(0, os.SEEK_END)
    story.seek(max(0, story.tell() - STORY_BYTES))
    said = story.read().decode(errors="replace").strip()
    return f"; it said: {said}" if said else ""
