"""Whose update is attacked: digits, and what F^C and F^P make of them in a round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from peerd.learning.client import Client
from peerd.learning.loading import load_torch_task
from peerd.learning.settings import Partition
from peerd.learning.task import Samples
from protocols.aggregation import LocalRule
from protocols.aggregation.contract import Model

Floats = npt.NDArray[np.float64]
Rows: TypeAlias = Sequence[int]
"""Training rows of one peer."""
RATE = 0.1
BITS = 16
"""θ of the plain gradient's fixed point: 2^16 steps over the range."""
# One step from the group's model on all samples: the classical setting, and the worst for privacy.
ONE_STEP = LocalRule(steps=1, batch=1 << 16, rate=RATE, penalty=0.0, keeps_local_model=False)


@dataclass
class Victims:
    """The training images of the digits task, and peers that each train on a few of them.

    ``hidden`` units of the mlp; ``steps`` of an inversion's optimiser. Images are flat, as the task
    centres them.
    """

    hidden: int = 64
    seed: int = 0
    steps: int = 300

    @cached_property
    def client(self) -> Client:
        torch.set_num_threads(1)  # small models: more threads are slower, and less reproducible
        task = load_torch_task("digits", {"model": "mlp", "hidden": self.hidden}, {})
        return Client(task, Partition(0, 1), self.seed, self.seed)

    @cached_property
    def _all(self) -> Samples:
        return self.client.samples

    @property
    def model(self) -> Model:
        """The model that all peers hold: the first one, which every member can compute."""
        return self.client.first_model

    @cached_property
    def images(self) -> Floats:
        """(1437, 64), about 0."""
        found: Floats = self._all.inputs.numpy().astype(np.float64)
        return found

    @cached_property
    def labels(self) -> npt.NDArray[np.int64]:
        found: npt.NDArray[np.int64] = self._all.targets.numpy()
        return found

    @cached_property
    def public(self) -> Floats:
        """The held-out images: what the adversary knows of such images in general."""
        found: Floats = self.client.held_out.inputs.numpy().astype(np.float64)
        return found

    @cached_property
    def black(self) -> Floats:
        """Each pixel at its darkest, which is 0 in some public image."""
        darkest: Floats = self.public.min(axis=0)
        return darkest

    def grey(self, images: Floats) -> Floats:
        """Images (…, 64) in 0…1."""
        shown: Floats = np.clip((images - self.black) / 2, 0, 1)
        return shown

    def gradient(self, rows: Rows) -> npt.NDArray[np.float32]:
        """(d,) of the mean loss on these images, as the client's one step from the model shows."""
        everything = self._all
        chosen = torch.as_tensor(list(rows))
        self.client.samples = Samples(everything.inputs[chosen], everything.targets[chosen])
        try:
            after = self.client.update(ONE_STEP, 0, self.model, self.model)
        finally:
            self.client.samples = everything
        found: npt.NDArray[np.float32] = (self.model - after) / np.float32(RATE)
        return found

    def draw(self, count: int, cohort: int) -> npt.NDArray[np.int64]:
        """(count, cohort) training rows, different within a row; column 0 is the victim's."""
        rng = np.random.default_rng([self.seed, 1])
        picks = [rng.choice(len(self.labels), cohort, replace=False) for _ in range(count)]
        return np.stack(picks).astype(np.int64)

    def unrelated(self, cohort: npt.NDArray[np.int64], count: int, turn: int) -> Floats:
        """``count`` training images that are nobody's in the cohort: (count, 64)."""
        rng = np.random.default_rng([self.seed, 2, turn])
        others = np.setdiff1d(np.arange(len(self.labels)), cohort)
        chosen: Floats = self.images[rng.choice(others, count, replace=False)]
        return chosen


def quantised(gradient: npt.NDArray[np.float32], bound: float) -> npt.NDArray[np.uint64]:
    """Fixed point of a gradient (d,) cut to ±bound: integers in 0 … 2^BITS − 1."""
    top = (1 << BITS) - 1
    scaled = np.clip(gradient.astype(np.float64) / bound, -1, 1)
    return np.rint((scaled + 1) / 2 * top).astype(np.uint64)


def restored(mean: Floats, bound: float) -> Floats:
    """The gradient that a mean of fixed-point values (d,) stands for."""
    top = (1 << BITS) - 1
    back: Floats = (mean / top * 2 - 1) * bound
    return back
