"""What a data manager reads of a table: no cell of it but its classes and odd numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from peerd.errors import TaskError
from peerd.tasks.columns import Column, as_measured
from peerd.tasks.dialect import PARQUET
from peerd.tasks.held_out import HeldOutRule
from peerd.tasks.labels import class_counts, label_warnings
from peerd.tasks.reading import TextTable
from peerd.tasks.schema import REGRESSION, Schema, Target
from peerd.tasks.splitting import check_split, held_out_rows
from peerd.tasks.targets import MAX_DEVIATION, deviations, has_target

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
    """``errors`` keep a group from being founded or trained with this file; ``warnings`` don't.

    ``kind``: classification or regression, ``why`` in words; None for a file without the label.
    ``classes``: rows of each, None where a number is predicted. ``target``: of such a number rows,
    mean, scale, and how many are cut. ``held_out``: rows, and by what; None where it can't be told.
    """

    file: dict[str, str]
    rows: int
    label: str
    kind: str | None = None
    why: str = ""
    classes: dict[str, int] | None = field(default_factory=dict)
    target: dict[str, float] | None = None
    held_out: dict[str, Any] | None = None
    columns: list[ColumnReport] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, table: TextTable, mark: str, name: str) -> Report:
        """What can be said before the columns are looked at."""
        delimiter = table.dialect.delimiter
        file = {
            "encoding": table.dialect.encoding,
            "delimiter": _DELIMITERS.get(delimiter, delimiter),
            "decimal_mark": "." if table.dialect.encoding == PARQUET else mark,
        }
        found = cls(file, table.rows, name)
        if not table.rows:
            found.errors.append("it has a header and no rows; add rows")
        return found

    def tell_label(self, label: Column, kind: str, why: str) -> None:
        """What is predicted, of how many rows."""
        self.kind, self.why = kind, why
        if kind == REGRESSION:
            label, self.classes = as_measured(label), None
        else:
            self.classes = class_counts(label)
        self.warnings += label_warnings(label, kind)

    def tell_target(self, label: Column, target: Target) -> None:
        """How a number that is predicted is scaled, and what of it is too far out."""
        measured = as_measured(label)
        beyond = np.abs(np.nan_to_num(deviations(target, measured))) > MAX_DEVIATION
        clipped = int(measured.counts[beyond].sum())
        rows = int(measured.counts[~np.isnan(measured.numbers)].sum())
        scaling = {"mean": target.mean, "scale": target.scale}
        self.target = {"rows": rows, **scaling, "clipped": clipped}
        if clipped:
            self.warnings.append(
                f"label column {label.name!r}: {clipped} of {rows} numbers are more than"
                f" {MAX_DEVIATION:.0f} scales from the group's mean, and are cut there in training:"
                " look at its unit"
            )

    def tell_held_out(
        self, rule: HeldOutRule, schema: Schema, columns: Mapping[str, Column]
    ) -> None:
        """How many rows ``rule`` holds out, of a file that is right otherwise."""
        labelled = has_target(schema, columns[schema.label])
        try:
            held = held_out_rows(rule, schema, columns, labelled)
            self.held_out = {"rows": int(held.sum()), "by": rule.words()}
            self.warnings += check_split(rule, held)
        except TaskError as error:
            self.errors.append(str(error))

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
        return "category", no_numbers(column)
    return "category", "text"


def line(column: Column, kind: str, why: str, identifier: bool) -> ColumnReport:
    """Counts for a person: the odd cells of a number column are missing, as training takes them."""
    missing, distinct = len(column.codes) - column.present, column.distinct
    if kind == "number":
        missing += int(column.counts[column.odd].sum())
        distinct = len(np.unique(column.numbers[~np.isnan(column.numbers)]))
    return ColumnReport(column.name, kind, why, distinct, missing, identifier=identifier)


def odd_cells(column: Column) -> str:
    """What becomes of the odd cells of a number column."""
    return f"{no_numbers(column)}: treated as missing"


def no_numbers(column: Column) -> str:
    """How many cells are no numbers, and such of their forms as are no words."""
    odd = int(column.counts[column.odd].sum())
    forms = column.odd_forms()
    such = f", such as {forms}," if forms else ""
    verb = "is no number" if odd == 1 else "are no numbers"
    return f"{odd} of {column.present} cells{such} {verb}"
