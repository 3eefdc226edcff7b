"""Rows to choose constants by: every tenth training row, which that run does not train on.

The rows whose accuracy is reported have no part in it. Each site leaves out its own.
"""

from __future__ import annotations

import torch

from peerd.learning.answers import checked_samples
from peerd.learning.settings import Partition
from peerd.learning.task import Samples, Task

FOLDS = 10


class Folded(Task):
    """``inner`` as ``sites`` train it on all but one fold, 0…9, which is held out in its place."""

    common_held_out = True

    def __init__(self, inner: Task, fold: int, sites: int) -> None:
        super().__init__(inner.options, inner.local)
        self._inner, self._fold, self._sites = inner, fold, sites

    def model(self) -> torch.nn.Module:
        """The same."""
        return self._inner.model()

    def data(self, partition: Partition) -> Samples:
        """Nine tenths of this site's rows."""
        return self._part(partition, held_out=False)

    def held_out(self) -> Samples:
        """What all sites leave out."""
        parts = [
            self._part(Partition(index, self._sites), held_out=True) for index in range(self._sites)
        ]
        return Samples(
            torch.cat([part.inputs for part in parts]), torch.cat([part.targets for part in parts])
        )

    def _part(self, partition: Partition, *, held_out: bool) -> Samples:
        rows = checked_samples(self._inner.data(partition), "data()")
        chosen = (torch.arange(len(rows)) % FOLDS == self._fold) == held_out
        return Samples(rows.inputs[chosen], rows.targets[chosen])
