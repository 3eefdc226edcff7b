"""The processes of this machine: each piece is a fresh fork of one server, which has loaded what
the pieces import.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from peerd.errors import TaskError
from peerd.laboratory.pool.work import MEMORY_OR_KILLED, Results, Work, answer_of, ending, result_of

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""The environment of a piece: with more threads BLAS adds in another order, and others wait."""


def usable_cores() -> int:
    """Of this machine, those that this process may use: a container's or a batch job's share."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(frozen=True)
class Processes:
    """``count`` at once."""

    count: int

    def run(self, work: Work) -> Results:
        """As Pool's. TaskError too where a process or the server is killed."""
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([work.loads])
        _start_server()
        waiting = iter(range(len(work.items)))
        running: dict[Any, tuple[BaseProcess, int]] = {}
        try:
            while True:
                for index in islice(waiting, self.count - len(running)):
                    answer, question = context.Pipe(duplex=False)
                    given = question, work.function, work.items[index]
                    started = context.Process(target=_work, args=given, daemon=True)
                    _start(started)
                    question.close()
                    running[answer] = started, index
                if not running:
                    return
                for ready in wait(list(running)):
                    process, index = running.pop(ready)
                    yield index, _result(ready, process, work.titles[index])
        finally:
            # Something is left only when this was not the end: half-done pieces.
            for left, _ in running.values():
                left.terminate()
                left.join()


def _start_server() -> None:
    """The server of the pieces' processes, which Ctrl-C does not reach: a terminal sends it to all,
    and whoever is importing torch would answer with a traceback. This process ends the others."""
    resource_tracker.ensure_running()  # by itself, as it unblocks the signal at its end
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        with _one_thread():
            forkserver.ensure_running()  # and its children inherit mask and environment
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _one_thread() -> Iterator[None]:
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(ONE_THREAD)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _start(process: BaseProcess) -> None:
    try:
        process.start()
    except (EOFError, ConnectionError):
        raise TaskError("the server of the processes ended", MEMORY_OR_KILLED) from None


def _work(question: Connection, function: Callable[[Any], Any], item: Any) -> None:
    """In the piece's process."""
    threading.Thread(target=_end_with_the_run, daemon=True).start()
    with suppress(BrokenPipeError):  # the run was killed
        question.send(answer_of(function, item))


def _end_with_the_run() -> None:
    """Nobody wants the result when the run is gone (kill -9): a piece may have hours to go."""
    run = multiprocessing.parent_process()
    assert run is not None
    run.join()
    os._exit(1)


def _result(answer: Any, process: BaseProcess, title: str) -> Any:
    try:
        received = answer.recv()
    except EOFError:
        process.join()
        raise TaskError(f"{title}: {ending(process.exitcode)}") from None
    finally:
        answer.close()
    process.join()
    return result_of(received, title)
