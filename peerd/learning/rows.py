"""A look at all of a task's rows ahead of training (worker only). No line quotes a value."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch

from peerd.errors import TaskError
from peerd.learning.settings import IGNORED
from peerd.learning.task import Samples

ROWS_AT_ONCE = 4096  # bounds what a look at all rows takes of the memory
MAX_COLUMNS = 5  # named in one line


class RowsError(TaskError):
    """Rows that nothing can be learnt from."""


def check_finite(samples: Samples, where: str) -> None:
    """RowsError that names the columns (from 0 on) in which there is NaN or infinity."""
    for name in ("inputs", "targets"):
        part: torch.Tensor = getattr(samples, name)
        if part.layout != torch.strided or not (part.is_floating_point() or part.is_complex()):
            continue
        rows, columns = _not_finite(part)
        if rows:
            raise RowsError(
                f"{where}: {name} are nan or infinite in {rows} of {len(part)} rows"
                f"{_columns(columns, part.shape[1:])}",
                "nothing can be learnt from a missing value: fill it, or leave the row out",
            )


def _not_finite(part: torch.Tensor) -> tuple[int, torch.Tensor]:
    """How many rows of (n, …) have such a value, and how many each column, flat."""
    rows, columns = 0, torch.zeros(math.prod(part.shape[1:]), dtype=torch.long)
    for start in range(0, len(part), ROWS_AT_ONCE):
        chunk = part[start : start + ROWS_AT_ONCE].detach()
        bad = ~chunk.isfinite().reshape(len(chunk), -1).cpu()
        rows += int(bad.any(dim=1).sum())
        columns += bad.sum(dim=0)
    return rows, columns


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


def check_labels(samples: Samples, outputs: torch.Tensor, where: str) -> None:
    """RowsError for class labels (n, …) beyond the classes of ``outputs`` (n, classes, …)."""
    targets = samples.targets
    if not _are_labels(targets) or targets.dim() != outputs.dim() - 1:
        return
    classes = outputs.shape[1]
    wrong = ((targets < 0) | (targets >= classes)) & (targets != IGNORED)
    rows = int(wrong.reshape(len(targets), -1).any(dim=1).sum())
    if rows:
        low, high = int(targets[wrong].min()), int(targets[wrong].max())
        found = f"label {low}" if low == high else f"labels from {low} to {high}"
        raise RowsError(
            f"{where}: {rows} of {len(targets)} rows have a label out of range ({found}); the"
            f" model has {classes} outputs, for the labels 0…{classes - 1}",
            "count labels from 0, or give the model an output for each",
        )


def _are_labels(targets: torch.Tensor) -> bool:
    return not (targets.is_floating_point() or targets.is_complex() or targets.dtype == torch.bool)


def batches(samples: Samples, size: int) -> Iterator[Samples]:
    """The first batches of training that hold the rows with the extreme labels.

    One, unless the batch is smaller than that: what is wrong with labels shows at an end of them.
    """
    targets = samples.targets
    first: list[int] = []
    if _are_labels(targets) and targets.numel():
        flat, width = targets.reshape(-1), targets.numel() // len(targets)
        first = sorted({int(flat.argmin()) // width, int(flat.argmax()) // width})
    size = min(size, len(samples))
    others = (row for row in range(len(samples)) if row not in first)
    rows = first + [row for row, _ in zip(others, range(size - len(first)), strict=False)]
    for start in range(0, len(rows), size):
        chosen = torch.tensor(rows[start : start + size])
        yield Samples(samples.inputs[chosen], targets[chosen])
