"""Metric and loss on the held-out samples: for display alone, so nothing here may fail (worker).

Whatever the task's code gives or raises, SystemExit too, makes a number unknown and is a warning.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch

from peerd.learning.answers import described, number, tell
from peerd.learning.task import Samples, Task
from peerd.learning.trained import Evaluation

# Rows of the held-out set that are evaluated at once: bounds the activations in memory.
EVALUATION_ROWS = 4096


def evaluate(
    task: Task,
    module: torch.nn.Module,
    held_out: Callable[[], Samples],
    *,
    quoting: bool = False,
) -> Evaluation:
    """The means over all rows of ``held_out()``. ``quoting``: as ``described`` takes it."""
    accuracy, loss = _Mean("accuracy", "metric()", quoting), _Mean("loss", "loss()", quoting)
    doing = "held_out()"
    try:
        samples = held_out()
        doing = "the model"
        module.eval()
        with torch.no_grad():
            for start in range(0, len(samples), EVALUATION_ROWS):
                rows = slice(start, start + EVALUATION_ROWS)
                targets = samples.targets[rows]
                outputs = module(samples.inputs[rows])
                share = len(targets) / len(samples)
                accuracy.add(partial(task.metric, outputs, targets), share)
                loss.add(partial(task.loss, outputs, targets), share)
    except BaseException as error:
        tell(error)
        why = f"accuracy and loss are unknown: {doing} failed: {described(error, quoting=quoting)}"
        return Evaluation(None, None, (why,))
    warnings = tuple(each.trouble for each in (accuracy, loss) if each.trouble)
    return Evaluation(accuracy.value(), loss.value(), warnings)


class _Mean:
    """A weighted mean of what a task's method gives; unknown from the first trouble on."""

    def __init__(self, name: str, method: str, quoting: bool) -> None:
        self._name, self._method, self._quoting = name, method, quoting
        self._sum = 0.0
        self.trouble = ""

    def add(self, compute: Callable[[], object], share: float) -> None:
        if self.trouble:
            return
        try:
            given = compute()
        except BaseException as error:
            self._unknown(error, "failed: ")
            return
        try:
            self._sum += number(given) * share
        except BaseException as error:
            self._unknown(error, "gave ")

    def _unknown(self, error: BaseException, verb: str) -> None:
        tell(error)
        why = described(error, quoting=self._quoting)
        self.trouble = f"{self._name} is unknown: {self._method} {verb}{why}"

    def value(self) -> float | None:
        return None if self.trouble else self._sum
