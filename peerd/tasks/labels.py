"""The label column: what is predicted of it, and what of it may leave the machine."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from peerd.tasks.columns import Column, as_measured
from peerd.tasks.schema import CLASSIFICATION, MAX_CLASSES, REGRESSION
from peerd.tasks.targets import mostly_text, text_error

_TINY_ROWS = 50
_LISTED = 10
# More different numbers than these are measured and no classes.
_MAX_NUMBERS, _MAX_FRACTIONS = 20, 10


def kind_of_label(label: Column, asked: str | None, *, kept: bool) -> tuple[str, str]:
    """What is predicted, and why in a person's words. ``asked``: what somebody wants; ``kept``:
    the numbers are codes, as ``--keep`` says.
    """
    measured = as_measured(label)
    numbers = len(np.unique(measured.numbers[~np.isnan(measured.numbers)]))
    if asked is not None:
        return asked, f"as --kind {asked} says"
    if kept and numbers:
        return CLASSIFICATION, f"{numbers} different numbers, which --keep says are codes"
    if measured.numeric and many_numbers(measured):
        why = f"{numbers} different numbers; --kind {CLASSIFICATION} takes each for a class"
        return REGRESSION, why
    if measured.numeric:
        why = f"only {numbers} different numbers; --kind {REGRESSION} predicts the number"
        return CLASSIFICATION, why
    return CLASSIFICATION, "text or codes"


def many_numbers(label: Column) -> bool:
    """Whether there are more different ones than classes have."""
    numbers = np.unique(label.numbers[~np.isnan(label.numbers)])
    fractions = bool((numbers != np.floor(numbers)).any())
    return len(numbers) > (_MAX_FRACTIONS if fractions else _MAX_NUMBERS)


def class_counts(label: Column) -> dict[str, int]:
    """Rows of each class, sorted by name."""
    present = np.flatnonzero(~label.missing)
    found = {label.values[int(each)].as_py(): int(label.counts[each]) for each in present}
    return dict(sorted(found.items()))


def class_errors(label: Column, min_rows: int, kept: Collection[str]) -> list[str]:
    """Why a group can't learn these classes, or must not be told of them."""
    counts = class_counts(label)
    measured = as_measured(label)
    number = ""
    if many_numbers(measured) and not mostly_text(measured):
        number = f"; or say --kind {REGRESSION}, if it is a measurement"
    if not 2 <= len(counts) <= MAX_CLASSES:
        return [
            f"label column {label.name!r} has {len(counts)} different values;"
            f" 2…{MAX_CLASSES} can be learnt{number}"
        ]
    found = [
        f"--keep-class {name}: {label.name!r} has no such class"
        for name in kept
        if name not in counts
    ]
    rare = [name for name, rows in counts.items() if rows < min_rows and name not in kept]
    if not rare:
        return found
    shown = ", ".join(f"{name!r} ({counts[name]} rows)" for name in rare[:_LISTED])
    more = f" and {len(rare) - _LISTED} more" if rare[_LISTED:] else ""
    return [
        f"{len(rare)} classes of {label.name!r} have fewer than {min_rows} rows, and the whole"
        f" group would read their names: {shown}{more}; say --keep-class NAME for each that may be"
        f" told, empty the label of its rows, or set --min-rows{number}",
        *found,
    ]


def measurement_errors(measured: Column, min_rows: int, kept: Collection[str]) -> list[str]:
    """Why a group can't learn to predict these numbers, or must not be told of them."""
    numbers = ~np.isnan(measured.numbers)
    rows = int(measured.counts[numbers].sum())
    if kept:
        return [
            f"--keep-class {next(iter(kept))}: {measured.name!r} is predicted as a number, and has"
            f" no classes; say --kind {CLASSIFICATION} if it should"
        ]
    if measured.present and mostly_text(measured):
        return [
            f"{text_error(measured)}: write numbers there, or say --kind {CLASSIFICATION}, for"
            " classes"
        ]
    if rows < min_rows:
        return [
            f"label column {measured.name!r} has {rows} numbers, and a mean and a scale of fewer"
            f" than {min_rows} would tell of single rows: add rows, or set --min-rows"
        ]
    if len(np.unique(measured.numbers[numbers])) < 2:
        return [
            f"label column {measured.name!r} is one number in all rows: there is nothing to learn"
        ]
    return []


def label_warnings(label: Column, kind: str) -> list[str]:
    """What a data manager should know of the rows; of ``as_measured`` where numbers are learnt."""
    found = []
    if missing := len(label.codes) - label.present:
        found.append(f"{missing} rows have no {label.name}: they are left out of training")
    if kind == CLASSIFICATION and (alike := _written_alike(label)):
        found.append(
            f"{alike} classes of {label.name} differ from another in capitals, or in how a number"
            " is written, alone: if they are one, write them as one"
        )
    rows = label.present
    if kind == REGRESSION and (odd := int(label.counts[label.odd].sum())):
        forms = label.odd_forms()
        such = f", such as {forms}" if forms else ""
        found.append(
            f"{odd} rows have a {label.name} that is no number{such}: they are left out of training"
        )
        rows -= odd
    if rows < _TINY_ROWS:
        found.append(
            f"only {rows} rows have a {label.name}: what this site contributes tells much about"
            " each of them"
        )
    return found


def _written_alike(label: Column) -> int:
    """How many values a person may take for another one: False and false, 1 and 1.0."""
    texts = label.texts(~label.missing & np.isnan(label.numbers))
    numbers = label.numbers[~label.missing & ~np.isnan(label.numbers)]
    alike = len(texts) - len({text.casefold() for text in texts})
    return alike + len(numbers) - len(np.unique(numbers))
