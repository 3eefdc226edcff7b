"""The label column: which classes can be learnt, and which may leave the machine."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from peerd.tasks.columns import Column
from peerd.tasks.schema import MAX_CLASSES

_TINY_ROWS = 50
_LISTED = 10
# More different numbers than these are measured and no classes.
_MAX_NUMBERS, _MAX_FRACTIONS = 20, 10


def class_counts(label: Column) -> dict[str, int]:
    """Rows of each class, sorted by name."""
    present = np.flatnonzero(~label.missing)
    found = {label.values[int(each)].as_py(): int(label.counts[each]) for each in present}
    return dict(sorted(found.items()))


def is_continuous(label: Column) -> bool:
    """Whether the labels are measured numbers, and no classes."""
    if not label.numeric:
        return False
    numbers = np.unique(label.numbers[~np.isnan(label.numbers)])
    fractions = bool((numbers != np.floor(numbers)).any())
    return len(numbers) > (_MAX_FRACTIONS if fractions else _MAX_NUMBERS)


def label_errors(label: Column, min_rows: int, kept: Collection[str]) -> list[str]:
    """Why a group can't learn these classes, or must not be told of them."""
    counts = class_counts(label)
    if not 2 <= len(counts) <= MAX_CLASSES:
        return [
            f"label column {label.name!r} has {len(counts)} different values;"
            f" 2…{MAX_CLASSES} can be learnt"
        ]
    rare = [name for name, rows in counts.items() if rows < min_rows and name not in kept]
    if not rare:
        return []
    shown = ", ".join(f"{name!r} ({counts[name]} rows)" for name in rare[:_LISTED])
    more = f" and {len(rare) - _LISTED} more" if rare[_LISTED:] else ""
    return [
        f"{len(rare)} classes of {label.name!r} have fewer than {min_rows} rows, and the whole"
        f" group would read their names: {shown}{more}; say --keep-class NAME for each that may be"
        " told, empty the label of its rows, or set --min-rows"
    ]


def label_warnings(label: Column) -> list[str]:
    """What a data manager should know of the rows."""
    found = []
    empty, rows = len(label.codes) - label.present, label.present
    if empty:
        found.append(f"{empty} rows have no {label.name}: they are left out of training")
    if rows < _TINY_ROWS:
        found.append(
            f"only {rows} rows have a {label.name}: what this site contributes tells much about"
            " each of them"
        )
    return found
