"""Digits by their low frequencies: 25 numbers an image, and a logistic regression of them.

What noise costs grows with the parameters that it is on, so a group that promises a small ε shares
few. The transform is fixed and looks at no row.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from peerd.learning.settings import Partition
from peerd.learning.task import Samples
from peerd.tasks.digits import CLASSES, SIDE, Digits

KEPT = 5
"""Frequencies of each axis."""


class LowDigits(Digits):
    """The options of the task digits; those of its models mean nothing here."""

    def model(self) -> torch.nn.Module:
        """From 0 on: a convex problem needs no draw."""
        layer = torch.nn.Linear(KEPT * KEPT, CLASSES)
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
        return layer

    def data(self, partition: Partition) -> Samples:
        """This peer's share of the training images."""
        return _low(super().data(partition))

    def held_out(self) -> Samples:
        """The same images at every peer."""
        return _low(super().held_out())


def _low(samples: Samples) -> Samples:
    one = cosines(SIDE, KEPT)
    return Samples(samples.inputs @ torch.from_numpy(np.kron(one, one).T), samples.targets)


def cosines(size: int, kept: int) -> NDArray[np.float32]:
    """The first rows of the orthonormal cosine transform (DCT-II): (kept, size)."""
    places = (np.arange(size) + 0.5) * np.pi / size
    found = np.cos(np.arange(kept)[:, None] * places) * np.sqrt(2 / size)
    found[0] /= np.sqrt(2)
    rounded: NDArray[np.float32] = found.astype(np.float32)
    return rounded
