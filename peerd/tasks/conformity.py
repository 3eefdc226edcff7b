"""Whether a site's table fits the schema of its group."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from peerd.tasks.columns import Column, as_measured, columns_of
from peerd.tasks.held_out import UNSAID, HeldOutRule
from peerd.tasks.identifiers import suspicion
from peerd.tasks.reading import read_table
from peerd.tasks.report import ColumnReport, Report, line, odd_cells
from peerd.tasks.schema import (
    CLASSIFICATION,
    REGRESSION,
    CategoryColumn,
    NumberColumn,
    Schema,
    Target,
)
from peerd.tasks.targets import MAX_DEVIATION, deviations, mostly_text, text_error

_LISTED = 10
_MUCH = 0.1  # this share of cells beyond the schema is more than chance


def compare(path: Path, schema: Schema, rule: HeldOutRule = UNSAID) -> Report:
    """``rule``: which rows the group holds out. Raises TaskError for a file that can't be read."""
    table = read_table(path)
    wanted = [schema.label, *(each.name for each in schema.columns)]
    wanted += [] if rule.column is None else [rule.column]
    absent = [name for name in wanted if name not in table.columns]
    columns, mark = columns_of(table, [name for name in wanted if name not in absent], schema.label)
    report = Report.of(table, mark, schema.label)
    if absent:
        listed = ", ".join(map(repr, absent))
        report.errors.append(f"columns that the group needs are not in this file: {listed}")
    if schema.label in columns:
        _check_label(columns[schema.label], schema, report)
    for each in schema.columns:
        if each.name in columns:
            report.columns.append(_line(columns[each.name], each, report))
    if not report.errors:
        report.tell_held_out(rule, schema, columns)
    return report


def fit(columns: Mapping[str, Column], schema: Schema) -> tuple[list[str], list[str]]:
    """Errors and warnings on the columns that are learnt from."""
    report = Report({}, 0, schema.label)
    for each in schema.columns:
        _line(columns[each.name], each, report)
    return report.errors, report.warnings


def _check_label(label: Column, schema: Schema, report: Report) -> None:
    kind = CLASSIFICATION if schema.target is None else REGRESSION
    report.tell_label(label, kind, "as the group's schema says")
    if schema.target is None:
        _check_classes(label, schema.classes, report)
    else:
        _check_numbers(label, schema.target, report)


def _check_numbers(label: Column, target: Target, report: Report) -> None:
    measured = as_measured(label)
    if mostly_text(measured):
        report.errors.append(f"{text_error(measured)}: write numbers there, or nothing")
        return
    report.tell_target(label, target)
    if len(np.unique(measured.numbers[~np.isnan(measured.numbers)])) == 1:
        report.warnings.append(f"{label.name} is one number in all rows: look at its column")


def _check_classes(label: Column, classes: tuple[str, ...], report: Report) -> None:
    known, counts = set(classes), report.classes or {}
    strange = {name: rows for name, rows in counts.items() if name not in known}
    if strange:
        rows = sum(strange.values())
        row = label.first_row(np.array([each in strange for each in label.values.to_pylist()]))
        report.errors.append(
            f"{rows} rows, row {row} first, have a {label.name} that is none of the group's"
            f" {len(known)} classes, {', '.join(map(repr, classes[:_LISTED]))}"
            f"{' …' if classes[_LISTED:] else ''}: write those, or empty the label"
        )
    report.classes = {name: counts.get(name, 0) for name in classes}
    if sum(rows > 0 for rows in report.classes.values()) == 1:
        report.warnings.append("all rows are of one class: this site's updates say nothing else")


def _line(column: Column, described: NumberColumn | CategoryColumn, report: Report) -> ColumnReport:
    if isinstance(described, NumberColumn):
        return _number_line(column, described, report)
    return _category_line(column, described, report)


def _number_line(column: Column, described: NumberColumn, report: Report) -> ColumnReport:
    odd = int(column.counts[column.odd].sum())
    why = odd_cells(column) if odd else "a number in the group's schema"
    if column.too_odd:
        why = f"a number in the group's schema, and {odd} of {column.present} cells are none"
        report.errors.append(
            f"column {column.name!r} is {why} (row {column.first_row(column.odd)} first): write"
            " numbers there, or nothing"
        )
    elif odd:
        report.warnings.append(f"column {column.name!r}: {why}")
    beyond = np.abs(np.nan_to_num(deviations(described, column))) > MAX_DEVIATION
    clipped = int(column.counts[beyond].sum())
    if clipped > _MUCH * column.present:
        report.warnings.append(
            f"column {column.name!r}: {clipped} of {column.present} numbers are beyond the group's"
            " range and are cut: look at its unit"
        )
    found = line(column, "number", why, suspicion(column, number=True) is not None)
    return replace(found, unknown=0, clipped=clipped)


def _category_line(column: Column, described: CategoryColumn, report: Report) -> ColumnReport:
    known = set(described.values)
    strange = np.array([text not in known for text in column.values.to_pylist()], dtype=np.bool_)
    unknown = int(column.counts[strange & ~column.missing].sum())
    if known and column.present and unknown == column.present:
        report.warnings.append(
            f"column {column.name!r}: none of its values is one of the group's: look at its codes"
        )
    elif unknown > _MUCH * column.present:
        report.warnings.append(
            f"column {column.name!r}: {unknown} of {column.present} cells hold values that the"
            " group's schema does not name: they share hash buckets"
        )
    why = f"a category of {len(known)} known values in the group's schema"
    found = line(column, "category", why, suspicion(column, number=False) is not None)
    return replace(found, unknown=unknown, clipped=0)
