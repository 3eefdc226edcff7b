"""Labelled images in IDX files: MNIST, EMNIST, Fashion-MNIST.

Task options (the group's): ``classes``, ``side`` of the square images, ``hidden`` units,
``first_label`` (1 for EMNIST letters), ``partition`` iid | label. Local options (the peer's):
``images`` and ``labels``, its training files, ``held_out_images`` and ``held_out_labels``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from peerd.errors import TaskError
from peerd.learning.settings import Options, Partition
from peerd.learning.task import Samples, Task
from peerd.tasks.idx import read_idx
from peerd.tasks.partition import PARTITIONS, rows_of

if TYPE_CHECKING:
    import torch

MAX_CLASSES = 1000
MAX_SIDE = 256
MAX_HIDDEN = 4096
SPLIT_SEED = 20262
_FILES = ("images", "labels", "held_out_images", "held_out_labels")


class Images(Task):
    """A perceptron with one hidden layer on grey images."""

    def __init__(self, options: Options, local: Options) -> None:
        super().__init__(options, local)
        self.unknown_options({"classes", "side", "hidden", "first_label", "partition"}, set(_FILES))
        self.classes = self._integer("classes", 10, 2, MAX_CLASSES)
        self.side = self._integer("side", 28, 1, MAX_SIDE)
        self.hidden = self._integer("hidden", 64, 1, MAX_HIDDEN)
        self.first_label = self._integer("first_label", 0, 0, 255)
        self.partition = options.get("partition", "iid")
        if self.partition not in PARTITIONS:
            known = " or ".join(PARTITIONS)
            raise TaskError(f"images: partition {self.partition!r} is not {known}")
        for name in _FILES:
            if not isinstance(local.get(name), str):
                raise TaskError(f"images: local task option {name!r} is missing", "name the file")

    def model(self) -> torch.nn.Module:
        """side²–hidden–classes."""
        import torch

        return torch.nn.Sequential(
            torch.nn.Linear(self.side * self.side, self.hidden),
            torch.nn.ReLU(),
            torch.nn.Linear(self.hidden, self.classes),
        )

    def data(self, partition: Partition) -> Samples:
        """This peer's share of its training files."""
        samples = self._samples("images", "labels")
        rows = rows_of(str(self.partition), samples.targets.numpy(), partition, SPLIT_SEED)
        return Samples(samples.inputs[rows], samples.targets[rows])

    def held_out(self) -> Samples:
        """The held-out files."""
        return self._samples("held_out_images", "held_out_labels")

    def _samples(self, images_key: str, labels_key: str) -> Samples:
        import torch

        images_path, labels_path = (
            Path(str(self.local[images_key])),
            Path(str(self.local[labels_key])),
        )
        images, labels = read_idx(images_path), read_idx(labels_path)
        if images.ndim != 3 or images.shape[1:] != (self.side, self.side):
            raise TaskError(
                f"{images_path} holds an array of shape {images.shape},"
                f" not images of {self.side} × {self.side}"
            )
        if labels.shape != images.shape[:1]:
            raise TaskError(f"{labels_path} has {labels.size} labels for {len(images)} images")
        targets = labels.astype(np.int64) - self.first_label
        if labels.size and not 0 <= targets.min() <= targets.max() < self.classes:
            raise TaskError(
                f"{labels_path} has labels outside {self.first_label}…"
                f"{self.first_label + self.classes - 1}"
            )
        pixels = images.reshape(len(images), -1).astype(np.float32) / np.float32(255)
        return Samples(torch.from_numpy(pixels), torch.from_numpy(targets))

    def _integer(self, key: str, default: int, low: int, high: int) -> int:
        value = self.options.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise TaskError(f"images: {key} = {value!r} must be in {low}…{high}")
        return value
