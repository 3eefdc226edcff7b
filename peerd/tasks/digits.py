"""Handwritten digits: 1,797 grey images of 8 × 8 pixels, shipped with scikit-learn.

The last step of every figure of the paper at a size that trains in seconds. The held-out set is
the same 360 images for everybody; the other 1,437 are partitioned among the peers.
"""

from __future__ import annotations

import gzip
import importlib.util
import re
import zlib
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from peerd.errors import TaskError
from peerd.extras import need
from peerd.learning.settings import Options, Partition
from peerd.learning.task import Batch, Samples, Task
from peerd.tasks.partition import checked_partition, rows_of

SIDE = 8
PIXELS = SIDE * SIDE
SCALE = np.float32(8)
CLASSES = 10
HELD_OUT = 360
ROOT = 100
MAX_HIDDEN = 4096
# Fixes which images are held out and how the others are dealt: part of the task, not of a run.
SPLIT_SEED = 20260
_NUMBER = re.compile(r"\s*[-+.\d]")


class Digits(Task):
    """Options: ``model`` mlp | cnn, ``hidden`` units of the mlp, ``partition``."""

    common_held_out = True

    def __init__(self, options: Options, local: Options) -> None:
        super().__init__(options, local)
        need("the task digits", "sklearn", TaskError)
        self.unknown_options({"model", "hidden", "partition"}, set())
        self.kind = options.get("model", "mlp")
        self.hidden = options.get("hidden", 64)
        self.partition = checked_partition("digits", options.get("partition", "iid"))
        if self.kind not in ("mlp", "cnn"):
            raise TaskError(f"digits: model {self.kind!r} is neither mlp nor cnn")
        if (
            not isinstance(self.hidden, int)
            or isinstance(self.hidden, bool)
            or not 1 <= self.hidden <= MAX_HIDDEN
        ):
            raise TaskError(f"digits: hidden = {self.hidden!r} must be in 1…{MAX_HIDDEN}")

    def classes(self) -> Sequence[str]:
        """The digits."""
        return [str(digit) for digit in range(CLASSES)]

    def read(self, path: Path, labelled: bool) -> Iterable[Batch]:
        """A CSV with or without a header: 64 grey values 0…16 a row, and the digit behind them, as
        scikit-learn's own file has it.
        """
        table = _table(path)
        if table.shape[1] not in (PIXELS, PIXELS + 1) or (labelled and table.shape[1] == PIXELS):
            wanted = f"{PIXELS} pixels{' and a digit' if labelled else ''}"
            raise TaskError(f"{path} has {table.shape[1]} columns, and not {wanted}")
        inputs = torch.from_numpy(table[:, :PIXELS] / SCALE - _shipped()[2])
        targets = torch.from_numpy(_digits_of(path, table[:, -1])) if labelled else None
        return [(inputs, targets)]

    def model(self) -> torch.nn.Module:
        """mlp 64–hidden–10 (4,810 parameters at 64), or a cnn of 1,446 parameters."""
        if self.kind == "cnn":
            return torch.nn.Sequential(
                torch.nn.Unflatten(1, (1, SIDE, SIDE)),
                torch.nn.Conv2d(1, 8, 3, padding=1),
                torch.nn.ReLU(),
                torch.nn.MaxPool2d(2),
                torch.nn.Conv2d(8, 12, 3, padding=1),
                torch.nn.ReLU(),
                torch.nn.MaxPool2d(2),
                torch.nn.Flatten(),
                torch.nn.Linear(48, CLASSES),
            )
        assert isinstance(self.hidden, int)
        return torch.nn.Sequential(
            torch.nn.Linear(SIDE * SIDE, self.hidden),
            torch.nn.ReLU(),
            torch.nn.Linear(self.hidden, CLASSES),
        )

    def data(self, partition: Partition) -> Samples:
        """This peer's share of the training images."""
        inputs, targets = _images()
        inputs, targets = inputs[HELD_OUT:], targets[HELD_OUT:]
        rows = rows_of(self.partition, targets, partition, SPLIT_SEED)
        return _samples(inputs[rows], targets[rows])

    def root(self) -> Samples:
        """The first of the training images, public here as all of them are; peers have them too."""
        inputs, targets = _images()
        return _samples(inputs[HELD_OUT:][:ROOT], targets[HELD_OUT:][:ROOT])

    def held_out(self) -> Samples:
        """The same images at every peer."""
        inputs, targets = _images()
        return _samples(inputs[:HELD_OUT], targets[:HELD_OUT])


def _samples(inputs: NDArray[np.float32], targets: NDArray[np.int64]) -> Samples:
    return Samples(torch.from_numpy(inputs.copy()), torch.from_numpy(targets.copy()))


def _images() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Pixels (1797, 64) about 0 and labels (1797,), in a fixed random order."""
    pixels, targets, _ = _shipped()
    return pixels, targets


@cache
def _shipped() -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32]]:
    """Pixels and labels, and the centre (64,) that was taken from the pixels.

    It is the mean training image, which is public here as the data are: every signed step of RSA is
    equally long in all coordinates, so inputs that share an offset cost it many rounds.
    """
    table = np.loadtxt(_file(), delimiter=",", dtype=np.float32)
    order = np.random.default_rng(SPLIT_SEED).permutation(len(table))
    table = table[order]
    pixels = table[:, :PIXELS] / SCALE
    centre = pixels[HELD_OUT:].mean(axis=0, dtype=np.float64).astype(np.float32)
    return pixels - centre, table[:, -1].astype(np.int64), centre


def _table(path: Path) -> NDArray[np.float32]:
    """The numbers (n, columns) of a CSV. TaskError, which quotes none of them."""
    try:
        data = path.read_bytes()
        text = (gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data).decode()
        lines = text.removeprefix("\ufeff").splitlines()
        header = bool(lines) and not _NUMBER.match(lines[0])
        if not any(map(str.strip, lines[header:])):
            raise TaskError(f"{path} has no rows", "add rows")
        table = np.loadtxt(lines[header:], delimiter=",", dtype=np.float32, ndmin=2)
    except OSError as error:
        raise TaskError(f"can't read {path}: {error.strerror or 'damaged'}") from None
    except (ValueError, EOFError, zlib.error):
        raise TaskError(f"{path} is no CSV of numbers", "a row is 64 grey values 0…16") from None
    if not np.isfinite(table).all():
        raise TaskError(f"{path} has numbers that are nan or infinite", "leave these rows out")
    return table


def _digits_of(path: Path, column: NDArray[np.float32]) -> NDArray[np.int64]:
    digits = column.astype(np.int64)
    wrong = (digits != column) | (digits < 0) | (digits >= CLASSES)
    if wrong.any():
        row = int(wrong.argmax()) + 1
        raise TaskError(f"{path}: the label of row {row} is no digit", "the last column is 0…9")
    return digits


def _file() -> Path:
    """The file inside scikit-learn; importing the library itself costs 80 MB for each worker."""
    spec = importlib.util.find_spec("sklearn")
    assert spec is not None and spec.submodule_search_locations  # or there would be no task
    path = Path(spec.submodule_search_locations[0]) / "datasets" / "data" / "digits.csv.gz"
    if not path.is_file():
        raise TaskError(f"digits: scikit-learn has no {path.name}", "reinstall scikit-learn")
    return path
