"""CIFAR's pickles, read without unpickling: what they hold, and everything that is refused."""

from __future__ import annotations

import os
import pickle
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peerd.errors import TaskError
from peerd.learning.settings import Partition
from peerd.tasks.cifar import Cifar
from peerd.tasks.pickled import read_pickle

IMAGES = (np.arange(4 * 3072) % 251).astype(np.uint8).reshape(4, 3072)


def text(value: str) -> bytes:
    data = value.encode("latin-1")
    if len(data) < 256:
        return b"U" + bytes([len(data)]) + data
    return b"T" + len(data).to_bytes(4, "little") + data


def number(value: int) -> bytes:
    if 0 <= value < 256:
        return b"K" + bytes([value])
    if 0 <= value < 65536:
        return b"M" + value.to_bytes(2, "little")
    return b"J" + value.to_bytes(4, "little", signed=True)


def array(values: np.ndarray, module: str = "numpy.core.multiarray", code: str = "u1") -> bytes:
    """As Python 2's cPickle writes an array with protocol 2."""
    shape = b"(" + b"".join(number(size) for size in values.shape) + b"t"
    kind = b"cnumpy\ndtype\nq\x20" + text(code) + number(0) + number(1) + b"\x87Rq\x21("
    kind += number(3) + text("|") + b"NNN" + number(-1) + number(-1) + number(0) + b"tb"
    return (
        b"c" + module.encode() + b"\n_reconstruct\nq\x22cnumpy\nndarray\n"
        + b"q\x23" + number(0) + b"\x85" + text("b") + b"\x87Rq\x24("
        + number(1) + shape + kind + b"\x89" + text(values.tobytes().decode("latin-1")) + b"tb"
    )  # fmt: skip


def listed(values: list[bytes]) -> bytes:
    return b"]q\x05(" + b"".join(values) + b"e"


def batch(
    images: np.ndarray = IMAGES, labels: list[int] | None = None, key: str = "labels"
) -> bytes:
    given = [number(label) for label in (range(len(images)) if labels is None else labels)]
    fields = [
        (text("batch_label"), text("training batch 1 of 5")),
        (text(key), listed(given)),
        (text("data"), array(images)),
        (text("filenames"), listed([text(f"file_{i}.png") for i in range(len(images))])),
    ]
    return b"\x80\x02}q\x01(" + b"".join(k + b"q\x02" + v for k, v in fields) + b"u."


def written(folder: Path, data: bytes, name: str = "batch") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def test_it_reads_what_python_would(tmp_path: Path) -> None:
    """The real unpickler agrees that this is the file that it is taken for."""
    true = pickle.loads(batch(), encoding="latin-1")
    found = read_pickle(written(tmp_path, batch()))
    assert set(found) == set(true) == {"batch_label", "labels", "data", "filenames"}
    assert np.array_equal(found["data"], true["data"]) and np.array_equal(true["data"], IMAGES)
    for key in ("batch_label", "labels", "filenames"):
        assert found[key] == true[key]


def test_an_array_that_is_remembered_and_used_again_is_the_array(tmp_path: Path) -> None:
    data = b"\x80\x02}(" + text("a") + array(IMAGES) + text("b") + b"h\x24u."
    found = read_pickle(written(tmp_path, data))
    assert np.array_equal(found["b"], IMAGES)


