"""A table's rows for a model that is used: all of them, in their order, some at a time."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from peerd.errors import TaskError
from peerd.learning.settings import IGNORED
from peerd.tasks.columns import Column, columns_of
from peerd.tasks.conformity import fit
from peerd.tasks.encoding import Encoder, targets_of
from peerd.tasks.reading import read_table
from peerd.tasks.schema import Schema

ROWS_AT_ONCE = 1 << 14


def rows_to_predict(
    schema: Schema, path: Path, labelled: bool
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.int64] | None]]:
    """Inputs (m, width), and classes (m,) if ``labelled``, IGNORED where a row has none.

    TaskError for a file that doesn't fit the schema, before the first rows; what ``peerd data
    check`` would warn of is a warning.
    """
    columns = _columns(schema, path, labelled)
    targets = None
    if labelled:
        targets = targets_of(schema, columns[schema.label], path)
        targets[targets < 0] = IGNORED
    rows = len(next(iter(columns.values())).codes)
    encoder = Encoder(schema, columns, path)
    for start in range(0, rows, ROWS_AT_ONCE):
        chosen = slice(start, start + ROWS_AT_ONCE)
        yield encoder.encode(chosen), None if targets is None else targets[chosen]


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
