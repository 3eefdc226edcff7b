"""Breast tumours, malignant or benign: 569 rows of 30 numbers, shipped with scikit-learn.

A table as hospitals have it, for the laboratory: a logistic regression of 62 parameters.
"""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from peerd.errors import TaskError
from peerd.extras import need
from peerd.learning.settings import Options, Partition
from peerd.learning.task import Samples, Task
from peerd.tasks.partition import rows_of

HELD_OUT = 169
FEATURES = 30
# Fixes which rows are held out and how the others are dealt: part of the task, not of a run.
SPLIT_SEED = 20261


class Tumours(Task):
    """No options. Columns have mean 0 and deviation 1, by numbers of the whole table: a group would
    sign public ones in its schema.
    """

    common_held_out = True

    def __init__(self, options: Options, local: Options) -> None:
        super().__init__(options, local)
        need("the task of tumours", "sklearn", TaskError)
        self.unknown_options(set(), set())

    def model(self) -> torch.nn.Module:
        """From 0 on: a convex problem needs no draw."""
        layer = torch.nn.Linear(FEATURES, 2)
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
        return layer

    def data(self, partition: Partition) -> Samples:
        """This peer's share of the 400 training rows."""
        inputs, targets = _shipped()
        inputs, targets = inputs[HELD_OUT:], targets[HELD_OUT:]
        rows = rows_of("iid", targets, partition, SPLIT_SEED)
        return _samples(inputs[rows], targets[rows])

    def held_out(self) -> Samples:
        """The same rows at every peer."""
        inputs, targets = _shipped()
        return _samples(inputs[:HELD_OUT], targets[:HELD_OUT])


def _samples(inputs: NDArray[np.float32], targets: NDArray[np.int64]) -> Samples:
    return Samples(torch.from_numpy(inputs.copy()), torch.from_numpy(targets.copy()))


@cache
def _shipped() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Numbers (569, 30) and labels (569,), in a fixed random order."""
    spec = importlib.util.find_spec("sklearn")
    assert spec is not None and spec.submodule_search_locations  # or there would be no task
    path = Path(spec.submodule_search_locations[0]) / "datasets" / "data" / "breast_cancer.csv"
    table = np.loadtxt(path, delimiter=",", skiprows=1)
    table = table[np.random.default_rng(SPLIT_SEED).permutation(len(table))]
    numbers = table[:, :FEATURES]
    scaled = (numbers - numbers.mean(axis=0)) / numbers.std(axis=0)
    return scaled.astype(np.float32), table[:, FEATURES].astype(np.int64)
