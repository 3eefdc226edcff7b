"""CIFAR-10 and CIFAR-100 in their "binary version": colour images of 32 × 32 pixels.

Task options (the group's): ``classes`` 10 | 100 (the fine labels), ``partition``. Local option (the
peer's): ``data``, the folder that the archive unpacks to. A file is rows of one length: the labels,
a byte each, and 3,072 bytes of pixels, all of a colour after the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from peerd.errors import TaskError
from peerd.learning.settings import NO_DATA, Options, Partition
from peerd.learning.task import Batch, Samples, Task
from peerd.tasks.networks import convolutional
from peerd.tasks.partition import checked_partition, rows_of

if TYPE_CHECKING:
    import torch

SIDE = 32
CHANNELS = 3
PIXELS = CHANNELS * SIDE * SIDE
SPLIT_SEED = 20263
# CIFAR-100's training file has 154 MB.
MAX_BYTES = 512 << 20
_PICKLE = b"\x80\x02"  # how the files of the other version begin; no label is 128


@dataclass(frozen=True, slots=True)
class Form:
    """``labels``: how many classes each label of a row tells apart; the last is what is learnt."""

    archive: str
    training: tuple[str, ...]
    test: str
    labels: tuple[int, ...]


FORMS = {
    10: Form(
        "cifar-10-binary",
        tuple(f"data_batch_{number}.bin" for number in range(1, 6)),
        "test_batch.bin",
        (10,),
    ),
    100: Form("cifar-100-binary", ("train.bin",), "test.bin", (20, 100)),
}


class Cifar(Task):
    """The paper's network for MNIST, with three channels (its own for CIFAR is not described)."""

    def __init__(self, options: Options, local: Options) -> None:
        super().__init__(options, local)
        self.unknown_options({"classes", "partition"}, {"data"})
        classes = options.get("classes", 10)
        if classes not in FORMS or not isinstance(classes, int):
            raise TaskError(f"cifar: classes = {classes!r} must be 10 or 100")
        self.class_count = classes
        self.partition = checked_partition("cifar", options.get("partition", "iid"))
        if not isinstance(local.get("data"), str) and local is not NO_DATA:
            raise TaskError("cifar: local task option 'data' is missing", "name the folder")
        self.folder = Path(str(local.get("data")))

    def classes(self) -> Sequence[str]:
        """The labels' numbers: their names stand in a file of the archive."""
        return [str(label) for label in range(self.class_count)]

    def read(self, path: Path, labelled: bool) -> Iterable[Batch]:
        """The rows of one file of the archive, such as test_batch.bin, which has the labels too."""
        samples = _samples([path], FORMS[self.class_count])
        return [(samples.inputs, samples.targets if labelled else None)]

    def model(self) -> torch.nn.Module:
        """Inputs (n, 3, 32, 32)."""
        return convolutional(CHANNELS, SIDE, self.class_count)

    def data(self, partition: Partition) -> Samples:
        """This peer's share of the training files."""
        samples = self._training
        rows = rows_of(self.partition, samples.targets.numpy(), partition, SPLIT_SEED)
        return Samples(samples.inputs[rows], samples.targets[rows])

    def held_out(self) -> Samples:
        """The test file."""
        return self._held_out

    @cached_property
    def _training(self) -> Samples:
        return self._samples(FORMS[self.class_count].training)

    @cached_property
    def _held_out(self) -> Samples:
        return self._samples((FORMS[self.class_count].test,))

    def _samples(self, names: tuple[str, ...]) -> Samples:
        return _samples([self.folder / name for name in names], FORMS[self.class_count])


def _samples(paths: Iterable[Path], form: Form) -> Samples:
    import torch

    images, labels = zip(*(read_rows(path, form) for path in paths), strict=True)
    pixels = np.concatenate(images).astype(np.float32).reshape(-1, CHANNELS, SIDE, SIDE)
    pixels /= np.float32(127.5)
    pixels -= np.float32(1)
    return Samples(torch.from_numpy(pixels), torch.from_numpy(np.concatenate(labels)))


def read_rows(path: Path, form: Form) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images (n, 3072) and labels (n,) of one file. Raises TaskError."""
    width = len(form.labels) + PIXELS
    data = _contents(path, form)
    count, rest = divmod(len(data), width)
    if rest or not count:
        raise TaskError(
            f"{path} has {len(data)} bytes, and rows have {width}: row {count} ends after {rest}",
            f"fetch {form.archive} again",
        )
    rows = np.frombuffer(data, dtype=np.uint8).reshape(count, width)
    labels = rows[:, : len(form.labels)]
    outside = (labels >= np.array(form.labels)).any(axis=1)
    if outside.any():
        row = int(outside.argmax())
        shown = ", ".join(map(str, labels[row]))
        bounds = ", ".join(f"0…{classes - 1}" for classes in form.labels)
        raise TaskError(
            f"{path}: row {row} has label {shown}, outside {bounds}",
            f"this must be a file of {form.archive}",
        )
    return rows[:, len(form.labels) :], labels[:, -1].astype(np.int64)


def _contents(path: Path, form: Form) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        if path.with_suffix("").exists():
            raise _python_version(path.with_suffix(""), form) from None
        raise TaskError(
            f"can't read {path}: {error.strerror}",
            f"'data' must be the folder that {form.archive} unpacks to",
        ) from None
    if len(data) > MAX_BYTES:
        raise TaskError(f"{path} has more than {MAX_BYTES} bytes")
    if data.startswith(_PICKLE):
        raise _python_version(path, form)
    return data


def _python_version(path: Path, form: Form) -> TaskError:
    return TaskError(
        f"{path} is of the python (pickle) version", f"get the binary version, {form.archive}"
    )
