"""What a founder's table gives: a schema that tells of no single row, or why there is none."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from peerd.errors import TaskError
from peerd.tasks.columns import Column, columns_of
from peerd.tasks.identifiers import suspicion
from peerd.tasks.labels import is_continuous, label_errors
from peerd.tasks.reading import TextTable, read_table
from peerd.tasks.report import Report, kind_of, line
from peerd.tasks.schema import MAX_CATEGORIES, CategoryColumn, NumberColumn, Schema
from protocols.wire.canonical import pack

MIN_ROWS = 10
DEFAULT_CATEGORIES = 32
DEFAULT_BUCKETS = 4
MAX_SCHEMA_BYTES = 1_000_000  # a genesis takes 2^20 bytes of options
_SCALE_DIGITS = 3
_SHOWN_NAMES = 40
_CELL = re.compile(r"[-+<>\d][\d.,:/ -]*")  # a number or a date


@dataclass(frozen=True, slots=True)
class Selection:
    """Which columns and classes a founder takes. ``only``: no others than these (empty: all).

    ``keep``: columns that are taken although they look like identifiers; the label, although it
    looks like a measured number. ``keep_classes``: although they are rare. Of what fewer than
    ``min_rows`` rows hold, nothing leaves the machine.
    """

    drop: Collection[str] = ()
    keep: Collection[str] = ()
    only: Collection[str] = ()
    keep_classes: Collection[str] = ()
    min_rows: int = MIN_ROWS


ALL = Selection()


def derive_schema(
    path: Path | str, label: str, selection: Selection = ALL
) -> tuple[dict[str, Any], list[str]]:
    """The schema of a table, in the form that the task option ``schema`` takes; and warnings.

    What the group sees of the file: column names, rounded means and scales, values and classes
    that ``selection.min_rows`` rows have. Raises TaskError with all that forbids it.
    """
    path = Path(path)
    report, schema = examine(path, label, selection)
    if report.errors or schema is None:
        raise TaskError(f"{path}: {'; '.join(report.errors)}")
    return schema.to_options(), report.warnings


def examine(path: Path, label: str, selection: Selection) -> tuple[Report, Schema | None]:
    """The report, and the schema unless that has errors.

    Raises TaskError for a file that can't be read, or has no such columns.
    """
    table = read_table(path)
    names = _chosen(table, label, selection)
    columns, mark = columns_of(table, [label, *names], label)
    report = Report.of(table, mark, label, columns[label])
    taken = [_taken(columns[name], selection, report) for name in names]
    used = tuple(each for each in taken if each is not None)
    _check_label(columns[label], selection, report)
    _check_identifiers(report, selection)
    if not used and not report.errors:
        report.errors.append(f"there is no column to learn from beside {label!r}")
    if report.errors:
        return report, None
    schema = Schema.from_options(Schema(label, tuple(report.classes), used).to_options())
    if (size := len(pack(schema.to_options()))) > MAX_SCHEMA_BYTES:
        report.errors.append(
            f"the schema of its {len(used)} columns has {size} bytes, and a genesis takes"
            f" {MAX_SCHEMA_BYTES}: choose fewer with --columns or --drop"
        )
        return report, None
    return report, schema


def _chosen(table: TextTable, label: str, selection: Selection) -> list[str]:
    named = (label, *selection.drop, *selection.keep, *selection.only)
    for name in named:
        if name not in table.columns:
            raise TaskError(f"{table.path} has no column {name!r}", _listed(list(table.columns)))
    for name in selection.drop:
        if name == label or name in selection.keep:
            raise TaskError(f"{table.path}: column {name!r} can't be both dropped and taken")
    return [
        name
        for name in table.columns
        if name != label and name not in selection.drop
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
        found = _number_column(column)
        if doubt is None and column.odd.any():
            report.warnings.append(f"column {column.name!r}: {why}")
    elif kind == "category":
        found, hidden = _category_column(column, selection.min_rows)
        why = f"{why}; named are {len(found.values)} values of {selection.min_rows} rows and more"
        why += f", {hidden} more share hash buckets" if hidden else ""
    else:
        report.warnings.append(f"column {column.name!r} is empty: left out")
    if doubt is not None:
        why = f"{'kept, although ' if column.name in selection.keep else ''}{doubt}"
    report.columns.append(line(column, kind, why, identifier=doubt is not None))
    return found


def _number_column(column: Column) -> NumberColumn:
    """Mean and scale to three digits of the scale: more would be the rows', and trains no better.

    They are computed on numbers in −1…1, since the square of a large one is no float.
    """
    used = ~np.isnan(column.numbers)
    numbers, counts = column.numbers[used], column.counts[used]
    unit = float(np.abs(numbers).max()) or 1.0
    shares = numbers / unit
    mean = float(np.average(shares, weights=counts))
    scale = math.sqrt(float(np.average((shares - mean) ** 2, weights=counts))) * unit
    mean *= unit
    if not scale > abs(mean) * 1e-12:
        return NumberColumn(column.name, float(f"{mean:.{_SCALE_DIGITS - 1}e}"), 1.0)
    digits = _SCALE_DIGITS - 1 - math.floor(math.log10(scale))
    return NumberColumn(column.name, round(mean, digits) + 0.0, round(scale, digits))


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


def _check_label(label: Column, selection: Selection, report: Report) -> None:
    kept = label.name in selection.keep
    if is_continuous(label) and not kept:
        report.errors.append(
            f"label column {label.name!r} holds {label.distinct} different numbers: that is a"
            " measurement, to be predicted by regression, which the task table can't do; make"
            f" classes of it (such as low and high), or say --keep {label.name} if they are codes"
        )
    elif (doubt := suspicion(label, number=label.numeric)) is not None and not kept:
        report.classes = {}
        report.errors.append(
            f"label column {label.name!r} looks like an identifier ({doubt}), and the whole group"
            f" would read its classes: choose another label, or say --keep {label.name}"
        )
    else:
        report.errors += label_errors(label, selection.min_rows, selection.keep_classes)
        for name in selection.keep_classes:
            if name not in report.classes:
                report.errors.append(f"--keep-class {name}: {label.name!r} has no such class")


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