class Attack:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch pwned",)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (pickle.dumps({"a": Attack()}, protocol=2), r"it names '(posix|nt).system'"),
        (b"\x80\x02cbuiltins\neval\n" + text("1") + b"\x85R.", "it names 'builtins.eval'"),
        (b"\x80\x02cnumpy\nload\n" + text("x") + b"\x85R.", r"it names 'numpy\.load'"),
        (b"\x80\x02cnumpy\nndarray\n" + number(9) + b"\x85R.", "it calls numpy.ndarray"),
        (b"\x80\x02(cnumpy\nndarray\no.", "it uses OBJ"),
        (b"\x80\x02}(U\x01a" + b"(dU\x01bNsu.", "it uses DICT"),
        (pickle.dumps({"a": 1}, protocol=4), "protocol 4"),
        (pickle.dumps({"a": 1}, protocol=0), "it uses"),
        (pickle.dumps({"a": 1.5}, protocol=2), "it uses BINFLOAT"),
        (pickle.dumps([1], protocol=2), "no dictionary"),
        (b"\x80\x02}.}", "something follows"),
        (b"\x80\x02}}.", "leaves something over"),
        (b"\x80\x02}", "damaged|no end"),
        (b"\x80\x02.", "nothing to work on"),
        (b"\x80\x02}t.", "a mark is missing"),
        (b"\x80\x02}h\x07.", "remembers nothing under 7"),
        (b"\x80\x02}(U\x01au.", "a key has no value"),
        (b"\x80\x02}(K\x01K\x02u.", "the key 1 is no text"),
        (b"\x80\x02}(U\x01aNU\x01aNu.", "is there twice"),
        (b"\x80\x02K\x01K\x02a.", "wants a list"),
        (b"\x80\x02}K\x01b.", "builds what is no array"),
        (b"\x80\x02}(U\x01a" + array(IMAGES, code="i8") + b"u.", "something else than bytes"),
        (b"\x80\x02}(U\x01a" + array(IMAGES).replace(b"M\x00\x0c", b"M\x01\x0c") + b"u.", "shape"),
        (b"\x80\x02}(U\x01a" + array(IMAGES, "os") + b"u.", "it names 'os._reconstruct'"),
        (b"", "damaged"),
        (b"\x80\x02}(T\xff\xff\xff\x7fabc", "damaged"),
    ],
)
def test_everything_else_is_refused_and_nothing_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes, says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TaskError, match=says):
        read_pickle(written(tmp_path, data))
    assert not (tmp_path / "pwned").exists()


@settings(max_examples=300)
@given(data=st.data())
def test_a_damaged_file_is_a_task_error_or_the_dictionary(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    raw = bytearray(batch(IMAGES[:1, :12]))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(raw)))
    path = tmp_path_factory.getbasetemp() / "damaged"
    path.write_bytes(raw[:cut] if data.draw(st.booleans()) else raw)
    with suppress(TaskError):
        assert isinstance(read_pickle(path), dict)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"):
        written(tmp_path, batch(), name)
    for name in ("train", "test"):
        written(tmp_path, batch(labels=[0, 99, 5, 7], key="fine_labels"), name)
    return tmp_path


def test_images_are_scaled_by_channel_and_dealt(folder: Path) -> None:
    task = Cifar({}, {"data": str(folder)})
    parts = [task.data(Partition(index, 3)) for index in range(3)]
    assert sorted(map(len, parts)) == [6, 7, 7]
    held = task.held_out()
    assert held.inputs.shape == (4, 3, 32, 32)
    assert held.targets.tolist() == [0, 1, 2, 3]
    assert float(held.inputs[1, 2, 31, 31]) == pytest.approx(int(IMAGES[1, -1]) / 127.5 - 1)
    assert task.model()(held.inputs).shape == (4, 10)
    hundred = Cifar({"classes": 100}, {"data": str(folder)})
    assert sorted(hundred.data(Partition()).targets.tolist()) == [0, 5, 7, 99]


def test_files_and_options_that_do_not_fit_are_refused(folder: Path) -> None:
    local = {"data": str(folder)}
    for options, files, says in (
        ({"classes": 20}, local, "10 or 100"),
        ({"partition": "x"}, local, "cifar: partition"),
        ({}, {}, "'data' is missing"),
        ({"hidden": 3}, local, "unknown task option 'hidden'"),
        ({}, {"data": str(folder / "gone")}, "can't read"),
    ):
        with pytest.raises(TaskError, match=says):
            Cifar(options, files).held_out()
    for data, says in (
        (batch(labels=[0, 1, 2]), "no labels for its 4 images"),
        (batch(labels=[0, 1, 2, 10]), r"labels outside 0…9"),
        (batch(IMAGES[:, :30]), "no images"),
        (batch(key="fine_labels"), "no labels"),
    ):
        written(folder, data, "test_batch")
        with pytest.raises(TaskError, match=says):
            Cifar({}, local).held_out()


def test_an_odd_escape_in_a_string_is_an_error_of_the_file_and_no_warning(tmp_path: Path) -> None:
    path = tmp_path / "batch"
    path.write_bytes(b"S'\\u'\n.")
    with pytest.raises(TaskError, match="pickle of a data set"):
        read_pickle(path)
