"""The client of a task that trains by itself (FittedTask), in the worker."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerd.errors import TaskError
from peerd.learning.answers import described, tell
from peerd.learning.measure import finite
from peerd.learning.settings import Partition, derived_seed
from peerd.learning.shared import MAX_PARAMETERS
from peerd.learning.start import fill_arrays
from peerd.learning.start_file import Start
from peerd.learning.task import Arrays, FittedTask
from peerd.learning.trained import Evaluation, Found, Trained
from protocols.aggregation import Aggregator, LocalRule, canonical_model
from protocols.aggregation.contract import Model, RowRule

OTHERS = "take weighted-mean, or centered-clipping or centered-clipping-l2 with momentum 0"


class FittedClient:
    """What ``Client`` is for a task that peerd trains. Not thread-safe."""

    fixed = b""

    def __init__(
        self,
        task: FittedTask,
        partition: Partition,
        seed: int,
        model_seed: int,
        *,
        start: Start | None = None,
    ) -> None:
        self.task = task
        self.partition = partition
        self.seed = seed
        self._model_seed = derived_seed("peerd/learning/model", model_seed)
        seed_all(self._model_seed)
        begun = task.first()
        if not isinstance(begun, list | tuple):
            raise TaskError(f"the first model is no list of arrays, but a {type(begun).__name__}")
        self._first = [np.array(array) for array in begun]
        self._drawn = self._vector(self._first, "the first model")
        self.notes: list[str] = []
        if start is not None:
            shared = [each for each in self._first if is_shared(each)]
            self.notes = fill_arrays(shared, self.layers(), start)
        self.first_model = self._vector(self._first, "the first model")
        self.parameters = self.first_model.size
        if not 0 < self.parameters <= MAX_PARAMETERS:
            raise TaskError(
                f"the model has {self.parameters} parameters; 1…{MAX_PARAMETERS} can be"
            )

    def train(self, rule: LocalRule, round: int, model: Model, kept: Model | None) -> Trained:
        """The task's own training from ``model`` (d,). Raises TaskError for what the group can't
        aggregate, and for a rule that takes steps of its own.
        """
        check_steps(rule)
        update = self._fit(model, round)
        return Trained(update, update)

    def root_step(self, rule: LocalRule, round: int, model: Model, group: bytes) -> Model:
        """TaskError: nothing that all compute alike."""
        raise TaskError("a task that trains by itself has no public root data")

    def check_rule(self, rule: Aggregator) -> None:
        """TaskError for one that says which steps a peer takes, or compares with root data."""
        local = rule.local_rule(0)
        if isinstance(local, RowRule):
            raise TaskError(
                f"the rule {rule.name} clips the gradient of each row, and this task trains by"
                " itself",
                "write a Task in its place, which peerd trains",
            )
        check_steps(local)
        if rule.uses_reference:
            raise TaskError(
                f"the rule {rule.name} compares with root data, and a task that trains by itself"
                " has none",
                OTHERS,
            )

    def inspect(self, task: FittedTask) -> list[str]:
        """Try it: TaskError for what would keep this peer from training. ``task``: the same, or
        built a second time.
        """
        seed_all(self._model_seed)
        again = self._vector(task.first(), "the first model")
        if not np.array_equal(again, self._drawn):
            raise TaskError(
                "the first model is unseeded: two calls of first() differ",
                "draw it with NumPy's, Python's or torch's own generator, which peerd seeds",
            )
        self._fit(self.first_model, 0)
        return self.notes

    def layers(self) -> list[tuple[str, tuple[int, ...]]]:
        """Name and shape of each part of the vector (d,), in its order."""
        numbered = enumerate(self._first)
        return [(f"array.{index}", each.shape) for index, each in numbered if is_shared(each)]

    def own(self) -> NDArray[np.float64]:
        """Nothing: what such a task keeps is its own affair."""
        return np.zeros(0)

    def set_own(self, values: NDArray[np.float64]) -> None:
        """Nothing to be set."""

    def evaluate(self, model: Model, *, quoting: bool = False) -> Evaluation:
        """The task's own numbers of ``model`` (d,). Whatever fails is a warning."""
        try:
            found = dict(self.task.evaluate(self.arrays(model), self.partition))
        except BaseException as error:
            tell(error)
            why = f"evaluate() failed: {described(error, quoting=quoting)}"
            return Evaluation(None, None, (f"accuracy and loss are unknown: {why}",))
        return _evaluation(found)

    def found(self, model: Model, rows: int, classes: int) -> Found:
        """Nothing that the group could count: such a task gives no more than numbers by name."""
        return Found(0, False, 0)

    def _fit(self, model: Model, round: int) -> Model:
        seed_all(derived_seed("peerd/learning/round", self.seed, round))
        fitted = self.task.fit(self.arrays(model), self.partition, round)
        return self._vector(fitted, f"training in round {round}")

    def arrays(self, model: Model) -> list[NDArray[Any]]:
        """``model`` (d,) in the first model's shapes and dtypes."""
        arrays, start = [], 0
        for first in self._first:
            if not is_shared(first):
                arrays.append(first.copy())
                continue
            end = start + first.size
            arrays.append(np.array(model[start:end], dtype=first.dtype).reshape(first.shape))
            start = end
        return arrays

    def _vector(self, arrays: Arrays, source: str) -> Model:
        """(d,): all floats, one array after the other. TaskError names the one that is wrong."""
        if not isinstance(arrays, list | tuple):
            raise TaskError(f"{source} gave no list of arrays, but a {type(arrays).__name__}")
        if len(arrays) != len(self._first):
            raise TaskError(f"{source} gave {len(arrays)} arrays, not {len(self._first)}")
        shared = [
            _flat(
                _array(array, first.shape, f"{source}: array {index}"), f"{source}: array {index}"
            )
            for index, (array, first) in enumerate(zip(arrays, self._first, strict=True))
            if is_shared(first)
        ]
        if not shared:
            raise TaskError(f"{source} has no array of floats: there is nothing to share")
        return canonical_model(np.concatenate(shared))


