"""CIFAR's binary files: what they hold, and what is said of files that are something else."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from peerd.errors import TaskError
from peerd.learning.settings import Partition
from peerd.tasks import cifar
from peerd.tasks.cifar import FORMS, Cifar, read_rows

IMAGES = (np.arange(4 * 3072) % 251).astype(np.uint8).reshape(4, 3072)
TEN = bytes([0]), bytes([1]), bytes([2]), bytes([9])
HUNDRED = bytes([19, 0]), bytes([0, 99]), bytes([3, 5]), bytes([4, 7])


def batch(labels: tuple[bytes, ...] = TEN) -> bytes:
    """Rows as the archives have them: the labels, then the red, the green and the blue plane."""
    return b"".join(label + image.tobytes() for label, image in zip(labels, IMAGES, strict=False))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for form, labels in ((FORMS[10], TEN), (FORMS[100], HUNDRED)):
        for name in (*form.training, form.test):
            (tmp_path / name).write_bytes(batch(labels))
    return tmp_path


def test_the_files_have_the_archives_names() -> None:
    assert FORMS[10].training[::4] == ("data_batch_1.bin", "data_batch_5.bin")
    assert (len(FORMS[10].training), FORMS[10].test) == (5, "test_batch.bin")
    assert (FORMS[100].training, FORMS[100].test) == (("train.bin",), "test.bin")


def test_images_are_scaled_by_channel_and_dealt(folder: Path) -> None:
    task = Cifar({}, {"data": str(folder)})
    parts = [task.data(Partition(index, 3)) for index in range(3)]
    assert sorted(map(len, parts)) == [6, 7, 7]
    held = task.held_out()
    assert held.inputs.shape == (4, 3, 32, 32)
    assert held.targets.tolist() == [0, 1, 2, 9]
    for row, channel, y, x in ((1, 2, 31, 31), (0, 1, 0, 5)):
        pixel = int(IMAGES[row, channel * 1024 + y * 32 + x])
        assert float(held.inputs[row, channel, y, x]) == pytest.approx(pixel / 127.5 - 1)
    assert task.model()(held.inputs).shape == (4, 10)


def test_of_two_labels_the_fine_one_is_learnt(folder: Path) -> None:
    task = Cifar({"classes": 100}, {"data": str(folder)})
    assert sorted(task.data(Partition()).targets.tolist()) == [0, 5, 7, 99]
    assert task.held_out().targets.tolist() == [0, 99, 5, 7]
    assert task.model()(task.held_out().inputs).shape == (4, 100)


@pytest.mark.parametrize(
    ("data", "classes", "says"),
    [
        (b"", 10, "has 0 bytes, and rows have 3073: row 0 ends after 0; fetch cifar-10-binary"),
        (batch()[:-1], 10, "has 12291 bytes, and rows have 3073: row 3 ends after 3072; fetch"),
        (batch() + b"\0", 10, "row 4 ends after 1"),
        (batch(HUNDRED), 10, "row 4 ends after 4"),
        (batch(), 100, "rows have 3074: row 3 ends after 3070; fetch cifar-100-binary again"),
        (batch((*TEN[:2], b"\x0a")), 10, r"row 2 has label 10, outside 0…9; this must be a file"),
        (batch((*HUNDRED[:1], b"\x00\x64")), 100, r"row 1 has label 0, 100, outside 0…19, 0…99"),
        (batch((b"\x14\x63",)), 100, r"row 0 has label 20, 99, outside 0…19, 0…99"),
        (pickle.dumps({"data": 1}, 2), 10, "of the python .pickle. version; get the binary"),
    ],
)
def test_a_file_of_another_form_is_refused(
    tmp_path: Path, data: bytes, classes: int, says: str
) -> None:
    path = tmp_path / "batch.bin"
    path.write_bytes(data)
    with pytest.raises(TaskError, match=says) as caught:
        read_rows(path, FORMS[classes])
    assert str(caught.value).startswith(str(path))


def test_a_file_that_is_missing(folder: Path) -> None:
    path = folder / "data_batch_3.bin"
    path.unlink()
    says = f"can't read {path}: No such file or directory; 'data' must be the folder that cifar-10"
    with pytest.raises(TaskError, match=says):
        Cifar({}, {"data": str(folder)}).data(Partition())
    (folder / "data_batch_3").write_bytes(b"\x80\x02}")
    with pytest.raises(TaskError, match=r"data_batch_3 is of the python \(pickle\) version; get"):
        Cifar({}, {"data": str(folder)}).data(Partition())


def test_no_more_is_read_than_the_bound(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cifar, "MAX_BYTES", 3 * 3073)
    with pytest.raises(TaskError, match=r"test_batch\.bin has more than 9219 bytes"):
        Cifar({}, {"data": str(folder)}).held_out()
    with pytest.raises(TaskError, match="/dev/zero has more than 9219 bytes"):
        read_rows(Path("/dev/zero"), FORMS[10])


def test_options_that_do_not_fit_are_refused(folder: Path) -> None:
    local = {"data": str(folder)}
    for options, files, says in (
        ({"classes": 20}, local, "10 or 100"),
        ({"partition": "x"}, local, "cifar: partition"),
        ({}, {}, "'data' is missing"),
        ({"hidden": 3}, local, "unknown task option 'hidden'"),
    ):
        with pytest.raises(TaskError, match=says):
            Cifar(options, files)
