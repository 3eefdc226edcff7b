"""Any table with a label column, such as a bank's transactions: CSV or Parquet.

Task options (the group's): ``schema`` (peerd.tasks.examination), ``hidden`` units (0: a linear
model), ``partition`` (peerd.tasks.partition). Local options (the peer's): ``path`` of its file, and
optionally ``held_out``, a second file to evaluate on. Without it, one row in five is held out,
chosen by its contents: two peers that hold the same row both keep it out of training.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from peerd.errors import TaskError
from peerd.learning.settings import NO_DATA, Options, Partition
from peerd.learning.task import Batch, Samples, Task
from peerd.tasks.encoding import encode_file, width
from peerd.tasks.partition import checked_partition, rows_of
from peerd.tasks.prediction import rows_to_predict
from peerd.tasks.schema import Schema

if TYPE_CHECKING:
    import torch

MAX_HIDDEN = 4096
SPLIT_SEED = 20261


class Table(Task):
    """Classification of the rows of a table by a small perceptron."""

    def __init__(self, options: Options, local: Options) -> None:
        super().__init__(options, local)
        self.unknown_options({"schema", "hidden", "partition"}, {"data", "held_out"})
        if "schema" not in options:
            raise TaskError(
                "table: task option 'schema' is missing",
                "'peerd group new --data FILE --label COLUMN' makes one",
            )
        self.schema = Schema.from_options(options["schema"])
        self.hidden = options.get("hidden", 32)
        self.partition = checked_partition("table", options.get("partition", "iid"))
        if not isinstance(self.hidden, int) or not 0 <= self.hidden <= MAX_HIDDEN:
            raise TaskError(f"table: hidden = {self.hidden!r} must be in 0…{MAX_HIDDEN}")
        self.path = _path(local, "data")
        self.held_out_path = _path(local, "held_out")
        if self.path is not None:
            self._inputs, self._targets, self._held = encode_file(self.schema, self.path)
        elif local is not NO_DATA:
            raise TaskError("table: local task option 'data' is missing", "name this peer's file")

    def classes(self) -> Sequence[str]:
        """The schema's."""
        return self.schema.classes

    def label(self) -> str:
        """The label column."""
        return self.schema.label

    def read(self, path: Path, labelled: bool) -> Iterable[Batch]:
        """The rows of a table of the group's columns; without ``labelled`` it needs no label."""
        return rows_to_predict(self.schema, path, labelled)

    def model(self) -> torch.nn.Module:
        """inputs–hidden–classes, or inputs–classes."""
        import torch

        inputs, classes = width(self.schema), len(self.schema.classes)
        assert isinstance(self.hidden, int)
        if not self.hidden:
            return torch.nn.Sequential(torch.nn.Linear(inputs, classes))
        return torch.nn.Sequential(
            torch.nn.Linear(inputs, self.hidden),
            torch.nn.ReLU(),
            torch.nn.Linear(self.hidden, classes),
        )

    def data(self, partition: Partition) -> Samples:
        """The rows that are not held out; this peer's share of them."""
        kept = np.flatnonzero(~self._held) if self.held_out_path is None else ...
        inputs, targets = self._inputs[kept], self._targets[kept]
        rows = rows_of(self.partition, targets, partition, SPLIT_SEED)
        return _samples(inputs[rows], targets[rows])

    def held_out(self) -> Samples:
        """The rows of ``held_out``, or those of ``data`` that are held out."""
        if self.held_out_path is not None:
            inputs, targets, _ = encode_file(self.schema, self.held_out_path)
            return _samples(inputs, targets)
        if not self._held.any():
            raise TaskError(f"{self.path} has too few rows to hold one in five out", "add rows")
        return _samples(self._inputs[self._held], self._targets[self._held])


def _path(local: Options, key: str) -> Path | None:
    value = local.get(key)
    if value is None:
        return None
    if not isinstance(value, str) or not value:
        raise TaskError(f"table: local task option {key!r} must be a path")
    return Path(value)


def _samples(inputs: NDArray[np.float32], targets: NDArray[np.int64]) -> Samples:
    import torch

    return Samples(torch.from_numpy(inputs.copy()), torch.from_numpy(targets.copy()))
