"""What a founder's table gives: a schema that tells of no single row, or why there is none."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from peerd.errors import TaskError
from peerd.tasks.columns import Column, as_measured, columns_of, rounded_scaling
from peerd.tasks.held_out import UNSAID, HeldOutRule
from peerd.tasks.identifiers import name_suspicion, suspicion
from peerd.tasks.labels import class_errors, kind_of_label, measurement_errors
from peerd.tasks.reading import TextTable, read_table
from peerd.tasks.report import Report, kind_of, line, no_numbers
from peerd.tasks.schema import (
    CLASSIFICATION,
    MAX_CATEGORIES,
    REGRESSION,
    CategoryColumn,
    NumberColumn,
    Schema,
    Target,
)
from peerd.tasks.targets import mostly_text
from protocols.wire.canonical import pack

MIN_ROWS = 10
DEFAULT_CATEGORIES = 32
DEFAULT_BUCKETS = 4
MAX_SCHEMA_BYTES = 1_000_000  # a genesis takes 2^20 bytes of options
_SHOWN_NAMES = 40
_CELL = re.compile(r"[-+<>\d][\d.,:/ -]*")  # a number or a date


@dataclass(frozen=True, slots=True)
class Selection:
    """Which columns and classes a founder takes. ``only``: no others than these (empty: all).

    ``keep``: columns that are taken although they look like identifiers; the label, although it
    looks like a measured number or an identifier. ``keep_classes``: although they are rare. Of what
    fewer than ``min_rows`` rows hold, nothing leaves the machine. ``kind``: classification or
    regression, None: as the label looks. ``held_out``: the group's rule.
    """

    drop: Collection[str] = ()
    keep: Collection[str] = ()
    only: Collection[str] = ()
    keep_classes: Collection[str] = ()
    min_rows: int = MIN_ROWS
    kind: str | None = None
    held_out: HeldOutRule = UNSAID


ALL = Selection()


def derive_schema(
    path: Path | str, label: str, selection: Selection = ALL
) -> tuple[dict[str, Any], Report]:
    """The schema of a table, in the form that the task option ``schema`` takes; and the report.

    What the group sees of the file: column names, rounded means and scales, values and classes
    that ``selection.min_rows`` rows have. Raises TaskError with all that forbids it.
    """
    path = Path(path)
    report, schema = examine(path, label, selection)
    if report.errors or schema is None:
        raise TaskError(f"{path}: {'; '.join(report.errors)}")
    return schema.to_options(), report


def examine(path: Path, label: str, selection: Selection) -> tuple[Report, Schema | None]:
    """The report, and the schema unless that has errors.

    Raises TaskError for a file that can't be read, or has no such columns.
    """
    table = read_table(path)
    names = _chosen(table, label, selection)
    marks = [] if selection.held_out.column is None else [selection.held_out.column]
    columns, mark = columns_of(table, [label, *names, *marks], label)
    report = Report.of(table, mark, label)
    target = _check_label(columns[label], selection, report)
    taken = [_taken(columns[name], selection, report) for name in names]
    used = tuple(each for each in taken if each is not None)
    _check_identifiers(report, selection)
    if not used and not report.errors:
        report.errors.append(f"there is no column to learn from beside {label!r}")
    if report.errors:
        return report, None
    found = Schema(label, tuple(report.classes or ()), used, target)
    schema = Schema.from_options(found.to_options())
    if (size := len(pack(schema.to_options()))) > MAX_SCHEMA_BYTES:
        report.errors.append(
            f"the schema of its {len(used)} columns has {size} bytes, and a genesis takes"
            f" {MAX_SCHEMA_BYTES}: choose fewer with --columns or --drop"
        )
        return report, None
    report.tell_held_out(selection.held_out, schema, columns)
    return report, None if report.errors else schema


def _chosen(table: TextTable, label: str, selection: Selection) -> list[str]:
    marks = selection.held_out.column
    named = [label, *selection.drop, *selection.keep, *selection.only]
    for name in named if marks is None else [*named, marks]:
        if name not in table.columns:
            raise TaskError(f"{table.path} has no column {name!r}", _listed(list(table.columns)))
    for name in selection.drop:
        if name == label or name in selection.keep:
            raise TaskError(f"{table.path}: column {name!r} can't be both dropped and taken")
    selection.held_out.check_column(label, [*selection.keep, *selection.only])
    return [
        name
        for name in table.columns
        if name not in (label, marks) and name not in selection.drop
        if not selection.only or name in {*selection.only, *selection.keep}
    ]


def _listed(names: list[str]) -> str:
    """The header, unless it is a row: then it is nothing to be shown."""
    if any(_CELL.fullmatch(name) for name in names):
        return "its first line looks like a row: put a header line in front"
    return f"it has {', '.join(names[:_SHOWN_NAMES])}{' …' if names[_SHOWN_NAMES:] else ''}"


def _taken(
    column: Column, selection: Selection, report: Report
) -> NumberColumn | CategoryColumn | None:
    """The schema's column, None where there is none to learn from; its line goes to ``report``."""
    kind, why = kind_of(column)
    doubt = suspicion(column, number=kind == "number")
    found: NumberColumn | CategoryColumn | None = None
    if kind == "number" and column.present < selection.min_rows:
        why = f"fewer than {selection.min_rows} numbers: left out, they would tell of single rows"
        report.warnings.append(f"column {column.name!r} has {why}")
    elif kind == "number":
        found = NumberColumn(column.name, *rounded_scaling(column))
        if doubt is None and column.odd.any():
            report.warnings.append(f"column {column.name!r}: {why}")
    elif kind == "category":
        found, hidden = _category_column(column, selection.min_rows)
        why = f"{why}; named are {len(found.values)} values of {selection.min_rows} rows and more"
        why += f", {hidden} more share hash buckets" if hidden else ""
    else:
        report.warnings.append(f"column {column.name!r} is empty: left out")
    if doubt is not None:
        mixed = kind == "category" and not mostly_text(column)
        doubt += f"; {no_numbers(column)}, and so it is text" if mixed and column.odd.any() else ""
        why = f"{'kept, although ' if column.name in selection.keep else ''}{doubt}"
    report.columns.append(line(column, kind, why, identifier=doubt is not None))
    return found


