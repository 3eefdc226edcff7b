"""A first model that comes from a file: what fits, what does not, and hostile files."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from peerd.errors import TaskError
from peerd.learning.client import Client
from peerd.learning.fitted import FittedClient
from peerd.learning.settings import Partition
from peerd.learning.start import fill_module
from peerd.learning.start_file import Start
from peerd.learning.task import FittedTask
from peerd.tensor_file import write_npz, write_safetensors, write_state_dict
from tests.unit.learning.test_shared import Layers, Tied, frozen, normal, plain

TASK, OPTIONS = "here:Made", {"rate": {"$decimal": "0.1"}}


def begun(make: Callable[[], nn.Module], path: Path, **kept: str) -> Client:
    task = type("Made", (Layers,), {"make": staticmethod(make)})({}, {})
    return Client(task, Partition(), 1, 2, start=Start(path, TASK, OPTIONS), **kept)


def numbered(make: Callable[[], nn.Module]) -> dict[str, torch.Tensor]:
    """A state_dict of numbers that no initialisation draws, exact in every float."""
    state = make().state_dict()
    return {
        name: (torch.arange(each.numel()).reshape(each.shape) % 7 + 1).to(each.dtype)
        for name, each in state.items()
    }


def write(path: Path, state: dict[str, torch.Tensor]) -> Path:
    """As safetensors: torch's tied tensors apart."""
    save_file({name: each.clone().contiguous() for name, each in state.items()}, path)
    return path


def flat(state: dict[str, torch.Tensor], *names: str) -> np.ndarray:
    return torch.cat([state[name].reshape(-1).float() for name in names]).numpy()


PLAIN = ("0.weight", "0.bias", "2.weight", "2.bias")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_floats_of_any_width_are_the_first_model(tmp_path: Path, dtype: torch.dtype) -> None:
    state = numbered(plain)
    path = write(tmp_path / "m", {name: each.to(dtype) for name, each in state.items()})
    assert np.array_equal(begun(plain, path).first_model, flat(state, *PLAIN))


def test_the_order_is_the_task_s_and_not_the_file_s(tmp_path: Path) -> None:
    state = numbered(plain)
    path = write(tmp_path / "m", dict(reversed(state.items())))
    assert np.array_equal(begun(plain, path).first_model, flat(state, *PLAIN))


@pytest.mark.parametrize("length", [0x80, 0x4B50])
def test_a_length_that_reads_as_another_kind_of_file(tmp_path: Path, length: int) -> None:
    text = json.dumps({"weight": tensor([1, 4], 0, 16)}).encode().ljust(length)
    data = np.arange(4, dtype=np.float32).tobytes()
    (tmp_path / "m").write_bytes(length.to_bytes(8, "little") + text + data)
    module = nn.Linear(4, 1, bias=False)
    fill_module(module, "refused", Start(tmp_path / "m", TASK, OPTIONS))
    assert module.weight.tolist() == [[0, 1, 2, 3]]


def test_torch_s_own_file_is_read_for_its_tensors_alone(tmp_path: Path) -> None:
    state = numbered(plain)
    torch.save(state, tmp_path / "m.pt")
    assert np.array_equal(begun(plain, tmp_path / "m.pt").first_model, flat(state, *PLAIN))


# --- an export of an earlier group --------------------------------------------------------------


def export(path: Path, client: Client, description: dict[str, Any]) -> Path:
    """What ``peerd model export`` writes, but for the certificate."""
    model, text = client.first_model, json.dumps(description)
    with path.open("wb") as file:
        if path.suffix == ".npz":
            write_npz(file, model, text, round=3)
        elif path.suffix == ".pt":
            saved = io.BytesIO()
            torch.save(client.module.state_dict(), saved)
            write_state_dict(file, saved.getvalue(), text)
        else:
            write_safetensors(file, client.shared.layers(), model, text)
    return path


SAID = {"task": TASK, "task_options": OPTIONS}


@pytest.mark.parametrize("kind", ["npz", "safetensors", "pt"])
@pytest.mark.parametrize("statistics", ["local", "averaged"])
def test_an_export_is_the_first_model_under_either_policy(
    tmp_path: Path, kind: str, statistics: str
) -> None:
    earlier = begun(normal, write(tmp_path / "m", numbered(normal)), statistics=statistics)
    path = export(tmp_path / f"e.{kind}", earlier, SAID)
    later = begun(normal, path, statistics=statistics)
    assert np.array_equal(later.first_model, earlier.first_model) and not later.notes
    # a safetensors export has the vector alone, which local statistics are no part of
    whole = kind == "pt" or statistics == "averaged"
    assert (later.module[1].running_mean[0] == 1) == whole


