"""A small task with a frozen layer, for groups that start from a file."""

from __future__ import annotations

import torch
from torch import nn

from peerd.learning.settings import Partition
from peerd.learning.task import Samples, Task


class Started(Task):
    """Four inputs, two classes; the first layer is a backbone that nobody trains."""

    def model(self) -> nn.Module:
        model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
        model[0].requires_grad_(False)
        return model

    def data(self, partition: Partition) -> Samples:
        return Samples(torch.linspace(-1, 1, 48).reshape(12, 4), torch.arange(12) % 2)

    def held_out(self) -> Samples:
        return self.data(Partition())
