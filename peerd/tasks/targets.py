"""From the label column to what a model learns: classes, or scaled numbers."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from peerd.errors import TaskError
from peerd.tasks.columns import Column, as_measured
from peerd.tasks.schema import NumberColumn, Schema, Target

# A number further out than this many scales is cut: one typing error must not own the gradient.
MAX_DEVIATION = 8.0
# A label is cut in training only; in evaluation so far out that its square is a float32.
_MAX_FLOAT = 1e15

Targets: TypeAlias = "NDArray[np.int64] | NDArray[np.float32]"


def deviations(scaling: NumberColumn | Target, found: Column) -> NDArray[np.float64]:
    """How many scales each distinct value is from the mean; NaN for what is no number."""
    with np.errstate(over="ignore"):
        return (found.numbers - scaling.mean) / scaling.scale


def targets_of(schema: Schema, label: Column, path: Path) -> tuple[Targets, NDArray[np.bool_]]:
    """The target of each row, and which rows have one. Raises TaskError."""
    if not len(label.values):
        raise TaskError(f"{path} has a header and no rows", "add rows")
    if schema.target is None:
        return _classes(schema, label, path)
    measured = as_measured(label)
    if mostly_text(measured):
        raise TaskError(f"{path}: {text_error(measured)}", "write numbers there, or nothing")
    scaled = np.clip(deviations(schema.target, measured), -_MAX_FLOAT, _MAX_FLOAT)
    targets = scaled[measured.codes].astype(np.float32)
    return targets, ~np.isnan(targets)


def has_target(schema: Schema, label: Column) -> NDArray[np.bool_]:
    """Which rows of a file that fits have one."""
    known = ~label.missing if schema.target is None else ~np.isnan(as_measured(label).numbers)
    found: NDArray[np.bool_] = known[label.codes]
    return found


def mostly_text(measured: Column) -> bool:
    """Whether a label that should be a number is none in most cells: fewer are left out."""
    return 2 * int(measured.counts[measured.odd].sum()) > measured.present


def text_error(measured: Column) -> str:
    """What is wrong with such a label."""
    odd = int(measured.counts[measured.odd].sum())
    row = measured.first_row(measured.odd)
    return (
        f"label column {measured.name!r} is to be predicted as a number, by regression, and"
        f" {odd} of {measured.present} cells, row {row} first, are none"
    )


def _classes(
    schema: Schema, label: Column, path: Path
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    known = {name: index for index, name in enumerate(schema.classes)}
    of_value = np.array([known.get(text, -1) for text in label.values.to_pylist()], dtype=np.int64)
    if (strange := (of_value < 0) & ~label.missing).any():
        rows = int(label.counts[strange].sum())
        raise TaskError(
            f"{path} row {label.first_row(strange)}: {schema.label} is none of the group's"
            f" {len(known)} classes, nor in {rows} of {len(label.codes)} rows",
            f"the classes are {', '.join(schema.classes[:10])}{' …' if len(known) > 10 else ''};"
            " a row that has none of them must be left out, or its label empty",
        )
    targets = of_value[label.codes]
    return targets, targets >= 0
