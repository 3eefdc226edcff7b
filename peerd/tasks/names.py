"""The tasks that ship, by the short names that a command, a genesis and an experiment take.

Nothing is imported here: a command line that only lists them loads no task.
"""

from __future__ import annotations

SHIPPED = {
    "digits": "peerd.tasks.digits:Digits",
    "table": "peerd.tasks.table:Table",
    "images": "peerd.tasks.images:Images",
    "cifar": "peerd.tasks.cifar:Cifar",
}


def is_shipped(task: str) -> bool:
    """Whether this is one of them, by its short or its full name."""
    return task in SHIPPED or task in SHIPPED.values()
