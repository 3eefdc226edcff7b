"""Many short sums at once: a relation may have a thousand constraints, each over a hundred values.

Each term of a constraint is a sum over a run of columns. Runs of several constraints lie side by
side in one array, and are added up in one pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from protocols.field import Elements, PrimeField, Residues


@dataclass(frozen=True, slots=True)
class Run:
    """A part of constraint ``number``'s term over ``columns``: times ``factor``, or each column
    times its own of ``given`` (columns, k), or (columns,) for values that are no polynomials.
    """

    number: int
    columns: slice
    factor: int = 1
    given: npt.NDArray[np.int64] | None = None

    @property
    def length(self) -> int:
        return int(self.columns.stop - self.columns.start)

    def cut(self, width: int) -> Iterator[Run]:
        """The same in runs of at most ``width`` columns."""
        for start in range(0, self.length, width):
            end = min(start + width, self.length)
            columns = slice(self.columns.start + start, self.columns.start + end)
            given = None if self.given is None else self.given[start:end]
            yield Run(self.number, columns, self.factor, given)


def batched(runs: Iterable[Run], width: int) -> Iterator[list[Run]]:
    """Runs one after the other, of at most ``width`` columns together."""
    batch: list[Run] = []
    room = width
    for run in (part for each in runs for part in each.cut(width)):
        if batch and run.length > room:
            yield batch
            batch, room = [], width
        batch.append(run)
        room -= run.length
    if batch:
        yield batch


def side_by_side(values: npt.NDArray[Any], batch: Sequence[Run]) -> npt.NDArray[Any]:
    """The batch's columns of ``values`` (n, .), run after run."""
    if all(one.columns.stop == other.columns.start for one, other in pairwise(batch)):
        return values[:, batch[0].columns.start : batch[-1].columns.stop]
    return np.concatenate([values[:, run.columns] for run in batch], axis=1)


def given_of(field: PrimeField, batch: Sequence[Run]) -> Residues:
    """What each column of a batch with k = 1 is multiplied with, factors aside: (columns,)."""
    parts = [np.ones(run.length, np.int64) if run.given is None else run.given for run in batch]
    return field.array(np.concatenate(parts))


def add_runs(field: PrimeField, total: Residues, batch: Sequence[Run], values: Elements) -> None:
    """Each run's sum of ``values`` (n, columns of the batch), times its factor, into its
    constraint's column of ``total`` (n, constraints). Runs come in the order of constraints.
    """
    starts = [0, *accumulate(run.length for run in batch[:-1])]
    factors = field.array([run.factor for run in batch])
    sums = field.mul(field.run_sums(values, starts), factors)
    numbers = [run.number for run in batch]
    firsts = [at for at, number in enumerate(numbers) if not at or number != numbers[at - 1]]
    into = [numbers[at] for at in firsts]
    total[:, into] = field.add(total[:, into], field.run_sums(sums, firsts))
