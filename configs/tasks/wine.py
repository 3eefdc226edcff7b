"""A task of one's own, whole: three sorts of wine from thirteen measurements (scikit-learn).

Start peerd in this directory, or put the file on PYTHONPATH, and name it as the group's task:

    wine:Wine
"""

from __future__ import annotations

import numpy as np
import torch
from sklearn.datasets import load_wine

from peerd.errors import TaskError
from peerd.learning import Partition, Samples, Task


class Wine(Task):
    """Option ``hidden``: units of the perceptron, 16 unless the group says otherwise."""

    def __init__(self, options, local):
        super().__init__(options, local)
        self.unknown_options({"hidden"}, set())
        self.hidden = options.get("hidden", 16)
        if not isinstance(self.hidden, int) or not 1 <= self.hidden <= 1024:
            raise TaskError(f"wine: hidden = {self.hidden!r} must be in 1…1024")
        inputs, targets = load_wine(return_X_y=True)
        inputs = torch.tensor(inputs, dtype=torch.float32)
        # The same at every peer: the group trains one model, so inputs must mean one thing.
        self.mean, self.scale = inputs.mean(dim=0), inputs.std(dim=0)
        self.inputs = (inputs - self.mean) / self.scale
        self.targets = torch.tensor(targets)

    def model(self) -> torch.nn.Module:
        return torch.nn.Sequential(
            torch.nn.Linear(13, self.hidden), torch.nn.ReLU(), torch.nn.Linear(self.hidden, 3)
        )

    def data(self, partition: Partition) -> Samples:
        """Four rows of five, dealt to the peers like cards."""
        rows = [row for row in range(len(self.targets)) if row % 5]
        mine = rows[partition.index :: partition.count]
        return Samples(self.inputs[mine], self.targets[mine])

    def held_out(self) -> Samples:
        return Samples(self.inputs[::5], self.targets[::5])

    # for peerd model predict and evaluate

    def classes(self):
        return ["barolo", "grignolino", "barbera"]

    def read(self, path, labelled):
        """A CSV with a header: thirteen measurements, and behind them the sort, 0, 1 or 2."""
        rows = torch.tensor(np.loadtxt(path, delimiter=",", skiprows=1, ndmin=2))
        if rows.shape[1] < 13 + labelled:
            raise TaskError(f"{path} has {rows.shape[1]} columns, and not {13 + labelled}")
        inputs = (rows[:, :13].float() - self.mean) / self.scale
        yield inputs, rows[:, 13].long() if labelled else None
