"""Weights of classes in the loss, for labels of which one is rare: the group's, in its genesis."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from peerd.decimals import kept
from peerd.errors import TaskError
from peerd.tasks.schema import Schema

OPTION, BALANCED = "class_weights", "balanced"
MAX_WEIGHT = 1e6


def balanced_weights(counts: Mapping[str, int], min_rows: int) -> dict[str, Any]:
    """n / (classes · rows of the class), as a genesis holds it: each class weighs the same in all.

    Two digits, and a class of fewer than ``min_rows`` rows is taken for one of so many: a weight
    tells how frequent a class is, and not of how many rows.
    """
    rows = {name: max(count, min_rows) for name, count in counts.items()}
    total = sum(rows.values())
    return {name: kept(f"{_rounded(total / (len(rows) * count))}") for name, count in rows.items()}


def _rounded(weight: float) -> str:
    digits = max(0, 1 - math.floor(math.log10(weight)))
    return f"{float(f'{weight:.1e}'):.{digits}f}"


def class_weights(schema: Schema, option: object) -> list[float] | None:
    """The weights in the order of the schema's classes; None for all alike. Raises TaskError."""
    if option is None:
        return None
    if schema.target is not None:
        raise TaskError(
            f"table: {OPTION}: {schema.label!r} is predicted as a number, by regression, and has no"
            " classes",
            f"leave {OPTION} out",
        )
    if option == BALANCED:
        raise TaskError(
            f"table: {OPTION} = {BALANCED!r} stands for numbers, which are not computed yet",
            f"'peerd group new --data FILE --label COLUMN --task-option {OPTION}={BALANCED}' does",
        )
    if not isinstance(option, dict) or set(option) != set(schema.classes):
        raise TaskError(
            f"table: {OPTION} must be {BALANCED}, or give each of the {len(schema.classes)} classes"
            " a number",
            f'{OPTION}=@FILE takes them from JSON, such as {{"yes": 2.5, "no": 1}}',
        )
    return [_weight(name, option[name]) for name in schema.classes]


def _weight(name: str, value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= MAX_WEIGHT:
        return float(value)
    raise TaskError(
        f"table: {OPTION}: the weight of class {name!r} must be a number above 0, and at most"
        f" {MAX_WEIGHT:.0f}"
    )
