"""From the rows of a table to the inputs of a model, the same way at every peer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from peerd.errors import TaskError
from peerd.tasks.rows import open_rows
from peerd.tasks.schema import CategoryColumn, NumberColumn, Schema, is_missing, number
from protocols.hashing import digest

HELD_OUT_ONE_IN = 5
# A number further out than this many scales is cut: one typing error must not own the gradient.
MAX_DEVIATION = 8.0


class RowEncoder:
    """Fields of one row → float32 (width,). Places in errors are "file line 7"."""

    def __init__(self, schema: Schema) -> None:
        self._columns = [_encoder(column) for column in schema.columns]
        self._starts: list[int] = []
        self.width = 0
        for column in self._columns:
            self._starts.append(self.width)
            self.width += column.width

    def encode(self, fields: list[str], place: str) -> NDArray[np.float32]:
        """One field for each column of the schema, in its order. Raises TaskError."""
        encoded = np.zeros(self.width, dtype=np.float32)
        for column, start, text in zip(self._columns, self._starts, fields, strict=True):
            slot, value = column.encode(text, place)
            encoded[start + slot] = value
        return encoded


class _Number:
    """Slot 0: the deviation from the mean in scales; slot 1: missing."""

    width = 2

    def __init__(self, column: NumberColumn) -> None:
        self.column = column

    def encode(self, text: str, place: str) -> tuple[int, float]:
        if is_missing(text):
            return 1, 1.0
        value = number(text)
        if value is None:
            raise TaskError(f"{place}: {self.column.name} is {text!r}, which is not a number")
        deviation = (value - self.column.mean) / self.column.scale
        return 0, min(max(deviation, -MAX_DEVIATION), MAX_DEVIATION)


class _Category:
    """One-hot: the known values, then hash buckets for unknown ones, then missing."""

    def __init__(self, column: CategoryColumn) -> None:
        self.column = column
        self.slots = {value: slot for slot, value in enumerate(column.values)}
        self.width = len(column.values) + column.buckets + 1

    def encode(self, text: str, place: str) -> tuple[int, float]:
        if is_missing(text):
            return self.width - 1, 1.0
        slot = self.slots.get(text)
        return (self._bucket(text) if slot is None else slot), 1.0

    def _bucket(self, text: str) -> int:
        drawn = digest("peerd/tasks/table/bucket", self.column.name.encode(), text.encode())
        return len(self.slots) + int.from_bytes(drawn[:8], "little") % self.column.buckets


def _encoder(column: NumberColumn | CategoryColumn) -> _Number | _Category:
    return _Number(column) if isinstance(column, NumberColumn) else _Category(column)


def encode_file(
    schema: Schema, path: Path
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.bool_]]:
    """Inputs (n, width), classes (n,), and which rows are held out (n,). Raises TaskError."""
    encoder = RowEncoder(schema)
    inputs: list[NDArray[np.float32]] = []
    targets: list[int] = []
    held: list[bool] = []
    classes = {name: index for index, name in enumerate(schema.classes)}
    with open_rows(path, schema.delimiter) as (names, rows):
        positions = _positions(schema, names, path)
        label = names.index(schema.label)
        for line, row in rows:
            place = f"{path} line {line}"
            if (target := classes.get(row[label])) is None:
                raise TaskError(
                    f"{place}: {schema.label} is {row[label]!r}, which is none of the group's"
                    f" {len(classes)} classes"
                )
            used = [row[position] for position in positions]
            inputs.append(encoder.encode(used, place))
            targets.append(target)
            held.append(_held_out([*used, row[label]]))
    if not inputs:
        raise TaskError(f"{path} has a header and no rows", "add rows")
    return np.stack(inputs), np.array(targets, dtype=np.int64), np.array(held)


def _positions(schema: Schema, names: list[str], path: Path) -> list[int]:
    """Where each of the schema's columns is in this file, which may order them otherwise."""
    for name in (schema.label, *(column.name for column in schema.columns)):
        if name not in names:
            what = "label column" if name == schema.label else "column"
            raise TaskError(f"{path} has no {what} {name!r}", f"it has {', '.join(names)}")
    return [names.index(column.name) for column in schema.columns]


def _held_out(fields: list[str]) -> bool:
    drawn = digest("peerd/tasks/table/held-out", *(text.encode() for text in fields))
    return int.from_bytes(drawn[:8], "little") % HELD_OUT_ONE_IN == 0