def test_a_vector_without_names_is_of_this_very_task(tmp_path: Path) -> None:
    earlier = begun(plain, write(tmp_path / "m", numbered(plain)))
    for name, description in {
        "another task": {**SAID, "task": "other:Task"},
        "other options": {**SAID, "task_options": {}},
    }.items():
        path = export(tmp_path / "e.npz", earlier, description)
        with pytest.raises(TaskError, match=name):
            begun(plain, path)
    path = export(tmp_path / "e.npz", earlier, SAID)
    with pytest.raises(TaskError, match="has 23 parameters, and the task's model shares 10"):
        begun(lambda: nn.Linear(4, 2), path)
    with path.open("wb") as file:
        write_npz(file, earlier.first_model, None)
    with pytest.raises(TaskError, match="does not say of what task it is"):
        begun(plain, path)


@pytest.mark.parametrize("kind", ["safetensors", "pt"])
def test_layers_of_another_task_that_fit_are_told_of(tmp_path: Path, kind: str) -> None:
    earlier = begun(plain, write(tmp_path / "m", numbered(plain)))
    path = export(tmp_path / f"e.{kind}", earlier, {**SAID, "task": "other:Task"})
    (line,) = begun(plain, path).notes
    assert "is of the task other:Task, and this group's is here:Made" in line


# --- what is not a plain parameter ---------------------------------------------------------------


def test_frozen_layers_come_from_the_file_where_it_has_them(tmp_path: Path) -> None:
    state = numbered(frozen)
    whole = begun(frozen, write(tmp_path / "whole", state))
    head = {name: each for name, each in state.items() if name.startswith("2")}
    part = begun(frozen, write(tmp_path / "part", head))
    assert np.array_equal(whole.first_model, flat(state, "2.weight", "2.bias"))
    assert np.array_equal(part.first_model, whole.first_model)
    assert torch.equal(whole.module[0].weight, state["0.weight"])
    assert whole.fixed != part.fixed
    state["0.weight"] += 1
    assert begun(frozen, write(tmp_path / "other", state)).fixed != whole.fixed


def test_averaged_statistics_are_shared_so_the_file_must_have_them(tmp_path: Path) -> None:
    state = numbered(normal)
    weights = {name: each for name, each in state.items() if "running" not in name}
    path = write(tmp_path / "m", weights)
    assert begun(normal, path, statistics="local").module[1].running_mean.sum() == 0
    with pytest.raises(TaskError, match=r"it lacks 1\.running_mean, 1\.running_var"):
        begun(normal, path, statistics="averaged")
    with pytest.raises(TaskError, match="running statistics outside its parameters"):
        begun(normal, write(tmp_path / "all", state), statistics="refused")


def test_tied_weights_stand_once_or_alike(tmp_path: Path) -> None:
    state = numbered(Tied)
    both = begun(Tied, write(tmp_path / "both", state))
    for left in ("first.weight", "second.weight"):
        once = {name: each for name, each in state.items() if name != left}
        found = begun(Tied, write(tmp_path / left, once))
        assert np.array_equal(found.first_model, both.first_model)
    with pytest.raises(TaskError, match=r"different numbers in first\.weight, second\.weight"):
        begun(Tied, write(tmp_path / "unlike", {**state, "first.weight": torch.zeros(4, 4)}))


class Arrays(FittedTask):
    def first(self) -> list[np.ndarray]:
        return [np.zeros((2, 2)), np.array([3]), np.zeros(2, np.float16)]

    def fit(self, arrays: Any, partition: Partition, round: int) -> Any:
        return arrays

    def evaluate(self, arrays: Any, partition: Partition) -> dict[str, float]:
        return {}


def test_arrays_start_from_a_file_and_counters_from_the_task(tmp_path: Path) -> None:
    def found(path: Path) -> FittedClient:
        return FittedClient(Arrays({}, {}), Partition(), 1, 2, start=Start(path, TASK, OPTIONS))

    given = {"array.0": torch.eye(2), "array.2": torch.ones(2)}
    path = write(tmp_path / "m", given)
    client = found(path)
    assert client.first_model.tolist() == [1, 0, 0, 1, 1, 1] and not client.inspect(client.task)
    with (tmp_path / "m.npz").open("wb") as file:
        write_npz(file, client.first_model * 2, json.dumps(SAID))
    assert found(tmp_path / "m.npz").first_model.tolist() == [2, 0, 0, 2, 2, 2]
    with pytest.raises(TaskError, match=r"it lacks array\.2"):
        found(write(tmp_path / "m", {"array.0": torch.eye(2)}))


# --- what does not fit ----------------------------------------------------------------------------


def changed(**given: torch.Tensor | None) -> dict[str, torch.Tensor]:
    state: dict[str, Any] = {**numbered(plain), **given}
    return {name: each for name, each in state.items() if each is not None}


