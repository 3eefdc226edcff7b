"""One daemon as a process: start, follow, kill, start again, stop."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path

import trio

import peerd
from peerd.environment import without
from peerd.errors import NotRunningError, PeerdError
from peerd.laboratory.swarm.layout import Place
from peerd.status.board import JsonObject
from peerd.status.client import StatusAnswerError, events

STOP_SECONDS = 10.0  # between SIGINT and SIGKILL
RETRY_SECONDS = 0.2  # between attempts to reach a daemon that is starting
LOG_TAIL_BYTES = 4096
LYING_DAEMON = "peerd.laboratory.adversaries.daemon"
SINGLE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class DaemonDied(PeerdError):
    """A daemon ended that nobody had told to end."""


Command = Callable[[Place], list[str]]


def daemon_command(place: Place) -> list[str]:
    """A peer's daemon, with this interpreter: ``peerd run``, or one that lies."""
    config = ["--config", str(place.config)]
    if place.lie is None:
        return [sys.executable, "-m", "peerd.cli.main", "run", *config]
    return [sys.executable, "-m", LYING_DAEMON, *config, "--attack", place.lie]


class Daemon:
    """The process of one peer. Belongs to the orchestrator's event loop."""

    def __init__(self, place: Place, command: Command = daemon_command) -> None:
        self.place = place
        self._command = command
        self._process: trio.Process | None = None
        self._stopping = trio.Event()
        self._pause: float | None = None  # killed on purpose: start again after so many seconds
        self._seen: dict[str, int] = {}  # boot → last event taken

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def run(self) -> None:
        """Start the process, and again after each ``kill``; return once it is stopped.

        DaemonDied when it ends by itself.
        """
        while True:
            process = self._process = await self._start()
            code = await process.wait()
            if self._stopping.is_set():
                return
            if self._pause is None:
                raise DaemonDied(
                    f"peer {self.place.index} ended with code {code}: {self.last_words()}",
                    f"its log is {self.place.log}",
                )
            await trio.sleep(self._pause)
            self._pause = None
            if self._stopping.is_set():
                return

    async def _start(self) -> trio.Process:
        home = str(Path(peerd.__file__).parent.parent)
        paths = [home, *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {
            **without(os.environ),
            **dict.fromkeys(SINGLE_THREAD, "1"),
            "PYTHONPATH": os.pathsep.join(paths),
        }
        with self.place.log.open("ab") as log:
            return await trio.lowlevel.open_process(
                self._command(self.place),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
            )

    async def follow(self, take: Callable[[int, JsonObject], None]) -> None:
        """Hand every event of every life of the daemon to ``take``, once, until cancelled."""
        while True:
            try:
                async with aclosing(events(self.place.socket, since=0)) as stream:
                    async for event in stream:
                        if self._is_new(event):
                            take(self.place.index, event)
            except (NotRunningError, StatusAnswerError):
                pass  # starting, or killed; ``run`` tells the one from the other
            await trio.sleep(RETRY_SECONDS)

    def _is_new(self, event: JsonObject) -> bool:
        boot, number = event.get("boot"), event.get("seq")
        if not isinstance(boot, str) or not isinstance(number, int):
            return False
        if number <= self._seen.get(boot, 0):
            return False
        self._seen[boot] = number
        return True

    def kill(self, pause: float) -> None:
        """SIGKILL now; ``run`` starts a new process on the same directory after ``pause`` s."""
        if self._process is not None and self._process.returncode is None:
            self._pause = pause
            self._process.send_signal(signal.SIGKILL)

    async def stop(self) -> None:
        """SIGINT, and SIGKILL for one that does not end in STOP_SECONDS. Not SIGTERM, after which a
        daemon ends its round first: nobody needs that of a swarm that is over.
        """
        self._stopping.set()
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.send_signal(signal.SIGINT)
        with trio.move_on_after(STOP_SECONDS) as patience:
            await process.wait()
        if patience.cancelled_caught:
            process.send_signal(signal.SIGKILL)
            await process.wait()

    def resident(self) -> int:
        """Bytes of memory of the daemon, without its training worker; 0 when it is not running."""
        return 0 if self.pid is None else resident_bytes(self.pid)

    def last_words(self) -> str:
        """The last line of the log."""
        try:
            with self.place.log.open("rb") as log:
                log.seek(max(0, self.place.log.stat().st_size - LOG_TAIL_BYTES))
                lines = log.read().decode(errors="replace").strip().splitlines()
        except OSError:
            return "no log"
        return lines[-1] if lines else "an empty log"


def resident_bytes(pid: int) -> int:
    """VmRSS of a process, 0 when it has gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0
    for line in status.splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0
