"""The shared description of a table, so that every peer encodes its own rows the same way.

Peers hold different rows: were each to number its own categories, or scale by its own mean, their
updates would be about different models. The schema is therefore part of the genesis (as plain
integers, strings, lists and maps: no floats there), and ``derive_schema`` makes one from a file.
No torch here: ``peerd group new`` uses it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from peerd.errors import TaskError
from peerd.tasks.rows import DELIMITERS, MAX_COLUMNS, guess_delimiter, open_rows

# What the fields of a missing value look like, in lower case.
MISSING = frozenset({"", "?", "na", "n/a", "nan", "null", "none", "-"})
MAX_CATEGORIES = 256
MAX_BUCKETS = 64
MAX_CLASSES = 1000
DEFAULT_CATEGORIES = 32
DEFAULT_BUCKETS = 4
# Distinct values that are counted in a column before it is taken for free text.
_MAX_COUNTED = 100_000


@dataclass(frozen=True, slots=True)
class NumberColumn:
    """Encoded as (x − mean) / scale and a missing flag: 2 inputs."""

    name: str
    mean: float
    scale: float


@dataclass(frozen=True, slots=True)
class CategoryColumn:
    """Encoded one-hot: the known values, hash buckets for unknown ones, missing."""

    name: str
    values: tuple[str, ...]
    buckets: int


@dataclass(frozen=True, slots=True)
class Schema:
    """Columns in order, and the classes of the label column."""

    label: str
    classes: tuple[str, ...]
    columns: tuple[NumberColumn | CategoryColumn, ...]
    delimiter: str

    def to_options(self) -> dict[str, Any]:
        """The form that the genesis holds."""
        return {
            "label": self.label,
            "classes": list(self.classes),
            "columns": [_column_options(column) for column in self.columns],
            "delimiter": self.delimiter,
        }

    @classmethod
    def from_options(cls, options: object) -> Schema:
        """Reads and bounds what ``to_options`` gave. Raises TaskError."""
        fields = _fields("schema", options, {"label", "classes", "columns", "delimiter"})
        classes = _texts("schema classes", fields["classes"], 2, MAX_CLASSES)
        columns = fields["columns"]
        if not isinstance(columns, list) or not 1 <= len(columns) <= MAX_COLUMNS:
            raise TaskError(f"table: the schema needs 1…{MAX_COLUMNS} columns")
        if fields["delimiter"] not in DELIMITERS:
            raise TaskError(f"table: schema delimiter {fields['delimiter']!r} is not supported")
        read = tuple(_column(column) for column in columns)
        names = [column.name for column in read]
        label = _text("schema label", fields["label"])
        if len({*names, label}) != len(names) + 1:
            raise TaskError("table: the schema names a column twice")
        return cls(label, classes, read, str(fields["delimiter"]))


def derive_schema(
    path: Path | str,
    label: str,
    *,
    ignore: Collection[str] = (),
    categories: int = DEFAULT_CATEGORIES,
    buckets: int = DEFAULT_BUCKETS,
) -> dict[str, Any]:
    """The schema of a CSV file, in the form that the task option ``schema`` takes.

    A column is numeric when all its values are numbers, else categorical with its ``categories``
    most frequent values. ``ignore`` names columns to leave out (identifiers). What the group sees
    of the file: column names, means, scales, frequent values, classes. Raises TaskError.
    """
    path = Path(path)
    delimiter = guess_delimiter(path)
    with open_rows(path, delimiter) as (names, rows):
        for name in (label, *ignore):
            if name not in names:
                raise TaskError(f"{path} has no column {name!r}", f"it has {', '.join(names)}")
        tallies = [_Tally(name) for name in names]
        for _, row in rows:
            for tally, text in zip(tallies, row, strict=True):
                tally.add(text)
    by_name = {tally.name: tally for tally in tallies}
    classes = tuple(sorted(by_name[label].counts))
    if not 2 <= len(classes) <= MAX_CLASSES:
        raise TaskError(
            f"{path}: label column {label!r} has {len(classes)} different values;"
            f" 2…{MAX_CLASSES} can be learnt"
        )
    columns = tuple(
        column
        for tally in tallies
        if tally.name != label and tally.name not in ignore
        if (column := tally.column(categories, buckets)) is not None
    )
    if not columns:
        raise TaskError(f"{path} has no column to learn from beside {label!r}")
    schema = Schema(label, classes, columns, delimiter)
    return Schema.from_options(schema.to_options()).to_options()


def is_missing(text: str) -> bool:
    """Whether a field holds no value."""
    return text.lower() in MISSING


def number(text: str) -> float | None:
    """The finite number that ``text`` is, or None."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


