"""From the columns of a table to the inputs of a model, the same way at every peer."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from peerd.errors import TaskError
from peerd.tasks.columns import Column, columns_of
from peerd.tasks.reading import read_table
from peerd.tasks.schema import CategoryColumn, NumberColumn, Schema
from protocols.hashing import digest

HELD_OUT_ONE_IN = 5
_HELD_OUT = b"peerd/tasks/table/held-out"
# A number further out than this many scales is cut: one typing error must not own the gradient.
MAX_DEVIATION = 8.0
_ROWS_AT_ONCE = 1 << 14  # their bytes are Python's for a moment
_HELD_OUT_DOMAIN = len(_HELD_OUT).to_bytes(2, "little") + _HELD_OUT


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
    schema: Schema, path: Path
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.bool_]]:
    """Inputs (n, width), classes (n,), and which rows are held out (n,). Raises TaskError.

    A row without a label is left out.
    """
    columns = _fitting_columns(schema, path)
    label = columns[schema.label]
    targets = targets_of(schema, label, path)
    labelled = targets >= 0
    if not labelled.any():
        raise TaskError(f"{path} has no rows with a {schema.label}", "add rows")
    inputs = Encoder(schema, columns, path).encode(labelled)
    names = [*(each.name for each in schema.columns), schema.label]
    return inputs, targets[labelled], _held_out([columns[name] for name in names], labelled)


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


def _fitting_columns(schema: Schema, path: Path) -> dict[str, Column]:
    """Those columns of the file that ``schema`` names. Raises TaskError."""
    table = read_table(path)
    names = [schema.label, *(column.name for column in schema.columns)]
    for name in names:
        if name not in table.columns:
            what = "label column" if name == schema.label else "column"
            raise TaskError(
                f"{path} has no {what} {name!r} among its {len(table.columns)}",
                "the header must name all columns of the group's schema; 'peerd data check FILE"
                " --genesis GENESIS' shows how the file is read",
            )
    return columns_of(table, names, schema.label)[0]


def deviations(column: NumberColumn, found: Column) -> NDArray[np.float64]:
    """How many scales each distinct value is from the mean; NaN for what is no number."""
    return (found.numbers - column.mean) / column.scale


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


def targets_of(schema: Schema, label: Column, path: Path) -> NDArray[np.int64]:
    """The class of each row, -1 for a row without a label. Raises TaskError."""
    known = {name: index for index, name in enumerate(schema.classes)}
    of_value = np.array([known.get(text, -1) for text in label.values.to_pylist()], dtype=np.int64)
    if (strange := (of_value < 0) & ~label.missing).any():
        rows = int(label.counts[strange].sum())
        raise TaskError(
            f"{path} row {label.first_row(strange)}: {schema.label} is none of the group's"
            f" {len(known)} classes, nor in {rows} of {len(label.codes)} rows",
            f"the classes are {', '.join(schema.classes[:10])}{' …' if len(known) > 10 else ''};"
            " a row that has none of them must be left out, or its label empty",
        )
    if not len(of_value):
        raise TaskError(f"{path} has a header and no rows", "add rows")
    return of_value[label.codes]


def _held_out(columns: list[Column], labelled: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """By the contents of a row, so that all sites that hold it keep it out of training.

    A number counts as it is written with a point, so that sites may write it otherwise.
    """
    held = np.zeros(int(labelled.sum()), dtype=np.bool_)
    framed = [_framed(_as_written(column)) for column in columns]
    chosen = np.flatnonzero(labelled)
    for start in range(0, len(chosen), _ROWS_AT_ONCE):
        at = chosen[start : start + _ROWS_AT_ONCE]
        cells = [
            pc.take(texts, pa.array(column.codes[at]))
            for texts, column in zip(framed, columns, strict=True)
        ]
        rows = pc.binary_join_element_wise(*cells, b"").to_pylist()
        drawn = b"".join(hashlib.sha256(_HELD_OUT_DOMAIN + row).digest()[:8] for row in rows)
        held[start : start + len(rows)] = np.frombuffer(drawn, "<u8") % HELD_OUT_ONE_IN == 0
    return held


def _framed(texts: Any) -> Any:
    """Each with its length in front, as ``protocols.hashing.digest`` puts parts together.

    That itself would be called with each cell of a million rows.
    """
    sizes = pc.binary_length(texts).to_numpy(zero_copy_only=False).astype("<u8")
    buffers = [None, pa.py_buffer(sizes.tobytes())]
    prefixes = pa.Array.from_buffers(pa.binary(8), len(sizes), buffers)
    return pc.binary_join_element_wise(pc.cast(prefixes, pa.binary()), texts, b"")


def _as_written(column: Column) -> Any:
    texts = column.values
    if column.mark == ",":
        number = pa.array(~np.isnan(column.numbers))
        pointed = pc.replace_substring(pc.replace_substring(texts, ".", ""), ",", ".")
        texts = pc.if_else(number, pointed, texts)
    return pc.cast(texts, pa.binary())
