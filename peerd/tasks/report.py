"""What a data manager reads of a table: no cell of it but its classes and odd numbers."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from peerd.tasks.columns import Column
from peerd.tasks.dialect import PARQUET
from peerd.tasks.labels import class_counts, label_warnings
from peerd.tasks.reading import TextTable

_DELIMITERS = {"\t": "tab", "": "none"}


@dataclass(frozen=True, slots=True)
class ColumnReport:
    """``type``: number, category or empty; ``unknown`` and ``clipped``: cells, None if no genesis
    says what is known.
    """

    name: str
    type: str
    why: str
    distinct: int
    missing: int
    unknown: int | None = None
    clipped: int | None = None
    identifier: bool = False


@dataclass(slots=True)
class Report:
    """``errors`` keep a group from being founded or trained with this file; ``warnings`` don't."""

    file: dict[str, str]
    rows: int
    label: str
    classes: dict[str, int]
    columns: list[ColumnReport] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, table: TextTable, mark: str, name: str, label: Column | None) -> Report:
        """What can be said before the columns are looked at."""
        delimiter = table.dialect.delimiter
        file = {
            "encoding": table.dialect.encoding,
            "delimiter": _DELIMITERS.get(delimiter, delimiter),
            "decimal_mark": "." if table.dialect.encoding == PARQUET else mark,
        }
        found = cls(file, table.rows, name, {})
        if label is not None:
            found.classes = class_counts(label)
            found.warnings += label_warnings(label)
        if not table.rows:
            found.errors.append("it has a header and no rows; add rows")
        return found

    def document(self) -> dict[str, Any]:
        """As ``--json`` prints it; described by docs/schemas/data.json."""
        return asdict(self)


def kind_of(column: Column) -> tuple[str, str]:
    """Type, and why, of a column that a founder's file has."""
    if not column.present:
        return "empty", "it holds no value"
    odd = int(column.counts[column.odd].sum())
    if column.numeric:
        return "number", odd_cells(column) if odd else "all its cells are numbers"
    if odd < column.present and column.distinct > 1:
        if odd == 0:
            return "category", "codes with leading zeros"
        return "category", f"{odd} of {column.present} cells are no numbers"
    return "category", "text"


def line(column: Column, kind: str, why: str, identifier: bool) -> ColumnReport:
    """Counts for a person: the odd cells of a number column are missing, as training takes them."""
    missing, distinct = len(column.codes) - column.present, column.distinct
    if kind == "number":
        missing += int(column.counts[column.odd].sum())
        distinct = len(np.unique(column.numbers[~np.isnan(column.numbers)]))
    return ColumnReport(column.name, kind, why, distinct, missing, identifier=identifier)


def odd_cells(column: Column) -> str:
    """How many cells of a number column are none, and such of their forms as are no words."""
    odd = int(column.counts[column.odd].sum())
    forms = column.odd_forms()
    such = f", such as {forms}," if forms else ""
    verb = "is no number" if odd == 1 else "are no numbers"
    return f"{odd} of {column.present} cells{such} {verb}: treated as missing"