@dataclass(slots=True)
class _Tally:
    """One pass over a column: Welford's mean and variance, and the counts of its values."""

    name: str
    counts: Counter[str] = field(default_factory=Counter)
    numeric: bool = True
    count: int = 0
    mean: float = 0.0
    squares: float = 0.0

    def add(self, text: str) -> None:
        if is_missing(text):
            return
        self.count += 1
        if text in self.counts or len(self.counts) < _MAX_COUNTED:
            self.counts[text] += 1
        value = number(text) if self.numeric else None
        if value is None:
            self.numeric = False
            return
        distance = value - self.mean
        self.mean += distance / self.count
        self.squares += distance * (value - self.mean)

    def column(self, categories: int, buckets: int) -> NumberColumn | CategoryColumn | None:
        """None for a column without a single value."""
        if not self.count:
            return None
        if self.numeric:
            scale = math.sqrt(self.squares / self.count)
            return NumberColumn(self.name, self.mean, scale or 1.0)
        ranked = sorted(self.counts, key=lambda value: (-self.counts[value], value))
        return CategoryColumn(self.name, tuple(sorted(ranked[:categories])), buckets)


def _column_options(column: NumberColumn | CategoryColumn) -> dict[str, Any]:
    if isinstance(column, NumberColumn):
        return {"name": column.name, "mean": repr(column.mean), "scale": repr(column.scale)}
    return {"name": column.name, "values": list(column.values), "buckets": column.buckets}


def _column(options: object) -> NumberColumn | CategoryColumn:
    if isinstance(options, dict) and "mean" in options:
        fields = _fields("schema column", options, {"name", "mean", "scale"})
        mean, scale = number(str(fields["mean"])), number(str(fields["scale"]))
        if mean is None or scale is None or scale <= 0:
            raise TaskError(f"table: schema column {fields['name']!r}: mean or scale is no number")
        return NumberColumn(_text("schema column name", fields["name"]), mean, scale)
    fields = _fields("schema column", options, {"name", "values", "buckets"})
    name = _text("schema column name", fields["name"])
    values = _texts(f"schema column {name}", fields["values"], 0, MAX_CATEGORIES)
    buckets = fields["buckets"]
    if not isinstance(buckets, int) or isinstance(buckets, bool) or not 1 <= buckets <= MAX_BUCKETS:
        raise TaskError(f"table: schema column {name}: buckets must be in 1…{MAX_BUCKETS}")
    return CategoryColumn(name, values, buckets)


def _fields(where: str, options: object, names: set[str]) -> dict[str, Any]:
    if not isinstance(options, dict) or set(options) != names:
        raise TaskError(
            f"table: {where} must have exactly {', '.join(sorted(names))}",
            "make it with peerd.tasks.table.derive_schema",
        )
    return options


def _text(where: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise TaskError(f"table: {where} must be a text")
    return value


def _texts(where: str, value: object, low: int, high: int) -> tuple[str, ...]:
    if not isinstance(value, list) or not low <= len(value) <= high:
        raise TaskError(f"table: {where} must be a list of {low}…{high} texts")
    texts = tuple(_text(where, item) for item in value)
    if len(set(texts)) != len(texts):
        raise TaskError(f"table: {where} holds a value twice")
    return texts
