"""What may go wrong in a run: each operation is one fault, by name and numbers, on one line.

``lie 3 HighDegree; crash 0 17 1 300``: a seed expands to such a list (``dice``), a list is replayed
from its text, and shrinking takes operations away. Each has its own randomness, so that the others
do the same without it. Times are virtual milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields

from peerd.laboratory.simulation.operations.liars import (
    LIARS,
    Choosy,
    Fickle,
    Lie,
    Ring,
    Rush,
    Silent,
)
from peerd.laboratory.simulation.operations.machines import (
    Crash,
    Disk,
    Freeze,
    Outage,
    Pace,
    Power,
    Restore,
    Rollback,
)
from peerd.laboratory.simulation.operations.network import (
    Cut,
    Drop,
    Late,
    Lose,
    Repeat,
    Slow,
    Twice,
)
from peerd.laboratory.simulation.operations.operation import Operation, OperationError
from peerd.laboratory.simulation.operations.operators import Handover, Rest
from peerd.laboratory.simulation.operations.times import Pause, Rhythm, Skew

KINDS: dict[str, type[Operation]] = {
    kind.name: kind
    for kind in (
        Lie, Silent, Rush, Choosy, Fickle, Slow, Late, Repeat, Twice, Lose, Drop, Cut, Crash, Disk,
        Power, Outage, Freeze, Pace, Restore, Ring, Rollback, Rest, Handover, Rhythm, Skew, Pause,
    )
}  # fmt: skip
__all__ = [
    "KINDS", "LIARS", "Choosy", "Crash", "Cut", "Disk", "Drop", "Fickle", "Freeze", "Handover",
    "Late", "Lie", "Lose", "Operation", "OperationError", "Outage", "Pace", "Pause", "Power",
    "Repeat", "Rest", "Restore", "Rhythm", "Ring", "Rollback", "Rush", "Silent", "Skew", "Slow",
    "Twice", "parse", "render",
]  # fmt: skip


def parse(text: str) -> list[Operation]:
    """The operations of ``;``-separated text. Raises OperationError, naming the first bad one."""
    return [_parse_one(part) for part in text.split(";") if part.strip()]


def _parse_one(text: str) -> Operation:
    name, *words = text.split()
    if name not in KINDS:
        raise OperationError(f"{name!r} is no operation; there are {', '.join(KINDS)}")
    wanted = fields(KINDS[name])
    if len(words) != len(wanted):
        what = " ".join(item.name.upper() for item in wanted)
        raise OperationError(f"{text.strip()!r}: {name} takes {what}")
    try:
        values = [_value(str(item.type), word) for item, word in zip(wanted, words, strict=True)]
    except ValueError:
        raise OperationError(f"{text.strip()!r}: its arguments are whole numbers") from None
    operation = KINDS[name](*values)
    if isinstance(operation, Lie) and operation.kind not in LIARS:
        raise OperationError(f"{operation.kind!r} is no lie; there are {', '.join(LIARS)}")
    return operation


def _value(kind: str, word: str) -> int | str | tuple[int, ...]:
    if kind == "str":
        return word
    return int(word) if kind == "int" else tuple(int(part) for part in word.split(","))


def render(operations: Iterable[Operation]) -> str:
    return "; ".join(map(str, operations))
