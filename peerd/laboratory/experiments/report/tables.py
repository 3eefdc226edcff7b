"""Tables of an experiment, as HTML and as Markdown from the same rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

from peerd.cli.output import decimal
from peerd.laboratory.experiments.report.groups import (
    CellResult,
    Spread,
    attack_label,
    in_order,
    is_clear,
    rule_label,
    select,
)

Value = Callable[[CellResult], "float | None"]
Rows = list[list[str]]


def rule_by_attack(cells: Sequence[CellResult], value: Value, *, exact: bool = False) -> Rows:
    """A row a rule, a column an attack: the mean over seeds in percent, with the range beside it.

    The first row is the header. ``exact``: without the range.
    """
    attacks = in_order(cells, attack_label)
    rows = [["rule", *attacks]]
    for rule in in_order(cells, rule_label):
        entries = [select(cells, rule, attack) for attack in attacks]
        rows.append([rule, *(_entry(entry, value, exact) for entry in entries)])
    return rows


def clear_rules(cells: Sequence[CellResult]) -> set[str]:
    """The labels of the rules in floats, for which everybody shows everybody the update."""
    return {rule_label(cell) for cell in cells if is_clear(cell)}


def _entry(cells: Sequence[CellResult], value: Value, exact: bool) -> str:
    values = [each for cell in cells if (each := value(cell)) is not None]
    if not values:
        return "–"
    spread = Spread.of(values)
    mark = "†" if any(cell["diverged"] is not None for cell in cells) else ""
    mean, low, high = map(_shown, (spread.mean, spread.low, spread.high))
    if exact or spread.count == 1:
        return f"{mean}{mark}"
    return f"{mean}{mark} ({low}–{high})"


def _shown(value: float) -> str:
    """A share in percent; a task's own metric may be another number."""
    return f"{100 * value:.1f}" if 0 <= value <= 1 else decimal(value)


def as_html(rows: Rows, muted: set[str]) -> str:
    """``muted``: rules in the clear, set in italics."""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in rows[0])
    lines = [f"<table><thead><tr>{head}</tr></thead><tbody>"]
    for row in rows[1:]:
        kind = ' class="clear"' if row[0] in muted else ""
        cells = "".join(f"<td>{escape(cell)}</td>" for cell in row[1:])
        lines.append(f"<tr{kind}><th>{escape(row[0])}</th>{cells}</tr>")
    return "\n".join([*lines, "</tbody></table>"])


def as_markdown(rows: Rows) -> str:
    """A table for a document, columns padded."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])
