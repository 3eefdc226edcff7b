"""Running the cells of an experiment that have no result yet, each in a process of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

from peerd.laboratory.experiments.cell import Cell
from peerd.laboratory.experiments.experiment import Experiment
from peerd.laboratory.experiments.results import Directory
from peerd.laboratory.pool.versions import versions
from peerd.laboratory.pool.work import Pool, Work

Progress = Callable[[int, int, Cell, dict[str, Any]], None]
"""Called with finished cells, all cells, the cell that finished, and its result."""


def run(
    experiment: Experiment, directory: Directory, pool: Pool, progress: Progress | None = None
) -> int:
    """How many cells were run; those with a result are not. Writes the tables at the end.

    Ctrl-C and an error leave what is finished, and the tables of it. Raises TaskError for a cell
    that can't be played, StorageError, and what the pool raises.
    """
    directory.prepare(experiment, versions())
    missing = [cell for cell in experiment.cells if not directory.has(cell)]
    done = len(experiment.cells) - len(missing)
    try:
        with closing(pool.run(_work(missing))) as results:
            for index, document in results:
                cell = missing[index]
                directory.save(cell, document)
                done += 1
                if progress is not None:
                    progress(done, len(experiment.cells), cell, document)
    finally:
        directory.tabulate()
    return len(missing)


def _work(cells: Sequence[Cell]) -> Work:
    titles = [cell.title for cell in cells]
    return Work(play_cell, cells, titles, "peerd.laboratory.experiments.play")


def play_cell(cell: Cell) -> dict[str, Any]:
    """One cell's result as JSON; the whole work of a process."""
    # Imports torch: in the cell's own process, or the server that it is forked from.
    from peerd.laboratory.experiments.play import play

    return {
        "identifier": cell.identifier,
        "attack": cell.attack.label,
        **play(cell).document(),
    }
