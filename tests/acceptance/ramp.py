"""A task that takes torch alone: whether a row's numbers add up to more than nothing."""

import torch

from peerd.learning import Partition, Samples, Task

ROWS = torch.randn(200, 4, generator=torch.Generator().manual_seed(1))
TARGETS = (ROWS.sum(dim=1) > 0).long()


class Ramp(Task):
    def model(self) -> torch.nn.Module:
        return torch.nn.Linear(4, 2)

    def data(self, partition: Partition) -> Samples:
        mine = range(partition.index, 160, partition.count)
        return Samples(ROWS[mine], TARGETS[mine])

    def held_out(self) -> Samples:
        return Samples(ROWS[160:], TARGETS[160:])
