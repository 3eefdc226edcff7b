"""What a live view shows, as values: a few lines, a table, and what is left out of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

BARS = "▁▂▃▄▅▆▇█"
MISSING = "·"


class Weight(IntEnum):
    """How much a row or a line matters; where there is no room the least are left out."""

    CALM = 0
    NOTED = 1
    AWAITED = 2
    BAD = 3


@dataclass(frozen=True, slots=True)
class Row:
    cells: tuple[str, ...]
    weight: Weight = Weight.CALM


@dataclass(frozen=True, slots=True)
class Line:
    text: str
    weight: Weight = Weight.CALM


@dataclass(frozen=True, slots=True)
class Picture:
    """``header`` and each row's cells are as long. ``what`` the rows are, in the plural."""

    title: str
    lines: tuple[Line, ...]
    header: tuple[str, ...]
    rows: tuple[Row, ...]
    what: str = "members"


def fitting(rows: Sequence[Row], room: int, what: str) -> tuple[list[Row], str]:
    """The rows for so many lines, in their order, and what is said of those left out, which takes
    a line of its own; empty where they all fit.
    """
    if len(rows) <= room:
        return list(rows), ""
    kept = max(0, room - 1)
    ranked = sorted(range(len(rows)), key=lambda index: (-rows[index].weight, index))[:kept]
    left = [row for index, row in enumerate(rows) if index not in set(ranked)]
    noted = sum(row.weight > Weight.CALM for row in left)
    some = f", {noted} of them with something to tell" if noted else ""
    return [rows[index] for index in sorted(ranked)], f"… and {len(left)} more {what}{some}"


def sparkline(values: Sequence[float | None], width: int) -> str:
    """The last ``width`` values as bars between the lowest and the highest of them."""
    shown = list(values)[-width:]
    known = [value for value in shown if value is not None]
    if not known:
        return ""
    low, span = min(known), max(known) - min(known)
    top = len(BARS) - 1
    return "".join(
        MISSING if value is None else BARS[round(top * (value - low) / span) if span else top // 2]
        for value in shown
    )