def _category_column(column: Column, min_rows: int) -> tuple[CategoryColumn, int]:
    """And how many values it does not name."""
    present = np.flatnonzero(~column.missing)
    told = [
        (-int(column.counts[at]), column.values[int(at)].as_py())
        for at in present
        if column.counts[at] >= min_rows
    ]
    values = sorted(value for _, value in sorted(told)[: min(DEFAULT_CATEGORIES, MAX_CATEGORIES)])
    return CategoryColumn(column.name, tuple(values), DEFAULT_BUCKETS), len(present) - len(values)


def _check_label(label: Column, selection: Selection, report: Report) -> Target | None:
    """The scaling of a number that is predicted; None for classes, and where there are errors."""
    kept = label.name in selection.keep
    kind, why = kind_of_label(label, selection.kind, kept=kept)
    report.tell_label(label, kind, why)
    doubt = None if kept else _label_doubt(label, kind, selection)
    if kind == CLASSIFICATION:
        if doubt is None:
            report.errors += class_errors(label, selection.min_rows, selection.keep_classes)
            return None
        report.classes = {}
        report.errors.append(
            f"label column {label.name!r} looks like an identifier ({doubt}), and the whole group"
            f" would read its classes: choose another label, or say --keep {label.name}"
        )
        return None
    measured = as_measured(label)
    errors = measurement_errors(measured, selection.min_rows, selection.keep_classes)
    if doubt is not None:
        errors.append(
            f"label column {label.name!r} looks like an identifier ({doubt}): choose another label,"
            f" or say --kind {REGRESSION} --keep {shlex.quote(label.name)} if it is a measurement"
        )
    report.errors += errors
    if errors:
        return None
    target = Target(*rounded_scaling(measured))
    report.tell_target(label, target)
    return target


def _label_doubt(label: Column, kind: str, selection: Selection) -> str | None:
    """Why it looks like an identifier. Who says that it is a measurement knows what is in it."""
    if kind == selection.kind == REGRESSION:
        return name_suspicion(as_measured(label), number=True)
    return suspicion(label, number=kind == REGRESSION or label.numeric)


def _check_identifiers(report: Report, selection: Selection) -> None:
    doubted = [
        each for each in report.columns if each.identifier and each.name not in selection.keep
    ]
    if doubted:
        listed = ", ".join(f"{each.name!r} ({each.why})" for each in doubted)
        drops = " ".join(f"--drop {shlex.quote(each.name)}" for each in doubted)
        report.errors.append(
            f"columns that look like identifiers, which a genesis must not tell of: {listed}; say"
            f" {drops}, or --keep NAME for one that is none"
        )
