"""Metric and loss on the held-out samples: for display alone, so nothing here may fail (worker).

Whatever the task's code gives or raises, SystemExit too, makes a number unknown and is a warning.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol

import torch

from peerd.learning.answers import described, number, tell
from peerd.learning.streams import Rows
from peerd.learning.tally import Tally
from peerd.learning.task import Samples, Task
from peerd.learning.trained import Evaluation

# Rows of the held-out set that are evaluated at once: bounds the activations in memory.
EVALUATION_ROWS = 4096
MAX_NAME = 40  # characters of a metric's


class Measured(Protocol):
    """What is evaluated: a client, of its task."""

    task: Task
    module: torch.nn.Module

    def placed(self, batch: Samples) -> Samples: ...


def evaluate(
    client: Measured, held_out: Callable[[], Rows], tally: Tally, *, quoting: bool = False
) -> Evaluation:
    """The means over all rows of ``held_out()``. ``quoting``: as ``described`` takes it. ``tally``
    is filled along with it.
    """
    task, module = client.task, client.module
    accuracy, loss = _Mean("accuracy", "metric()", quoting), _Mean("loss", "loss()", quoting)
    named = _Named(task, quoting)
    doing = "held_out()"
    try:
        rows = held_out().chunks(EVALUATION_ROWS)
        module.eval()
        with torch.no_grad():
            while (chunk := next(rows, None)) is not None:
                doing = "the model"
                batch = client.placed(chunk)
                targets, outputs = batch.targets, module(batch.inputs)
                if task.has_metric:
                    accuracy.add(partial(task.metric, outputs, targets), len(batch))
                loss.add(partial(task.loss, outputs, targets), len(batch))
                named.add(outputs, targets)
                tally.add(task, outputs, targets)
                doing = "held_out()"
    except BaseException as error:
        tell(error)
        tally.rows = 0  # not all of them were seen
        why = f"accuracy and loss are unknown: {doing} failed: {described(error, quoting=quoting)}"
        return Evaluation(None, None, (why,))
    metrics, troubles = named.values()
    warnings = (*(each.trouble for each in (accuracy, loss) if each.trouble), *troubles)
    right = accuracy.value() if task.has_metric else None
    return Evaluation(right, loss.value(), warnings, metrics)


class _Mean:
    """A weighted mean of what a task's method gives; unknown from the first trouble on."""

    def __init__(self, name: str, method: str, quoting: bool) -> None:
        self._name, self._method, self._quoting = name, method, quoting
        self._mean, self._rows = 0.0, 0
        self.trouble = ""

    def add(self, compute: Callable[[], object], rows: int) -> None:
        if self.trouble:
            return
        try:
            given = compute()
        except BaseException as error:
            self._unknown(error, "failed: ")
            return
        try:
            self._rows += rows
            self._mean += (number(given) - self._mean) * (rows / self._rows)
        except BaseException as error:
            self._unknown(error, "gave ")

    def _unknown(self, error: BaseException, verb: str) -> None:
        tell(error)
        why = described(error, quoting=self._quoting)
        self.trouble = f"{self._name} is unknown: {self._method} {verb}{why}"

    def value(self) -> float | None:
        return None if self.trouble else self._mean


class _Named:
    """What ``metrics`` gives for all rows; nothing is kept for a task that has none."""

    def __init__(self, task: Task, quoting: bool) -> None:
        self._task, self._quoting = task, quoting
        self._asked = type(task).metrics is not Task.metrics
        self._parts: list[tuple[torch.Tensor, torch.Tensor]] = []

    def add(self, outputs: torch.Tensor, targets: torch.Tensor) -> None:
        if self._asked:
            self._parts.append((outputs, targets))

    def values(self) -> tuple[dict[str, float], list[str]]:
        """The numbers that are finite, and what is wrong with the others."""
        if not self._asked:
            return {}, []
        try:
            outputs, targets = zip(*self._parts, strict=True)
            with torch.no_grad():
                given = dict(self._task.metrics(torch.cat(outputs), torch.cat(targets)))
        except BaseException as error:
            tell(error)
            return {}, [f"metrics() failed: {described(error, quoting=self._quoting)}"]
        return finite(given, "metrics()")


def finite(given: Mapping[str, object], method: str) -> tuple[dict[str, float], list[str]]:
    """The finite numbers of ``given``, and a line for each of the others."""
    known: dict[str, float] = {}
    troubles: list[str] = []
    for name, value in given.items():
        try:
            known[str(name)[:MAX_NAME]] = number(value)
        except Exception as error:
            troubles.append(f"{str(name)[:MAX_NAME]} is unknown: {method} gave {described(error)}")
    return known, troubles
