"""Labelled images in IDX files: MNIST, EMNIST, Fashion-MNIST.

Task options (the group's): ``model`` mlp | cnn, ``hidden`` units of the mlp, ``classes``, ``side``
of the square images, ``first_label`` (1 for EMNIST letters), ``transposed`` (true for EMNIST: its
files hold each image mirrored at the diagonal, against MNIST's), ``partition`` (tasks.partition).
Local options (the peer's): ``images`` and ``labels``, its training files, ``held_out_images`` and
``held_out_labels``. The files are read once, however many peers of a laboratory share a task.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from peerd.errors import TaskError
from peerd.learning.settings import NO_DATA, Options, Partition
from peerd.learning.task import Batch, Samples, Task
from peerd.tasks.idx import read_idx
from peerd.tasks.networks import MIN_SIDE, convolutional
from peerd.tasks.partition import checked_partition, rows_of

if TYPE_CHECKING:
    import torch

MAX_CLASSES = 1000
MAX_SIDE = 256
MAX_HIDDEN = 4096
SPLIT_SEED = 20262
_FILES = ("images", "labels", "held_out_images", "held_out_labels")


class Images(Task):
    """Grey images, for a perceptron with one hidden layer or the paper's convolutional network."""

    def __init__(self, options: Options, local: Options) -> None:
        super().__init__(options, local)
        known = {"model", "classes", "side", "hidden", "first_label", "transposed", "partition"}
        self.unknown_options(known, set(_FILES))
        self.class_count = self._integer("classes", 10, 2, MAX_CLASSES)
        self.side = self._integer("side", 28, 1, MAX_SIDE)
        self.hidden = self._integer("hidden", 64, 1, MAX_HIDDEN)
        self.first_label = self._integer("first_label", 0, 0, 255)
        self.partition = checked_partition("images", options.get("partition", "iid"))
        self.kind = options.get("model", "mlp")
        if self.kind not in ("mlp", "cnn"):
            raise TaskError(f"images: model {self.kind!r} is neither mlp nor cnn")
        if self.kind == "cnn" and self.side < MIN_SIDE:
            raise TaskError(f"images: a cnn needs a side of at least {MIN_SIDE}, not {self.side}")
        self.transposed = options.get("transposed", False)
        if not isinstance(self.transposed, bool):
            raise TaskError(f"images: transposed = {self.transposed!r} must be true or false")
        for name in _FILES:
            if not isinstance(local.get(name), str) and local is not NO_DATA:
                raise TaskError(f"images: local task option {name!r} is missing", "name the file")

    def classes(self) -> Sequence[str]:
        """The labels as the files have them."""
        return [str(self.first_label + label) for label in range(self.class_count)]

    def read(self, path: Path, labelled: bool) -> Iterable[Batch]:
        """The images of an IDX file, whose labels are in the file beside it that is named alike:
        ``labels`` for ``images``, ``idx1`` for ``idx3``.
        """
        name = path.name.replace("images", "labels").replace("idx3", "idx1")
        if labelled and name == path.name:
            raise TaskError(
                f"{path} says not where its labels are", "name it …images…, they …labels…"
            )
        pixels = self._pixels(path)
        return [(pixels, self._labels(path.with_name(name), len(pixels)) if labelled else None)]

    def model(self) -> torch.nn.Module:
        """side²–hidden–classes, or the paper's network (1,199,882 parameters at 28 and 10)."""
        import torch

        if self.kind == "cnn":
            shape = torch.nn.Unflatten(1, (1, self.side, self.side))
            return torch.nn.Sequential(shape, convolutional(1, self.side, self.class_count))
        return torch.nn.Sequential(
            torch.nn.Linear(self.side * self.side, self.hidden),
            torch.nn.ReLU(),
            torch.nn.Linear(self.hidden, self.class_count),
        )

    def data(self, partition: Partition) -> Samples:
        """This peer's share of its training files."""
        samples = self._training
        rows = rows_of(self.partition, samples.targets.numpy(), partition, SPLIT_SEED)
        return Samples(samples.inputs[rows], samples.targets[rows])

    def held_out(self) -> Samples:
        """The held-out files."""
        return self._held_out

    @cached_property
    def _training(self) -> Samples:
        return self._samples("images", "labels")

    @cached_property
    def _held_out(self) -> Samples:
        return self._samples("held_out_images", "held_out_labels")

    def _samples(self, images_key: str, labels_key: str) -> Samples:
        pixels = self._pixels(Path(str(self.local[images_key])))
        return Samples(pixels, self._labels(Path(str(self.local[labels_key])), len(pixels)))

    def _pixels(self, path: Path) -> torch.Tensor:
        """(n, side²), in 0…1."""
        import torch

        images = read_idx(path)
        if images.ndim != 3 or images.shape[1:] != (self.side, self.side):
            raise TaskError(
                f"{path} holds an array of shape {images.shape},"
                f" not images of {self.side} × {self.side}"
            )
        if self.transposed:
            images = images.transpose(0, 2, 1)
        pixels = images.reshape(len(images), -1).astype(np.float32) / np.float32(255)
        return torch.from_numpy(pixels)

    def _labels(self, path: Path, count: int) -> torch.Tensor:
        """(``count``,), from 0 on."""
        import torch

        labels = read_idx(path)
        if labels.shape != (count,):
            raise TaskError(f"{path} has {labels.size} labels for {count} images")
        targets = labels.astype(np.int64) - self.first_label
        if labels.size and not 0 <= targets.min() <= targets.max() < self.class_count:
            raise TaskError(
                f"{path} has labels outside {self.first_label}…"
                f"{self.first_label + self.class_count - 1}"
            )
        return torch.from_numpy(targets)

    def _integer(self, key: str, default: int, low: int, high: int) -> int:
        value = self.options.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise TaskError(f"images: {key} = {value!r} must be in {low}…{high}")
        return value
