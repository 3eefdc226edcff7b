"""What the tasks that ship take from a file to predict on; the line for one that doesn't fit."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from peerd.errors import TaskError
from peerd.learning.settings import IGNORED, NO_DATA
from peerd.tasks.cifar import Cifar
from peerd.tasks.digits import Digits, _file
from peerd.tasks.examination import Selection, derive_schema
from peerd.tasks.images import Images
from peerd.tasks.prediction import ROWS_AT_ONCE
from peerd.tasks.table import Table


def idx(path: Path, array: np.ndarray) -> Path:
    head = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    path.write_bytes(head + array.astype(np.uint8).tobytes())
    return path


def one(found: Any) -> Any:
    ((inputs, targets),) = found
    return inputs, targets


def test_images_find_their_labels_beside_them(tmp_path: Path) -> None:
    task = Images({"side": 3, "classes": 4, "first_label": 1}, NO_DATA)
    assert task.classes() == ["1", "2", "3", "4"]
    pixels = np.arange(18).reshape(2, 3, 3)
    path = idx(tmp_path / "t10k-images-idx3-ubyte", pixels)
    inputs, targets = one(task.read(path, False))
    assert targets is None and torch.equal(
        inputs, torch.from_numpy(pixels.reshape(2, 9) / 255).float()
    )
    with pytest.raises(TaskError, match=r"can't read .*t10k-labels-idx1-ubyte"):
        task.read(path, True)
    idx(tmp_path / "t10k-labels-idx1-ubyte", np.array([1, 4]))
    assert one(task.read(path, True))[1].tolist() == [0, 3]
    idx(tmp_path / "t10k-labels-idx1-ubyte", np.array([1, 4, 1]))
    with pytest.raises(TaskError, match="3 labels for 2 images"):
        task.read(path, True)
    with pytest.raises(TaskError, match="says not where its labels are"):
        task.read(idx(tmp_path / "x", pixels), True)
    with pytest.raises(TaskError, match="not images of 3 × 3"):
        task.read(tmp_path / "t10k-labels-idx1-ubyte", False)


def test_a_file_of_cifar_has_its_labels(tmp_path: Path) -> None:
    task = Cifar({}, NO_DATA)
    rows = np.zeros((2, 3073), np.uint8)
    rows[:, 0], rows[1, 1:] = [7, 3], 255
    (tmp_path / "some.bin").write_bytes(rows.tobytes())
    inputs, targets = one(task.read(tmp_path / "some.bin", True))
    assert inputs.shape == (2, 3, 32, 32) and targets.tolist() == [7, 3]
    assert inputs[0].unique().tolist() == [-1] and inputs[1].unique().tolist() == [1]
    assert one(task.read(tmp_path / "some.bin", False))[1] is None
    assert list(task.classes()) == [str(n) for n in range(10)]


def test_digits_are_read_as_they_ship(tmp_path: Path) -> None:
    task = Digits({}, NO_DATA)
    text = gzip.decompress(_file().read_bytes()).decode()
    held = task.held_out()
    for name, data in (
        ("plain.csv", text.encode()),
        ("packed.csv.gz", gzip.compress(text.encode())),
        ("header.csv", (",".join(f"p{n}" for n in range(65)) + "\n" + text).encode()),
        ("windows.csv", b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode()),
    ):
        (tmp_path / name).write_bytes(data)
        inputs, targets = one(task.read(tmp_path / name, True))
        assert inputs.shape == (1797, 64) and one(task.read(tmp_path / name, False))[1] is None
        rows = {
            row.numpy().tobytes(): int(label) for row, label in zip(inputs, targets, strict=True)
        }
        for row, label in zip(held.inputs, held.targets, strict=True):
            assert rows[row.numpy().tobytes()] == label
    (tmp_path / "bare.csv").write_text("\n".join(",".join(["1"] * 64) for _ in range(3)))
    assert one(task.read(tmp_path / "bare.csv", False))[0].shape == (3, 64)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "has no rows"),
        ("a,b\n\n", "has no rows"),
        ("1,2\n", "has 2 columns, and not 64 pixels and a digit"),
        ("1,2\n1\n", "is no CSV of numbers"),
        ("1,Smith\n", "is no CSV of numbers"),
        (",".join(["1"] * 64), "has 64 columns"),
        (",".join(["1"] * 65 + ["2"]), "has 66 columns"),
        (",".join(["1"] * 64 + ["10"]), "the label of row 1 is no digit"),
        (",".join(["1"] * 64 + ["1.5"]), "the label of row 1 is no digit"),
        (",".join(["1"] * 64 + ["1"]) + "\n" + ",".join(["nan"] * 65), "nan or infinite"),
    ],
)
def test_no_digits_are_one_line(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(TaskError, match=says) as caught:
        Digits({}, NO_DATA).read(tmp_path / "x.csv", True)
    assert "Smith" not in str(caught.value)


def test_a_table_is_read_in_parts_and_in_order(tmp_path: Path) -> None:
    rows = 2 * ROWS_AT_ONCE + 7
    text = "".join(f"{n},{'' if n % 5 == 0 else 'no' if n % 2 else 'yes'}\n" for n in range(rows))
    (tmp_path / "rows.csv").write_text("age,sick\n" + text)
    schema, _ = derive_schema(tmp_path / "rows.csv", "sick", Selection(keep=("age",)))
    task = Table({"schema": schema, "hidden": 0}, NO_DATA)
    parts = list(task.read(tmp_path / "rows.csv", True))
    assert len(parts) == 3 and list(task.classes()) == ["no", "yes"] and task.label() == "sick"
    targets = np.concatenate([each[1] for each in parts])
    wanted = [IGNORED if n % 5 == 0 else int(n % 2 == 0) for n in range(rows)]
    assert targets.tolist() == wanted
    inputs = np.concatenate([each[0] for each in parts])
    assert (np.diff(inputs[:, 0]) > 0).all() and not inputs[:, 1].any()
