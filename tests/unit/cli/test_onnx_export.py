"""A model as ONNX: computed by another runtime as torch does it, shown, and verified."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from peerd.cli.main import main
from peerd.errors import PeerdError, TaskError
from peerd.learning.origin import Origin
from peerd.learning.rebuilt import filled
from peerd.learning.settings import Partition
from peerd.learning.state import NOTHING
from peerd.learning.task import Samples, Task
from peerd.runner.evidence.export import verify_export
from peerd.tensor_file import read_export
from tests.unit.cli.test_model_files import ROWS_TASK, export, group, place  # noqa: F401
from tests.unit.learning.test_shared import Layers, Tied, frozen, normal, plain

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")


class Words(Layers):
    def data(self, partition: Partition) -> Samples:
        return Samples(torch.arange(20).reshape(4, 5) % 7, torch.arange(4) % 2)


def words() -> nn.Module:
    return nn.Sequential(nn.Embedding(7, 3), nn.Flatten(), nn.Linear(15, 2))


def half() -> nn.Module:
    return plain().half()


KINDS: dict[str, tuple[Callable[[], nn.Module], type[Task], str]] = {
    "plain": (plain, Layers, "refused"),
    "frozen": (frozen, Layers, "refused"),
    "tied": (Tied, Layers, "refused"),
    "statistics averaged": (normal, Layers, "averaged"),
    "statistics local": (normal, Layers, "local"),
    "embedding": (words, Words, "refused"),
    "half": (half, Layers, "refused"),
}


def written(kind: str, tmp_path: Path) -> tuple[Path, Any, np.ndarray]:
    from peerd.learning.onnx_graph import onnx_graph
    from peerd.learning.rebuilt import shared_model
    from peerd.onnx_file import write_onnx

    make, base, statistics = KINDS[kind]
    task = type("Made", (base,), {"make": staticmethod(make)})({}, {})
    first = shared_model(task, Origin(1, statistics, b""))
    origin = Origin(1, statistics, first.fixed)
    model = np.linspace(0.1, 1, first.parameters, dtype=np.float32)
    path = tmp_path / "m.onnx"
    with path.open("wb") as file:
        graph, _ = onnx_graph(task, origin, model, NOTHING, Partition())
        write_onnx(file, graph, json.dumps({"round": 3}))
    return path, filled(task, origin, model), model


@pytest.mark.parametrize("kind", KINDS)
def test_another_runtime_computes_the_same_for_any_batch(kind: str, tmp_path: Path) -> None:
    path, shared, model = written(kind, tmp_path)
    module = shared.module.eval()
    if kind == "half":
        module = module.float()
        shared.fill(model)
    session = onnxruntime.InferenceSession(path)
    for rows in (1, 2, 7):
        inputs = torch.randn(rows, 4) if kind != "embedding" else torch.randint(0, 7, (rows, 5))
        (found,) = session.run(["output"], {"input": inputs.numpy()})
        assert np.abs(found - module(inputs).detach().numpy()).max() < 1e-4
    description, vector = read_export(path)
    assert description == {"round": 3} and np.array_equal(vector, model)


class Loops(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer, self.unused = nn.Linear(4, 2), nn.Linear(1, 1)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        outputs = self.layer(inputs)
        return outputs if outputs.sum() > 0 else -outputs


def test_a_model_that_can_t_be_exported_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(KINDS, "loops", (Loops, Layers, "refused"))
    with pytest.raises(TaskError, match="torch can't export the model to ONNX: ") as caught:
        written("loops", tmp_path)
    assert len(str(caught.value)) < 500


def test_an_export_is_verified_and_what_is_changed_is_found(
    place: Path,  # noqa: F811
    capsys: pytest.CaptureFixture[str],
) -> None:
    (place / "exported_task.py").write_text(ROWS_TASK)
    assert export("m.onnx", "--round", "1") == 0, capsys.readouterr().err
    capsys.readouterr()
    assert main(["model", "verify", "m.onnx", "--genesis", "genesis.json"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("verified") and "not verified: the graph that computes" in said
    (place / "m.bin").write_bytes((place / "m.onnx").read_bytes())
    assert main(["model", "verify", "m.bin", "--genesis", "genesis.json"]) == 0
    assert "not verified: the graph that computes" in capsys.readouterr().out
    assert main(["model", "show", "m.onnx"]) == 0
    assert np.array_equal(read_export(place / "m.onnx")[1], group()[1][1][1])
    proto = onnx.load(place / "m.onnx")
    weights = bytearray(proto.graph.initializer[0].raw_data)
    weights[0] ^= 1
    proto.graph.initializer[0].raw_data = bytes(weights)
    onnx.save(proto, place / "changed.onnx")
    with pytest.raises(PeerdError, match="not the one that the group certified"):
        verify_export(place / "changed.onnx", place / "genesis.json")


def hostile(change: Callable[[Any], None]) -> bytes:
    graph = onnx.helper.make_graph([], "g", [], [], [onnx.numpy_helper.from_array(ONES, "w")])
    proto = onnx.helper.make_model(graph)
    onnx.helper.set_model_props(proto, {"peerd": "{}", "peerd.layers": '["w"]'})
    change(proto)
    return bytes(proto.SerializeToString())


def props(**given: str) -> Callable[[Any], None]:
    named = {name.replace("_", "."): value for name, value in given.items()}
    return lambda proto: onnx.helper.set_model_props(proto, named)


ONES = np.ones(3, np.float32)
HOSTILE: dict[str, Callable[[Any], None]] = {
    "no description": lambda proto: proto.ClearField("metadata_props"),
    "no layers": props(peerd="{}"),
    "no such layer": props(peerd="{}", peerd_layers='["v"]'),
    "a layer twice": props(peerd="{}", peerd_layers='["w", "w"]'),
    "layers of no list": props(peerd="{}", peerd_layers="3"),
    "deep": props(peerd="{}", peerd_layers="[" * 100_000),
    "a huge shape": lambda proto: proto.graph.initializer[0].dims.append(1 << 60),
    "another file": lambda proto: setattr(proto.graph.initializer[0], "data_location", 1),
    "whole numbers": lambda proto: setattr(proto.graph.initializer[0], "data_type", 7),
}


@pytest.mark.parametrize("kind", [*HOSTILE, "cut off"])
def test_a_hostile_file_is_one_line(
    tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    data = hostile(HOSTILE.get(kind, lambda proto: None))
    path = tmp_path / "m.onnx"
    path.write_bytes(data[:-9] if kind == "cut off" else data)
    assert main(["model", "show", str(path)]) == 9
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1


def test_what_is_not_hostile_is_read(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(hostile(lambda proto: None))
    assert read_export(tmp_path / "m.onnx")[1].tolist() == [1, 1, 1]
