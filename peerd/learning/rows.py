"""A look at all of a task's rows ahead of training (worker only). No line quotes a value.

One pass, a chunk at a time: rows need not fit in memory.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch

from peerd.errors import TaskError
from peerd.learning.settings import IGNORED
from peerd.learning.streams import Rows
from peerd.learning.task import Samples

ROWS_AT_ONCE = 4096  # bounds what a look at all rows takes of the memory
MAX_COLUMNS = 5  # named in one line


class RowsError(TaskError):
    """Rows that nothing can be learnt from."""


@dataclass(slots=True)
class Survey:
    """What a pass has found. ``low`` and ``high``: the extreme labels, but for IGNORED; None where
    targets are no labels. ``batches``: what training may be tried on, each row with an extreme
    label among it: what is wrong with labels shows at an end of them.
    """

    rows: int = 0
    low: int | None = None
    high: int | None = None
    dimensions: int = 0  # of the targets
    cut: bool = False  # there were more rows
    batches: list[Samples] = field(default_factory=list)


def survey(rows: Rows, size: int, where: str) -> Survey:
    """All rows once; ``size``: of a batch in training. RowsError that names the columns (from 0 on)
    in which there is NaN or infinity.
    """
    found, ends = Survey(), _Ends()
    bad = {name: _NotFinite() for name in ("inputs", "targets")}
    first: Samples | None = None
    last: Samples | None = None
    # A stream's batches are looked at as training takes them: an odd one fails here, and not there.
    for chunk in rows.chunks(size if rows.comes else ROWS_AT_ONCE):
        first = first or chunk
        for name, counts in bad.items():
            counts.add(getattr(chunk, name))
        ends.add(chunk, found.rows)
        found.rows += len(chunk)
        found.dimensions = chunk.targets.dim()
        last = chunk
    for name, counts in bad.items():
        counts.check(f"{where}: {name}", found.rows)
    found.low, found.high, found.cut = ends.low, ends.high, rows.cut
    if rows.comes:
        tried = (each for each in (first, *ends.chunks, last) if each is not None)
        found.batches = list({id(each): each for each in tried}.values())
    else:
        chosen = _first(ends.rows, size, found.rows)
        found.batches = [rows.at(chosen[i : i + size]) for i in range(0, len(chosen), size)]
    return found


def _first(ends: list[int], size: int, count: int) -> list[int]:
    """The rows with the extreme labels, and the first ones, to fill a batch."""
    others = (row for row in range(count) if row not in ends)
    wanted = max(0, min(size, count) - len(ends))
    return ends + [row for row, _ in zip(others, range(wanted), strict=False)]


class _NotFinite:
    """How many rows of (n, …) have such a value, and how many each column, flat."""

    def __init__(self) -> None:
        self._rows = 0
        self._columns: torch.Tensor | None = None
        self._shape: torch.Size | None = None
        self._is_uneven = False  # shapes differ from chunk to chunk: no column has a number

    def add(self, part: torch.Tensor) -> None:
        if part.layout != torch.strided or not (part.is_floating_point() or part.is_complex()):
            return
        bad = ~part.detach().isfinite().reshape(len(part), -1).cpu()
        self._rows += int(bad.any(dim=1).sum())
        if self._shape not in (None, part.shape[1:]):
            self._is_uneven = True
            return
        self._shape, known = part.shape[1:], self._columns
        if known is None:
            known = torch.zeros(math.prod(self._shape), dtype=torch.long)
        self._columns = known + bad.sum(dim=0)

    def check(self, what: str, count: int) -> None:
        """RowsError where there is one."""
        if not self._rows or self._columns is None or self._shape is None:
            return
        columns = "" if self._is_uneven else _columns(self._columns, self._shape)
        raise RowsError(
            f"{what} are nan or infinite in {self._rows} of {count} rows{columns}",
            "nothing can be learnt from a missing value: fill it, or leave the row out",
        )


class _Ends:
    """The rows, and the chunks, with the lowest and the highest label."""

    def __init__(self) -> None:
        self.low: int | None = None
        self.high: int | None = None
        self._found: list[tuple[int, int, Samples]] = []  # label, row and chunk: lowest, highest

    def add(self, chunk: Samples, before: int) -> None:
        targets = chunk.targets
        if not _are_labels(targets) or not targets.numel():
            return
        counted = targets[targets != IGNORED]
        if counted.numel():
            low, high = int(counted.min()), int(counted.max())
            self.low = low if self.low is None else min(low, self.low)
            self.high = high if self.high is None else max(high, self.high)
        flat, width = targets.reshape(-1), targets.numel() // len(targets)
        for end, place in enumerate((int(flat.argmin()), int(flat.argmax()))):
            label = int(flat[place])
            known = self._found[end][0] if end < len(self._found) else None
            if known is None or (label < known if end == 0 else label > known):
                self._found[end : end + 1] = [(label, before + place // width, chunk)]

    @property
    def rows(self) -> list[int]:
        return sorted({row for _, row, _ in self._found})

    @property
    def chunks(self) -> list[Samples]:
        return [chunk for _, _, chunk in self._found]


def _columns(counts: torch.Tensor, shape: torch.Size) -> str:
    """Which columns, and in how many rows each; nothing where a row is one number."""
    if not shape:
        return ""
    found = counts.nonzero().flatten().tolist()
    named = [f"{_index(i, shape)} ({int(counts[i])} rows)" for i in found[:MAX_COLUMNS]]
    more = f" and {len(found) - MAX_COLUMNS} more" if len(found) > MAX_COLUMNS else ""
    return f", counted from 0: column {', '.join(named)}{more}"


def _index(flat: int, shape: torch.Size) -> str:
    places = []
    for size in reversed(shape):
        flat, place = divmod(flat, size)
        places.append(place)
    return str(places[0]) if len(places) == 1 else str(places[::-1])


def check_labels(rows: Rows, found: Survey, outputs: torch.Tensor, where: str) -> None:
    """RowsError for class labels (n, …) beyond the classes of ``outputs`` (n, classes, …)."""
    if found.low is None or found.high is None or found.dimensions != outputs.dim() - 1:
        return
    classes = outputs.shape[1]
    if found.low >= 0 and found.high < classes:
        return
    count, low, high = _out_of_range(rows, classes)
    if not count:
        return
    named = f"label {low}" if low == high else f"labels from {low} to {high}"
    raise RowsError(
        f"{where}: {count} of {found.rows} rows have a label out of range ({named}); the"
        f" model has {classes} outputs, for the labels 0…{classes - 1}",
        "count labels from 0, or give the model an output for each",
    )


def _out_of_range(rows: Rows, classes: int) -> tuple[int, int, int]:
    """How many rows, and the lowest and the highest of such labels: a second pass."""
    count, ends = 0, list[int]()
    for chunk in rows.chunks(ROWS_AT_ONCE):
        targets = chunk.targets
        wrong = ((targets < 0) | (targets >= classes)) & (targets != IGNORED)
        count += int(wrong.reshape(len(targets), -1).any(dim=1).sum())
        if wrong.any():
            ends += [int(targets[wrong].min()), int(targets[wrong].max())]
    return count, min(ends, default=0), max(ends, default=0)


def _are_labels(targets: torch.Tensor) -> bool:
    return not (targets.is_floating_point() or targets.is_complex() or targets.dtype == torch.bool)