def _array(given: Any, shape: tuple[int, ...], name: str) -> NDArray[Any]:
    try:
        array = np.asarray(given.detach().cpu() if hasattr(given, "detach") else given)
    except (TypeError, ValueError) as error:
        raise TaskError(f"{name} is no array: {error}") from None
    if array.shape != shape:
        raise TaskError(f"{name} has shape {array.shape}, not {shape}")
    if array.dtype.kind not in "fiub":
        raise TaskError(f"{name} is of {array.dtype}, which is no number")
    return array


def _flat(array: NDArray[Any], name: str) -> Model:
    with np.errstate(over="ignore"):
        flat: Model = array.astype(np.float32).reshape(-1)
    if not np.isfinite(flat).all():
        raise TaskError(f"{name} is no longer finite", "lower the learning rate, or check the data")
    return flat


def is_shared(array: NDArray[Any]) -> bool:
    """Floats are; counters and flags are each peer's own."""
    return array.dtype.kind == "f"


def check_steps(rule: LocalRule) -> None:
    """TaskError for a rule that says which steps a peer takes."""
    if rule.keeps_local_model or rule.momentum:
        what = "keeps each peer's own model" if rule.keeps_local_model else "has momentum"
        raise TaskError(
            f"the group's rule {what}, and this task trains by itself",
            OTHERS,
        )


def seed_all(seed: int) -> None:
    """Whatever a task's code may draw from."""
    import torch

    random.seed(seed)
    np.random.seed(seed % (1 << 32))
    torch.manual_seed(seed)


def _evaluation(found: Mapping[str, object]) -> Evaluation:
    """Accuracy and loss, and the others by their names; what is no finite number is a warning."""
    known, warnings = finite(found, "evaluate()")
    return Evaluation(known.pop("accuracy", None), known.pop("loss", None), tuple(warnings), known)
