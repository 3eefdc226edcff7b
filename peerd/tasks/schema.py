"""The shared description of a table, so that every peer encodes its own rows the same way.

Peers hold different rows: were each to number its own categories, or scale by its own mean, their
updates would be about different models. The schema is therefore part of the genesis (as plain
integers, strings, lists and maps: no floats there), and peerd.tasks.examination makes one from a
file.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from peerd.errors import TaskError

CLASSIFICATION, REGRESSION = "classification", "regression"
KINDS = (CLASSIFICATION, REGRESSION)
"""What a label is learnt by."""
MAX_COLUMNS = 8192
MAX_CATEGORIES = 256
MAX_BUCKETS = 64
MAX_CLASSES = 1000


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
class Target:
    """A label that is a number: learnt as (y − mean) / scale, by regression."""

    mean: float
    scale: float


@dataclass(frozen=True, slots=True)
class Schema:
    """Columns in order, and what the label column holds: ``classes``, or (then there are none) a
    number, as ``target`` scales it.
    """

    label: str
    classes: tuple[str, ...]
    columns: tuple[NumberColumn | CategoryColumn, ...]
    target: Target | None = None

    def to_options(self) -> dict[str, Any]:
        """The form that the genesis holds."""
        predicted: dict[str, Any] = {"classes": list(self.classes)}
        if self.target is not None:
            predicted = {"target": _scaling_options(self.target)}
        return {
            "label": self.label,
            **predicted,
            "columns": [_column_options(column) for column in self.columns],
        }

    @classmethod
    def from_options(cls, options: object) -> Schema:
        """Reads and bounds what ``to_options`` gave. Raises TaskError.

        ``delimiter`` in an older one says nothing: each site's file has its own.
        """
        if isinstance(options, dict):
            options = {name: value for name, value in options.items() if name != "delimiter"}
        predicted = "target" if isinstance(options, dict) and "target" in options else "classes"
        fields = _fields("schema", options, {"label", predicted, "columns"})
        classes: tuple[str, ...] = ()
        target = None
        if predicted == "target":
            scaling = _fields("schema target", fields["target"], {"mean", "scale"})
            target = Target(*_scaling("schema target", scaling))
        else:
            classes = _texts("schema classes", fields["classes"], 2, MAX_CLASSES)
        columns = fields["columns"]
        if not isinstance(columns, list) or not 1 <= len(columns) <= MAX_COLUMNS:
            raise TaskError(f"table: the schema needs 1…{MAX_COLUMNS} columns")
        read = tuple(_column(column) for column in columns)
        names = [column.name for column in read]
        label = _text("schema label", fields["label"])
        if len({*names, label}) != len(names) + 1:
            raise TaskError("table: the schema names a column twice")
        return cls(label, classes, read, target)


def number(text: str) -> float | None:
    """The finite number that ``text`` is, or None."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _column_options(column: NumberColumn | CategoryColumn) -> dict[str, Any]:
    if isinstance(column, NumberColumn):
        return {"name": column.name, **_scaling_options(column)}
    return {"name": column.name, "values": list(column.values), "buckets": column.buckets}


def _scaling_options(numbers: NumberColumn | Target) -> dict[str, str]:
    return {"mean": repr(numbers.mean), "scale": repr(numbers.scale)}


def _scaling(where: str, fields: dict[str, Any]) -> tuple[float, float]:
    mean, scale = number(str(fields["mean"])), number(str(fields["scale"]))
    if mean is None or scale is None or scale <= 0:
        raise TaskError(f"table: {where}: mean or scale is no number")
    return mean, scale


def _column(options: object) -> NumberColumn | CategoryColumn:
    if isinstance(options, dict) and "mean" in options:
        fields = _fields("schema column", options, {"name", "mean", "scale"})
        mean, scale = _scaling(f"schema column {fields['name']!r}", fields)
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
            "'peerd group new --data FILE --label COLUMN' makes one",
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
