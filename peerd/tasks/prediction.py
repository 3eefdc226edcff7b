"""A table's rows for a model that is used: all of them, in their order, some at a time."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerd.errors import TaskError
from peerd.learning.settings import IGNORED
from peerd.tasks.columns import Column, as_measured, columns_of
from peerd.tasks.conformity import fit
from peerd.tasks.encoding import Encoder
from peerd.tasks.reading import read_table
from peerd.tasks.schema import Schema
from peerd.tasks.targets import targets_of

ROWS_AT_ONCE = 1 << 14


def rows_to_predict(
    schema: Schema, path: Path, labelled: bool
) -> Iterator[tuple[NDArray[np.float32], NDArray[Any] | None]]:
    """Inputs (m, width), and, if ``labelled``, classes (m,), IGNORED where a row has none; or
    numbers (m,) in the label's own unit, NaN where a row has none.

    TaskError for a file that doesn't fit the schema, before the first rows; what ``peerd data
    check`` would warn of is a warning.
    """
    columns = _columns(schema, path, labelled)
    targets = _labels(schema, columns[schema.label], path) if labelled else None
    rows = len(next(iter(columns.values())).codes)
    encoder = Encoder(schema, columns, path)
    for start in range(0, rows, ROWS_AT_ONCE):
        chosen = slice(start, start + ROWS_AT_ONCE)
        yield encoder.encode(chosen), None if targets is None else targets[chosen]


def _labels(schema: Schema, label: Column, path: Path) -> NDArray[Any]:
    targets, known = targets_of(schema, label, path)
    if schema.target is None:
        return np.where(known, targets, IGNORED)
    measured = as_measured(label)
    return measured.numbers[measured.codes]


def _columns(schema: Schema, path: Path, labelled: bool) -> dict[str, Column]:
    table = read_table(path)
    names = [each.name for each in schema.columns] + [schema.label] * labelled
    absent = [name for name in names if name not in table.columns]
    if absent:
        raise TaskError(
            f"{path} has no column {', '.join(map(repr, absent[:5]))} among its"
            f" {len(table.columns)}, and the model needs {'it' if len(absent) == 1 else 'them'}",
            "the header must name all columns that the model was trained on",
        )
    if not table.rows:
        raise TaskError(f"{path} has a header and no rows", "add rows")
    columns, _ = columns_of(table, names, schema.label)
    errors, found = fit(columns, schema)
    if errors:
        raise TaskError(f"{path}: {errors[0]}")
    for line in found:
        warnings.warn(f"{path}: {line}", stacklevel=2)
    return columns
