"""A model of as many parameters as asked for, for measurements: linear, with random rows.

It means nothing, and costs what a real one of its size costs: a step goes through all parameters
forwards and backwards.
"""

from __future__ import annotations

import torch

from peerd.errors import TaskError
from peerd.learning import Samples, Task
from peerd.learning.settings import Options, Partition

ROWS = 64
MOST_NUMBERS = 16_000_000
"""In one peer's rows: of a large model there are fewer."""


class Sized(Task):
    """Options: ``parameters``, and ``rows`` (1: a step costs next to nothing)."""

    common_held_out = True
    has_metric = False

    def __init__(self, options: Options, local: Options) -> None:
        super().__init__(options, local)
        self.unknown_options({"parameters", "rows"}, set())
        self.parameters = self._whole("parameters")
        self.rows = self._whole("rows")

    def _whole(self, name: str) -> int:
        value = self.options.get(name, ROWS)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise TaskError(f"{name} = {value!r} must be a whole number of at least 1")
        return value

    def model(self) -> torch.nn.Module:
        """A value (n, 1) of inputs (n, parameters)."""
        return torch.nn.Linear(self.parameters, 1, bias=False)

    def loss(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Mean squared error."""
        return torch.nn.functional.mse_loss(outputs, targets)

    def data(self, partition: Partition) -> Samples:
        """Of its own for each peer."""
        return self._drawn(1 + partition.index, self.rows)

    def held_out(self) -> Samples:
        """One row, the same everywhere."""
        return self._drawn(0, 1)

    def _drawn(self, seed: int, rows: int) -> Samples:
        rows = max(1, min(rows, MOST_NUMBERS // self.parameters))
        generator = torch.Generator().manual_seed(seed)
        inputs = torch.randn((rows, self.parameters), generator=generator)
        inputs /= self.parameters**0.5  # else large models diverge
        return Samples(inputs, torch.randn((rows, 1), generator=generator))
