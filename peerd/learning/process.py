"""One life of the worker process, as the daemon sees it: it can end at any time, for any reason."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import structlog
import trio

import peerd
from peerd.errors import TaskError
from peerd.group.rule import rule_of
from peerd.learning import frames
from peerd.learning.last_words import LastWords
from peerd.learning.repeatable import ENVIRONMENT
from peerd.learning.settings import Training
from peerd.sealing.source import CREDENTIALS

MAX_LOG_LINE = 2_000
LAST_WORDS = 1.0
"""Seconds for the end of a dead worker's output."""
_CHUNK = 65_536
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")

log = structlog.get_logger("peerd.learning")


class Ended(Exception):
    """The worker is gone, or is no use any more; ``str`` says how. ``said``: and what it said last,
    for its owner alone: see LastWords.
    """

    def __init__(self, how: str, last: str = "") -> None:
        super().__init__(how)
        words = f"it said last: {last}" if last else "it said nothing of its end"
        self.said = f"{how}; {words}"


class Overdue(Ended):
    """What it was at took too long, and nobody waits for it: it is killed."""


class WorkerProcess:
    """Requests and answers, one at a time."""

    def __init__(self, process: trio.Process) -> None:
        self.process = process
        self.said_all = trio.Event()
        """Set when its standard error has been logged to the end."""
        self._buffer = bytearray()
        self._words = LastWords()

    @classmethod
    async def start(cls, training: Training) -> WorkerProcess:
        """With one thread and with this very peerd on its path. Raises Ended when it can't be."""
        try:
            process = await trio.lowlevel.open_process(
                [
                    str(training.python or sys.executable),
                    "-X",
                    "faulthandler",
                    "-m",
                    "peerd.learning.worker",
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=_environment(training),
            )
        except OSError as error:
            named = f" by {training.python}" if training.python else ""
            raise Ended(f"it can't be started{named}: {error.strerror}") from error
        return cls(process)

    @property
    def gone(self) -> bool:
        return self.process.poll() is not None

    async def exchange(self, number: int, frame: bytes) -> frames.Message:
        """The answer to ``frame``, whose id is ``number``. Raises Ended."""
        assert self.process.stdin is not None
        try:
            await self.process.stdin.send_all(frame)
            prefix = await self._exactly(frames.PREFIX_BYTES)
            message = frames.decode(await self._exactly(frames.body_length(prefix)))
        except (EOFError, trio.BrokenResourceError):
            raise await self.ended() from None
        except TaskError as error:
            raise Ended(str(error)) from None
        if message.get("id") != number:
            raise Ended("it answered what nobody had asked")
        self._words.forget()
        return message

    async def ended(self) -> Ended:
        """How the process ended; waits for it, and for its last words."""
        status = await self.process.wait()
        with trio.move_on_after(LAST_WORDS):
            await self.said_all.wait()
        return Ended(_how(status), self._words.said)

    async def _exactly(self, count: int) -> bytes:
        """The next ``count`` bytes. Raises EOFError when the stream ends before."""
        assert self.process.stdout is not None
        while len(self._buffer) < count:
            chunk = await self.process.stdout.receive_some(_CHUNK)
            if not chunk:
                raise EOFError
            self._buffer += chunk
        piece = bytes(self._buffer[:count])
        del self._buffer[:count]
        return piece

    async def log_output(self) -> None:
        """What the task prints, and tracebacks: one log event a line."""
        assert self.process.stderr is not None
        rest = b""
        async for chunk in self.process.stderr:
            *lines, rest = (rest + chunk).split(b"\n")
            rest = rest[:MAX_LOG_LINE]
            for line in lines:
                self._log_line(line)
        if rest:
            self._log_line(rest)
        self.said_all.set()

    def _log_line(self, line: bytes) -> None:
        text = line[:MAX_LOG_LINE].decode(errors="replace")
        self._words.hear(text)
        log.info("training worker", pid=self.process.pid, line=text)

    async def end(self) -> None:
        """Ends our own child; a task's code may ignore anything gentler."""
        with trio.CancelScope(shield=True):
            self.process.kill()
            await self.process.wait()
            for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
                if stream is not None:
                    await stream.aclose()


def _environment(training: Training) -> dict[str, str]:
    """PYTHONHASHSEED: an order that hangs on hash() must be the same at every peer. A task's code
    is not told where the service's credentials are: the disk's key is one of them.
    """
    environment = {name: value for name, value in os.environ.items() if name != CREDENTIALS}
    environment |= {**dict.fromkeys(_THREADS, "1"), "PYTHONUNBUFFERED": "1"}
    environment["PYTHONHASHSEED"] = "0"
    if rule_of(training.aggregator, training.constants).uses_reference:
        environment |= ENVIRONMENT
    home = str(Path(peerd.__file__).parent.parent)
    paths = [home, *filter(None, [environment.get("PYTHONPATH")])]
    environment["PYTHONPATH"] = os.pathsep.join(paths)
    return environment


def _how(status: int) -> str:
    if status == -signal.SIGKILL:
        return "it was killed (SIGKILL): the machine may have run out of memory"
    if status < 0:
        known = {each.value: each.name for each in signal.Signals}
        return f"it was ended by {known.get(-status, f'signal {-status}')}"
    return f"it ended with status {status}, by the code of the task or of a library"
