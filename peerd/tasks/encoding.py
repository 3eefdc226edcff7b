"""From the columns of a table to the inputs of a model, the same way at every peer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from peerd.errors import TaskError
from peerd.tasks.columns import Column, columns_of
from peerd.tasks.held_out import UNSAID, HeldOutRule
from peerd.tasks.reading import read_table
from peerd.tasks.schema import CategoryColumn, NumberColumn, Schema
from peerd.tasks.splitting import held_out_rows
from peerd.tasks.targets import MAX_DEVIATION, Targets, deviations, targets_of
from protocols.hashing import digest


def width_of(column: NumberColumn | CategoryColumn) -> int:
    """How many inputs ``column`` has: a number and a missing flag; or one-hot the known values,
    hash buckets for unknown ones, and missing.
    """
    if isinstance(column, NumberColumn):
        return 2
    return len(column.values) + column.buckets + 1


def width(schema: Schema) -> int:
    """How many inputs a row has."""
    return sum(width_of(column) for column in schema.columns)


def encode_file(
    schema: Schema, path: Path, rule: HeldOutRule = UNSAID
) -> tuple[NDArray[np.float32], Targets, NDArray[np.bool_]]:
    """Inputs (n, width), targets (n,) and which rows ``rule`` holds out (n,). Raises TaskError.

    Targets: classes, int64; or scaled numbers, float32. A row without a label is left out.
    """
    columns = _fitting_columns(schema, path, rule)
    targets, labelled = targets_of(schema, columns[schema.label], path)
    if not labelled.any():
        raise TaskError(f"{path} has no rows with a {schema.label}", "add rows")
    inputs = Encoder(schema, columns, path).encode(labelled)
    try:
        held = held_out_rows(rule, schema, columns, labelled)
    except TaskError as error:
        raise TaskError(f"{path}: {error.message}", error.hint) from None
    return inputs, targets[labelled], held


class Encoder:
    """The inputs of some rows of ``columns``: each distinct value is encoded once."""

    def __init__(self, schema: Schema, columns: Mapping[str, Column], path: Path) -> None:
        """TaskError for a number column that is none."""
        self._width = width(schema)
        self._columns = [columns[each.name].codes for each in schema.columns]
        self._numbers = [isinstance(each, NumberColumn) for each in schema.columns]
        self._widths = [width_of(each) for each in schema.columns]
        self._values = [
            _cut(each, columns[each.name], path)
            if isinstance(each, NumberColumn)
            else category_slots(each, columns[each.name])
            for each in schema.columns
        ]

    def encode(self, chosen: NDArray[np.bool_] | slice) -> NDArray[np.float32]:
        """(n, width) of the ``chosen`` rows."""
        parts = [codes[chosen] for codes in self._columns]
        rows = len(parts[0])
        inputs = np.zeros((rows, self._width), dtype=np.float32)
        start = 0
        kinds = zip(parts, self._values, self._numbers, self._widths, strict=True)
        for codes, values, number, size in kinds:
            found, block = values[codes], inputs[:, start : start + size]
            if number:
                block[:, 1] = np.isnan(found)
                block[:, 0] = np.nan_to_num(found)
            else:
                block[np.arange(rows), found] = 1.0
            start += size
        return inputs


def _fitting_columns(schema: Schema, path: Path, rule: HeldOutRule) -> dict[str, Column]:
    """Those columns of the file that ``schema`` and ``rule`` name. Raises TaskError."""
    table = read_table(path)
    names = [schema.label, *(column.name for column in schema.columns)]
    names += [rule.column] if rule.column is not None else []
    for name in names:
        if name not in table.columns:
            what = {schema.label: "label column", rule.column: "held-out column"}.get(
                name, "column"
            )
            raise TaskError(
                f"{path} has no {what} {name!r} among its {len(table.columns)}",
                "the header must name all columns of the group's schema; 'peerd data check FILE"
                " --genesis GENESIS' shows how the file is read",
            )
    return columns_of(table, names, schema.label)[0]


def category_slots(column: CategoryColumn, found: Column) -> NDArray[np.int64]:
    """The input that is 1 for each distinct value."""
    known = {value: slot for slot, value in enumerate(column.values)}
    slots = np.full(len(found.values), width_of(column) - 1, dtype=np.int64)
    for index in np.flatnonzero(~found.missing):
        text = found.values[int(index)].as_py()
        slot = known.get(text)
        slots[index] = _bucket(column, text) if slot is None else slot
    return slots


def _bucket(column: CategoryColumn, text: str) -> int:
    drawn = digest("peerd/tasks/table/bucket", column.name.encode(), text.encode())
    return len(column.values) + int.from_bytes(drawn[:8], "little") % column.buckets


def _cut(column: NumberColumn, found: Column, path: Path) -> NDArray[np.float64]:
    """How many scales each distinct value is from the mean, cut; NaN for what is no number."""
    odd = int(found.counts[found.odd].sum())
    if found.too_odd:
        raise TaskError(
            f"{path} row {found.first_row(found.odd)}: {column.name} is not a number, nor in"
            f" {odd} of {found.present} cells, and the group takes it for one",
            "write numbers there, or nothing where there is none",
        )
    return np.clip(deviations(column, found), -MAX_DEVIATION, MAX_DEVIATION)
