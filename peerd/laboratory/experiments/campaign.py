"""Running the cells of an experiment that have no result yet, each in a process of its own."""

from __future__ import annotations

import multiprocessing
import os
import platform
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from importlib.metadata import version
from itertools import islice
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

import peerd
from peerd.errors import PeerdError, TaskError
from peerd.laboratory.experiments.cell import Cell
from peerd.laboratory.experiments.experiment import Experiment
from peerd.laboratory.experiments.results import Directory
from protocols.errors import ProtocolError

MEMORY_OR_KILLED = "memory may be short; run it again: it goes on with what is not finished"

Progress = Callable[[int, int, Cell, dict[str, Any]], None]
"""Called with finished cells, all cells, the cell that finished, and its result."""


def run(
    experiment: Experiment, directory: Directory, jobs: int, progress: Progress | None = None
) -> int:
    """How many cells were run; those with a result are not. Writes the tables at the end.

    Ctrl-C and an error leave what is finished, and the tables of it. Raises TaskError for a cell
    that can't be played, StorageError.
    """
    directory.prepare(experiment, versions())
    missing = [cell for cell in experiment.cells if not directory.has(cell)]
    done = len(experiment.cells) - len(missing)
    try:
        for cell, document in _played(missing, jobs):
            directory.save(cell, document)
            done += 1
            if progress is not None:
                progress(done, len(experiment.cells), cell, document)
    finally:
        directory.tabulate()
    return len(missing)


def versions() -> dict[str, str]:
    """What the numbers depend on besides the experiment."""
    return {
        "peerd": peerd.__version__,
        "python": platform.python_version(),
        "numpy": version("numpy"),
        "torch": version("torch"),
        "machine": platform.machine(),
    }


def play_cell(cell: Cell) -> dict[str, Any]:
    """One cell's result as JSON; the whole work of a process."""
    # Imports torch: in the cell's own process, or the server that it is forked from.
    from peerd.laboratory.experiments.play import play

    return {
        "identifier": cell.identifier,
        "attack": cell.attack.label,
        **play(cell).document(),
    }


def _played(cells: Sequence[Cell], jobs: int) -> Iterator[tuple[Cell, dict[str, Any]]]:
    """Each cell with its result, as they finish; ``jobs`` processes at once."""
    # The server imports torch once; each cell is a fresh fork of it, so that none inherits what
    # another left in torch's global state.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["peerd.laboratory.experiments.play"])
    _start_server()
    waiting = iter(cells)
    running: dict[Any, tuple[BaseProcess, Cell]] = {}
    try:
        while True:
            for cell in islice(waiting, jobs - len(running)):
                answer, question = context.Pipe(duplex=False)
                started = context.Process(target=_work, args=(question, cell), daemon=True)
                _start(started)
                question.close()
                running[answer] = started, cell
            if not running:
                return
            for ready in wait(list(running)):
                process, cell = running.pop(ready)
                yield cell, _result(ready, process, cell)
    finally:
        # Something is left only when this was not the end: half-played cells.
        for left, _ in running.values():
            left.terminate()
            left.join()


def _start_server() -> None:
    """The server of the cells' processes, which Ctrl-C does not reach: a terminal sends it to all,
    and whoever is importing torch would answer with a traceback. This process ends the others."""
    resource_tracker.ensure_running()  # by itself, as it unblocks the signal at its end
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        forkserver.ensure_running()  # and its children inherit the mask
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start(process: BaseProcess) -> None:
    try:
        process.start()
    except (EOFError, ConnectionError):
        raise TaskError("the server of the cells' processes ended", MEMORY_OR_KILLED) from None


def _work(question: Connection, cell: Cell) -> None:
    """In the cell's process: its result, or the line that says why there is none."""
    threading.Thread(target=_end_with_the_run, daemon=True).start()
    with suppress(BrokenPipeError):  # the run was killed
        try:
            question.send(("done", play_cell(cell)))
        except (PeerdError, ProtocolError) as error:
            question.send(("failed", str(error)))


def _end_with_the_run() -> None:
    """Nobody wants the result when the run is gone (kill -9): a cell may have hours to go."""
    run = multiprocessing.parent_process()
    assert run is not None
    run.join()
    os._exit(1)


def _result(answer: Any, process: BaseProcess, cell: Cell) -> dict[str, Any]:
    try:
        how, what = answer.recv()
    except EOFError:
        process.join()
        raise TaskError(f"{cell.title}: its process {_ending(process.exitcode)}") from None
    finally:
        answer.close()
    process.join()
    if how == "failed":
        raise TaskError(f"{cell.title}: {what}")
    document: dict[str, Any] = what
    return document


def _ending(code: int | None) -> str:
    if code is not None and code < 0:
        return f"was killed by signal {-code}; {MEMORY_OR_KILLED}"
    return f"ended with status {code}; its traceback is above"