FAULTS: dict[str, tuple[dict[str, torch.Tensor], str]] = {
    "missing": (changed(**{"2.bias": None}), "it lacks 2.bias"),
    "many missing": ({"2.bias": torch.ones(2)}, "it lacks 0.weight, 0.bias, 2.weight"),
    "nothing": ({}, "it lacks 0.weight, 0.bias, 2.weight and 1 more"),
    "extra": (changed(head=torch.ones(1)), "it has head, which the model has not"),
    "prefixed": (
        {f"module.{name}": each for name, each in changed().items()},
        "it has module.0.bias, module.0.weight, module.2.bias and 1 more",
    ),
    "shape": (
        changed(**{"0.weight": torch.ones(4, 3)}),
        "0.weight is of shape (4, 3) there and (3, 4) here",
    ),
    "a column too many": (
        changed(**{"0.bias": torch.ones(3, 1)}),
        "0.bias is of shape (3, 1) there and (3,) here",
    ),
    "integers": (
        changed(**{"0.bias": torch.ones(3, dtype=torch.int64)}),
        "0.bias is of type I64 there and float32 here",
    ),
    "truths": (changed(**{"0.bias": torch.ones(3) > 0}), "0.bias is of type BOOL there"),
    "complex": (
        changed(**{"0.bias": torch.ones(3, dtype=torch.complex64)}),
        "0.bias is of type C64 there",
    ),
    "nan": (
        changed(**{"2.bias": torch.tensor([1, float("nan")])}),
        "has numbers in 2.bias that are nan or infinite, as float32",
    ),
    "too large": (
        changed(**{"2.bias": torch.tensor([1, 1e300], dtype=torch.float64)}),
        "has numbers in 2.bias that are nan or infinite, as float32",
    ),
}


@pytest.mark.parametrize("kind", ["safetensors", "pt"])
@pytest.mark.parametrize("fault", FAULTS)
def test_what_does_not_fit_is_named(tmp_path: Path, fault: str, kind: str) -> None:
    state, said = FAULTS[fault]
    path = tmp_path / f"m.{kind}"
    torch.save(state, path) if kind == "pt" else write(path, state)
    with pytest.raises(TaskError) as caught:
        begun(plain, path)
    line = str(caught.value)
    assert str(path) in line and said in line and len(line) < 600


def archive(compress: int = zipfile.ZIP_STORED, **members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compress) as made:
        for name, data in members.items():
            made.writestr(name.replace("__", "/").replace("_", "."), data)
    return file.getvalue()


class Runs:
    def __reduce__(self) -> Any:
        return open, ("canary", "w")


def saved(value: object) -> bytes:
    file = io.BytesIO()
    torch.save(value, file)
    return file.getvalue()


def compressed(data: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", 8) as new:
        for each in old.infolist():
            new.writestr(each.filename, old.read(each))
    return out.getvalue()


HOSTILE: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "text": lambda: b"these are no weights\n",
    "a header of no end": lambda: (1 << 60).to_bytes(8, "little") + b"{}",
    "a deep header": lambda: (200_000).to_bytes(8, "little") + b"[" * 200_000,
    "a huge tensor": lambda: header({"0.bias": tensor([1 << 60], 0, 1 << 62)}),
    "bytes of another shape": lambda: header({"0.bias": tensor([3], 0, 8)}, 8),
    "many dimensions": lambda: header({"0.bias": tensor([1] * 100_000, 0, 4)}, 4),
    "a description of no table": lambda: header({"__metadata__": {"peerd": "[]"}}),
    "a pickle": lambda: pickle.dumps(Runs()),
    "code in torch's file": lambda: saved({"0.bias": Runs()}),
    "a whole module": lambda: saved(plain()),
    "a checkpoint": lambda: saved({"state_dict": numbered(plain), "epoch": 3}),
    "a list": lambda: saved([torch.ones(2)]),
    "keys of no text": lambda: saved({0: torch.ones(2)}),
    "sparse": lambda: saved({"0.bias": torch.ones(3).to_sparse()}),
    "on meta": lambda: saved({"0.bias": torch.ones(3, device="meta")}),
    "compressed": lambda: compressed(saved(numbered(plain))),
    "an archive of nothing": lambda: archive(),
    "an archive of something": lambda: archive(a_txt=b"hello"),
    "no data in it": lambda: archive(m__data_pkl=b"\x80\x02}q\x00."),
    "half an npz": lambda: archive(parameters_npy=b"\x93NUMPY"),
}


def tensor(shape: list[int], start: int, end: int) -> dict[str, Any]:
    return {"dtype": "F32", "shape": shape, "data_offsets": [start, end]}


def header(entries: dict[str, Any], data: int = 0) -> bytes:
    text = json.dumps(entries).encode()
    return len(text).to_bytes(8, "little") + text + bytes(data)


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_file_is_one_line(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "m"
    path.write_bytes(HOSTILE[kind]())
    with pytest.raises(TaskError, match="the model to start from, "):
        begun(plain, path)
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize("kind", ["safetensors", "pt", "npz"])
def test_a_file_that_is_cut_off_anywhere_is_one_line(tmp_path: Path, kind: str) -> None:
    earlier = begun(plain, write(tmp_path / "m", numbered(plain)))
    path = export(tmp_path / f"e.{kind}", earlier, SAID)
    data = path.read_bytes()
    for length in range(0, len(data), 97):
        path.write_bytes(data[:length])
        with pytest.raises(TaskError, match="the model to start from, "):
            begun(plain, path)


@pytest.mark.parametrize("name", ["missing", "folder"])
def test_a_file_that_is_not_there_is_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(TaskError, match="is no file"):
        begun(plain, tmp_path / name)
