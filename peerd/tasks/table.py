"""Any table with a label column, such as a bank's transactions: CSV or Parquet.

Task options (the group's): ``schema`` (peerd.tasks.examination; it says whether classes are learnt
or a number), ``hidden`` units (0: a linear model), ``partition`` (peerd.tasks.partition),
``class_weights`` (peerd.tasks.class_weights), and ``held_out``, a share of the rows, or
``held_out_column`` (peerd.tasks.held_out). Local options (the peer's): ``path`` of its file, and
optionally ``held_out_file``, a second file to evaluate on: all rows of the first are then trained
on. ``held_out`` is its older name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from peerd.errors import TaskError
from peerd.learning.settings import NO_DATA, Options, Partition
from peerd.learning.task import Batch, Samples, Task
from peerd.tasks.class_weights import OPTION as WEIGHTS
from peerd.tasks.class_weights import class_weights
from peerd.tasks.encoding import encode_file, width
from peerd.tasks.held_out import COLUMN, FRACTION, HeldOutRule
from peerd.tasks.partition import checked_partition, rows_of
from peerd.tasks.prediction import rows_to_predict
from peerd.tasks.schema import Schema
from peerd.tasks.splitting import check_split
from peerd.tasks.targets import MAX_DEVIATION, Targets

if TYPE_CHECKING:
    import torch

MAX_HIDDEN = 4096
SPLIT_SEED = 20261
_BEND = 4.0
"""Huber's δ, by which the loss is divided, too: its slope is at most 1 and its curvature 1/4, as
those of the cross-entropy of two classes, so that a rule's step lengths fit both.
"""
_OPTIONS = {"schema", "hidden", "partition", WEIGHTS, FRACTION, COLUMN}


class Table(Task):
    """Classification of the rows of a table, or regression, by a small perceptron."""

    def __init__(self, options: Options, local: Options) -> None:
        super().__init__(options, local)
        self.unknown_options(_OPTIONS, {"data", "held_out_file", "held_out"})
        if "schema" not in options:
            raise TaskError(
                "table: task option 'schema' is missing",
                "'peerd group new --data FILE --label COLUMN' makes one",
            )
        self.schema = Schema.from_options(options["schema"])
        self.has_metric = self.schema.target is None
        self.hidden = options.get("hidden", 32)
        self.partition = _partition(self.schema, options)
        if not isinstance(self.hidden, int) or not 0 <= self.hidden <= MAX_HIDDEN:
            raise TaskError(f"table: hidden = {self.hidden!r} must be in 0…{MAX_HIDDEN}")
        self.class_weights = class_weights(self.schema, options.get(WEIGHTS))
        self.rule = HeldOutRule.of(options)
        self.rule.check_column(self.schema.label, [each.name for each in self.schema.columns])
        self.path = _path(local, "data")
        self.held_out_path = _held_out_path(local, self.rule)
        self._file: tuple[NDArray[np.float32], Targets] | None = None
        if self.path is not None:
            self._inputs, self._targets, self._held = encode_file(self.schema, self.path, self.rule)
        elif local is not NO_DATA:
            raise TaskError("table: local task option 'data' is missing", "name this peer's file")
        if self.held_out_path is not None:
            # A wrong one is named now: in an evaluation it would be a warning only.
            self._file = encode_file(self.schema, self.held_out_path)[:2]

    def model(self) -> torch.nn.Module:
        """inputs–hidden–outputs, or inputs–outputs: one for each class, or for the number."""
        import torch

        inputs, outputs = width(self.schema), len(self.schema.classes) or 1
        assert isinstance(self.hidden, int)
        if not self.hidden:
            return torch.nn.Sequential(torch.nn.Linear(inputs, outputs))
        return torch.nn.Sequential(
            torch.nn.Linear(inputs, self.hidden),
            torch.nn.ReLU(),
            torch.nn.Linear(self.hidden, outputs),
        )

    def data(self, partition: Partition) -> Samples:
        """The rows that are not held out; this peer's share. Numbers too far out are cut."""
        kept = np.arange(len(self._targets))
        if self._file is None:
            self._check_split()
            kept = np.flatnonzero(~self._held)
        rows = kept[rows_of(self.partition, self._targets[kept], partition, SPLIT_SEED)]
        found = _samples(self._inputs[rows], self._targets[rows])
        if self.schema.target is not None:
            found.targets.clamp_(-MAX_DEVIATION, MAX_DEVIATION)
        return found

    def held_out(self) -> Samples:
        """The rows of ``held_out_file``, or those of ``data`` that the group's rule holds out."""
        if self._file is not None:
            return _samples(*self._file)
        if warnings := self._check_split():
            raise TaskError(f"{self.path}: {warnings[0]}")
        return _samples(self._inputs[self._held], self._targets[self._held])

    def _check_split(self) -> list[str]:
        try:
            return check_split(self.rule, self._held)
        except TaskError as error:
            raise TaskError(f"{self.path}: {error.message}", error.hint) from None

    def loss(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Cross-entropy, weighted where the group says so; of numbers Huber's, in scales: e²/8 for
        an error e up to 4, |e| − 2 beyond.
        """
        import torch

        if self.schema.target is not None:
            errors = torch.nn.functional.huber_loss(outputs.squeeze(-1), targets, delta=_BEND)
            return errors / _BEND
        if self.class_weights is None:
            return super().loss(outputs, targets)
        weights = torch.tensor(self.class_weights).to(outputs)
        return torch.nn.functional.cross_entropy(outputs, targets, weight=weights)

    def metrics(self, outputs: torch.Tensor, targets: torch.Tensor) -> Mapping[str, float]:
        """Of numbers ``rmse``, in the label's own unit, and ``r2``, which rows that are all alike
        don't have.
        """
        if self.schema.target is None:
            return {}
        wanted = targets.double()
        squares = (outputs.squeeze(-1).double() - wanted).square()
        found = {"rmse": float(squares.mean().sqrt()) * self.schema.target.scale}
        spread = (wanted - wanted.mean()).square().sum()
        if spread > 0:
            found["r2"] = float(1 - squares.sum() / spread)
        return found

    def classes(self) -> list[str] | None:
        """The names of the classes, in the order of the model's outputs; None for a number."""
        return list(self.schema.classes) or None

    def label(self) -> str:
        """The label column."""
        return self.schema.label

    def read(self, path: Path, labelled: bool) -> Iterable[Batch]:
        """The rows of a table of the group's columns; without ``labelled`` it needs no label."""
        return rows_to_predict(self.schema, path, labelled)

    def values(self, outputs: torch.Tensor) -> torch.Tensor:
        """The numbers that ``outputs`` (n, 1) predict, float64 (n,), in the label's own unit."""
        target, scaled = self.schema.target, outputs.squeeze(-1)
        return scaled if target is None else scaled.double() * target.scale + target.mean


def _partition(schema: Schema, options: Options) -> str:
    kind = checked_partition("table", options.get("partition", "iid"))
    if schema.target is not None and kind.startswith("dirichlet"):
        raise TaskError(
            f"table: partition {kind!r} deals classes, and {schema.label!r} is a number here",
            "say iid or label, which sorts the rows by it",
        )
    return kind


def _held_out_path(local: Options, rule: HeldOutRule) -> Path | None:
    named, older = _path(local, "held_out_file"), _path(local, "held_out")
    if named is not None and older is not None:
        raise TaskError(
            "table: local task options 'held_out_file' and 'held_out' are one", "say one"
        )
    found = named or older
    if found is not None and rule.column is not None:
        raise TaskError(
            f"table: held_out_file {found}: the group's held-out rows are those that column"
            f" {rule.column!r} marks",
            "put these rows into data, with a mark",
        )
    return found


def _path(local: Options, key: str) -> Path | None:
    value = local.get(key)
    if value is None:
        return None
    if not isinstance(value, str) or not value:
        raise TaskError(f"table: local task option {key!r} must be a path")
    return Path(value)


def _samples(inputs: NDArray[np.float32], targets: Targets) -> Samples:
    import torch

    return Samples(torch.from_numpy(inputs.copy()), torch.from_numpy(targets.copy()))
