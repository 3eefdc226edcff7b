"""IDX files and the task on them, on small files that the test writes."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from peerd.errors import TaskError
from peerd.learning.settings import Partition
from peerd.learning.shared import SharedModel
from peerd.tasks.idx import MAX_BYTES, read_idx
from peerd.tasks.images import Images


def idx(array: np.ndarray) -> bytes:
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.astype(np.uint8).tobytes()


ARRAY = np.arange(24).reshape(2, 3, 4)


@pytest.mark.parametrize("packed", [False, True])
def test_an_array_survives(tmp_path: Path, packed: bool) -> None:
    path = tmp_path / "file"
    path.write_bytes(gzip.compress(idx(ARRAY)) if packed else idx(ARRAY))
    assert np.array_equal(read_idx(path), ARRAY)


def huge() -> bytes:
    return bytes([0, 0, 8, 1]) + (MAX_BYTES + 1).to_bytes(4, "big")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "not an IDX"),
        (b"\x00\x00\x08", "not an IDX"),
        (b"P5\n28 28\n", "not an IDX"),
        (b"\x00\x00\x0d" + idx(ARRAY)[3:], "type 0x0d"),
        (b"\x00\x00\x08\x00", "0 dimensions"),
        (b"\x00\x00\x08\xff", "255 dimensions"),
        (idx(ARRAY)[:9], "within its header"),
        (idx(ARRAY)[:-1], "announces 24 bytes and holds 23"),
        (idx(ARRAY) + b"x", "holds more"),
        (huge(), "at most"),
        # An empty array of a shape that numpy can't make; found by the fuzzer.
        (b"\x00\x00\x08\x03" + bytes(4) + b"\xff" * 8, "at most"),
        (gzip.compress(idx(ARRAY))[:-9], "damaged gzip"),
        (gzip.compress(idx(ARRAY))[:10] + b"\x07" * 30, "damaged gzip"),
    ],
    ids=lambda value: value if isinstance(value, str) else "bytes",
)
def test_whatever_is_not_one_is_refused(tmp_path: Path, data: bytes, says: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    with pytest.raises(TaskError, match=says):
        read_idx(path)


def test_a_gzip_bomb_is_cut_at_the_announced_size(tmp_path: Path) -> None:
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(idx(ARRAY) + bytes(50_000_000)))
    with pytest.raises(TaskError, match="holds more"):
        read_idx(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match=r"missing: No such file"):
        read_idx(tmp_path / "missing")


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    local = {}
    for prefix, count in (("", 12), ("held_out_", 5)):
        images = np.arange(count * 9).reshape(count, 3, 3) % 256
        for name, array in (("images", images), ("labels", np.arange(count) % 3 + 1)):
            path = tmp_path / f"{prefix}{name}"
            path.write_bytes(idx(array))
            local[f"{prefix}{name}"] = str(path)
    return local


OPTIONS = {"classes": 3, "side": 3, "hidden": 4, "first_label": 1}


def test_images_are_scaled_and_dealt(files: dict[str, str]) -> None:
    task = Images(OPTIONS, files)
    assert [len(task.data(Partition(index, 5))) for index in range(5)] == [3, 3, 2, 2, 2]
    held = task.held_out()
    assert held.targets.tolist() == [0, 1, 2, 0, 1]
    assert held.inputs.shape == (5, 9)
    assert held.inputs[1].tolist() == pytest.approx([value / 255 for value in range(9, 18)])
    assert task.model()(held.inputs).shape == (5, 3)


def test_emnist_files_are_mirrored_at_the_diagonal(files: dict[str, str]) -> None:
    plain = Images(OPTIONS, files).held_out().inputs.view(5, 3, 3)
    mirrored = Images({**OPTIONS, "transposed": True}, files).held_out().inputs.view(5, 3, 3)
    assert mirrored.equal(plain.transpose(1, 2))
    assert not mirrored.equal(plain)


def test_the_papers_network(files: dict[str, str], tmp_path: Path) -> None:
    """1.2 million parameters, as §B.5.1 says; and it takes images of other sides."""
    network = Images({"model": "cnn"}, files).model()
    assert SharedModel(network).parameters == 1_199_882
    images = tmp_path / "images-8"
    images.write_bytes(idx(np.arange(12 * 64).reshape(12, 8, 8) % 256))
    task = Images({**OPTIONS, "model": "cnn", "side": 8}, {**files, "images": str(images)})
    assert task.model()(task.data(Partition()).inputs).shape == (12, 3)


def test_files_that_do_not_fit_are_refused(files: dict[str, str]) -> None:
    for options, local, says in (
        ({**OPTIONS, "side": 4}, files, "not images of 4"),
        ({**OPTIONS, "classes": 2}, files, r"labels outside 1…2"),
        ({**OPTIONS, "first_label": 2}, files, r"labels outside 2…4"),
        (OPTIONS, {**files, "held_out_labels": files["labels"]}, "12 labels for 5"),
        (OPTIONS, {**files, "held_out_images": files["labels"]}, "array of shape"),
        (OPTIONS, {}, "'images' is missing"),
        ({**OPTIONS, "hidden": 0}, files, "hidden"),
        ({**OPTIONS, "partition": 1}, files, "partition"),
        ({**OPTIONS, "transposed": 1}, files, "transposed"),
        ({**OPTIONS, "model": "resnet"}, files, "neither mlp nor cnn"),
        ({**OPTIONS, "model": "cnn"}, files, "side of at least 6"),
    ):
        with pytest.raises(TaskError, match=says):
            Images(options, local).held_out()
