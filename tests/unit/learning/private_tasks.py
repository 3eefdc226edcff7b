"""Small tasks whose rows are summed one by one: by tests, and by name in a worker."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import torch
from torch import nn

from peerd.learning.client import Client
from peerd.learning.settings import Partition
from peerd.learning.task import Samples, Task
from protocols.aggregation.contract import RowRule
from protocols.hashing import digest

RULE = RowRule(Fraction(1, 2), Fraction(1), 1024, 30)


def plain() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2))


class Small(Task):
    """40 rows of 4 numbers, 2 classes; the model by ``make``."""

    make: Callable[[], nn.Module] = staticmethod(plain)
    count = 40

    def model(self) -> nn.Module:
        return type(self).make()

    def data(self, partition: Partition) -> Samples:
        generator = torch.Generator().manual_seed(7)
        inputs = torch.randn(self.count, 4, generator=generator)
        return Samples(inputs, (inputs.sum(dim=1) > 0).long())

    def held_out(self) -> Samples:
        return self.data(Partition())


class Averaging(Small):
    """Batch normalisation."""

    make = staticmethod(lambda: nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Linear(3, 2)))


def client(task: type[Task] = Small, statistics: str = "refused", **kept: object) -> Client:
    """``kept``: what the task has instead."""
    made = type("Made", (task,), dict(kept))
    return Client(made({}, {}), Partition(), 1, 2, statistics=statistics)


def entropy(number: int) -> bytes:
    return digest("tests/private", number.to_bytes(8, "little"))
