"""What a model says of rows, part by part, so that no more of them than need be are in memory.

Imports torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from peerd.errors import TaskError
from peerd.learning.origin import Origin
from peerd.learning.restored import Numbers, OwnOf, restored_arrays, restored_module
from peerd.learning.settings import IGNORED
from peerd.learning.streams import rows_of
from peerd.learning.task import Batch, FittedTask, Samples, Task

ROWS_AT_ONCE = 4096  # bounds the activations in memory


@dataclass(frozen=True, slots=True)
class Predicted:
    """``names``: the classes, or None of a regression. ``outputs``: probabilities (m, classes), or
    values (m,). ``targets`` (m,), where they were asked for: classes, IGNORED where a row has none;
    or values, NaN where a row has none.
    """

    names: tuple[str, ...] | None
    outputs: NDArray[np.float64]
    targets: NDArray[Any] | None


class Predictor:
    """``task`` with the model's ``numbers``. TaskError, VerificationError: see restored_module."""

    def __init__(
        self, task: Task | FittedTask, origin: Origin, numbers: Numbers, own: OwnOf
    ) -> None:
        self.task = task
        # by the class: a task may have an attribute of such a name
        given = type(task).classes(task)
        self._names = None if given is None else tuple(map(str, given))
        if isinstance(task, FittedTask):
            self._arrays = restored_arrays(task, origin, numbers)
        else:
            self._module = restored_module(task, origin, numbers, own)

    @property
    def label(self) -> str:
        """What a predicted value is called."""
        return str(type(self.task).label(self.task))

    def held_out(self) -> Iterable[Batch]:
        """What the task holds out, as its ``read`` would give it. TaskError."""
        if isinstance(self.task, FittedTask):
            raise TaskError(
                "a task that trains by itself holds no rows out for peerd", "say --data"
            )
        rows = rows_of(self.task.held_out(), "held_out()")
        return (self._as_read(part) for part in rows.chunks(ROWS_AT_ONCE))

    def _as_read(self, part: Samples) -> Batch:
        targets = part.targets
        if targets.is_floating_point() and isinstance(self.task, Task):
            targets = self.task.values(targets.reshape(len(targets), -1))
        return part.inputs, targets

    def run(self, batches: Iterable[Batch]) -> Iterator[Predicted]:
        """Of each row in its order. TaskError for outputs and targets that are neither classes nor
        values.
        """
        done = 0
        for inputs, targets in batches:
            for start in range(0, len(inputs), ROWS_AT_ONCE):
                rows = slice(start, start + ROWS_AT_ONCE)
                found = self._predicted(inputs[rows], None if targets is None else targets[rows])
                _check_finite(found.outputs, done)
                done += len(found.outputs)
                yield found
        if not done:
            raise TaskError("the data have no rows", "name a file that has some")

    def _predicted(self, inputs: Any, targets: Any) -> Predicted:
        outputs = self._outputs(inputs)
        if outputs.ndim not in (1, 2) or len(outputs) != len(inputs):
            raise TaskError(
                f"the model gives outputs of shape {tuple(outputs.shape)} for {len(inputs)} rows",
                "only classes (n, classes) and values (n,) or (n, 1) can be written as a table",
            )
        names = self._named(outputs)
        if isinstance(self.task, Task):
            task, given = self.task, torch.as_tensor(outputs, dtype=torch.float64)
            outputs = (task.values(given) if names is None else task.probabilities(given)).numpy()
        wanted = (len(inputs),) if names is None else (len(inputs), len(names))
        outputs = np.asarray(outputs, dtype=np.float64)
        if outputs.shape != wanted:
            raise TaskError(f"predictions have the shape {outputs.shape}, and not {wanted}")
        checked = None if targets is None else _targets(targets, names, len(inputs))
        return Predicted(names, outputs, checked)

    def _outputs(self, inputs: Any) -> Any:
        if isinstance(self.task, FittedTask):
            return np.asarray(self.task.predict(self._arrays, inputs))
        with torch.inference_mode():
            outputs = self._module(torch.as_tensor(inputs))
        if not isinstance(outputs, torch.Tensor):
            raise TaskError(f"the model gives a {type(outputs).__name__}, and no tensor")
        return outputs

    def _named(self, outputs: Any) -> tuple[str, ...] | None:
        """The classes of outputs (n,) or (n, columns); None of a regression."""
        columns = outputs.shape[1] if outputs.ndim == 2 else 0
        if self._names is None:
            own = isinstance(self.task, Task) and type(self.task).values is not Task.values
            return None if columns < 2 or own else tuple(map(str, range(columns)))
        fits = columns == len(self._names) or (
            columns == 1 and len(self._names) == 2 and isinstance(self.task, Task)
        )
        if not fits or len(set(self._names)) != len(self._names):
            raise TaskError(
                f"classes() names {len(set(self._names))} classes, and the model gives outputs of"
                f" shape {tuple(outputs.shape)}",
                "give each output a name of its own",
            )
        return self._names


def _targets(given: Any, names: tuple[str, ...] | None, rows: int) -> NDArray[Any]:
    """TaskError unless they are classes (m,), or values (m,) or (m, 1)."""
    targets = np.asarray(given)
    if names is None and targets.shape == (rows, 1):
        targets = targets[:, 0]
    kinds = "fiu" if names is None else "iu"
    if targets.shape != (rows,) or targets.dtype.kind not in kinds:
        what = "values (n,)" if names is None else "whole numbers (n,), one a class"
        raise TaskError(
            f"the targets are {targets.dtype} of shape {targets.shape}, and not {what}",
            "what each row is, and is predicted to be, must be one class or one value",
        )
    if names is None:
        values = targets.astype(np.float64)
        if np.isinf(values).any():
            raise TaskError("there are infinite targets", "leave them out")
        return values
    classes = targets.astype(np.int64)
    if (wrong := (classes != IGNORED) & ((classes < 0) | (classes >= len(names)))).any():
        raise TaskError(
            f"{int(wrong.sum())} targets are outside 0…{len(names) - 1}, the model's classes",
            "count classes from 0",
        )
    return classes


def _check_finite(outputs: NDArray[np.float64], done: int) -> None:
    finite = np.isfinite(outputs).reshape(len(outputs), -1).all(axis=1)
    if not finite.all():
        raise TaskError(
            f"the model gives nan or infinity for row {done + int(np.argmin(finite)) + 1} of the"
            " data",
            "look at the row's numbers, and whether training diverged",
        )
