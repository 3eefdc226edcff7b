"""An export with running statistics: those of a peer's own are told as what nobody certified."""

from __future__ import annotations

import json
import struct
import sys
from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch

from peerd.cli.main import main
from peerd.config import render_config
from peerd.errors import PeerdError
from peerd.group import Genesis, document, new_genesis, sign
from peerd.identity import Identity
from peerd.laboratory.simulation.swarm import first_model
from peerd.laboratory.simulation.world import World
from peerd.learning.shared import SharedModel
from peerd.learning.state import LocalModels
from peerd.runner.evidence.export import verify_export
from peerd.runner.resume import setting_of
from peerd.storage import Store
from peerd.tensor_file import Tensor, read_export, write_safetensors
from protocols.aggregation import aggregator, model_hash

MODULE = """
import torch
from torch import nn

class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width)

    def forward(self, x):
        return torch.relu(x + self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x))))))

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.block = nn.Conv2d(1, 3, 3, padding=1), Block(3)
        self.norm = nn.InstanceNorm2d(3, track_running_stats=True)
        self.head = nn.Linear(3, 2)

    def forward(self, x):
        return self.head(self.norm(self.block(self.stem(x))).mean((2, 3)))
"""
TASK = """
from peerd.learning import Samples, Task
from resnet_module import Net

class Resnet(Task):
    def model(self):
        return Net()

    def data(self, partition):
        raise AssertionError("an export needs no rows")

    held_out = None
"""
MEMBERS = sorted((Identity(bytes([n]) * 32) for n in range(1, 5)), key=lambda one: one.public)
STATISTICS = [
    f"{layer}.running_{what}"
    for layer in ("block.bn1", "block.bn2", "norm")
    for what in ("mean", "var")
]
COUNTERS = [f"{layer}.num_batches_tracked" for layer in ("block.bn1", "block.bn2", "norm")]


def network() -> torch.nn.Module:
    namespace: dict[str, Any] = {}
    exec(MODULE, namespace)
    module = namespace["Net"]()
    assert isinstance(module, torch.nn.Module)
    return module


@cache
def group(statistics: str) -> tuple[Genesis, bytes, Any]:
    """A group, and what it has certified in round 0."""
    size = SharedModel(network(), statistics).parameters
    begun = first_model(1, size)
    made = new_genesis(
        name="hospitals",
        task="resnet_task:Resnet",
        task_options={},
        roster=[one.public for one in MEMBERS],
        aggregator="weighted-mean",
        constants=aggregator("weighted-mean", {}).constants(),
        adversary=Fraction(1, 4),
        dropout=Fraction(0),
        absent=None,
        delta_ms=1000,
        bandwidth_bytes_per_second=1_000_000,
        training_seconds=10,
        parameters=size,
        first_model=model_hash(begun),
        statistics=statistics,
    )
    for one in MEMBERS:
        made = sign(made, one)
    world = World(
        setting_of(made),
        [one.secret for one in MEMBERS],
        begun,
        lambda peer, round_, model: (model + 0.01).astype(np.float32),
        seed=1,
        rounds=1,
    )
    world.run()
    done = world.nodes[0].completed[0]
    return made, done.certificate, done.model


@pytest.fixture(params=["local", "averaged"])
def statistics(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def place(statistics: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A peer's directory after round 0, which has trained in round 1 already."""
    genesis, certificate, model = group(statistics)
    document.save(genesis, tmp_path / "genesis.json")
    (tmp_path / "peerd.toml").write_text(render_config())
    (tmp_path / "resnet_module.py").write_text(MODULE)
    (tmp_path / "resnet_task.py").write_text(TASK)
    with Store.open(tmp_path / "data") as store:
        store.put_certificate(0, certificate)
        store.put_model(0, model)
        store.put_round(0, {"round": 0, "model_hash": model_hash(model).hex()})
    kept = LocalModels(tmp_path / "data/training", model.size)
    kept.prepare()
    kept.save_own(1, own_of(statistics))
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    for name in ("resnet_task", "resnet_module"):
        sys.modules.pop(name, None)


def own_of(statistics: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    size = SharedModel(network(), statistics).own().size
    return np.arange(1, size + 1, dtype=np.float64)


def names_of(statistics: str) -> set[str]:
    return {*COUNTERS} | ({*STATISTICS} if statistics == "local" else set())


def export(name: str) -> None:
    assert main(["model", "export", "--out", name]) == 0


def test_plain_python_loads_all_of_it_strictly(place: Path, statistics: str) -> None:
    export("m.safetensors")
    export("m.pt")
    certified = group(statistics)[2]
    for found in (
        safetensors.torch.load_file(place / "m.safetensors"),
        torch.load(place / "m.pt", weights_only=True),
    ):
        module = network()
        module.load_state_dict(found)  # strictly: nothing is missing, and nothing is left over
        shared = SharedModel(module, statistics)
        assert np.array_equal(shared.own(), own_of(statistics))
        np.testing.assert_array_equal(np.maximum(shared.vector(), certified), shared.vector())
        assert found["norm.num_batches_tracked"].dtype == torch.int64
        module.eval()
        # What this group certified as averaged variances is drawn, and below 0 in part.
        assert statistics == "averaged" or module(torch.ones(1, 1, 4, 4)).isfinite().all()


@pytest.mark.parametrize("name", ["m.safetensors", "m.pt", "m.npz"])
def test_show_and_verify_say_what_is_under_no_certificate(
    name: str, place: Path, statistics: str, capsys: pytest.CaptureFixture[str]
) -> None:
    export(name)
    capsys.readouterr()
    assert main(["model", "show", name]) == 0
    (line,) = (each for each in capsys.readouterr().out.splitlines() if "running" in each)
    said = "running statistics: the exporting peer's own, after round 1, under no certificate"
    assert line.startswith(said)
    if name != "m.npz":
        assert set(line.removeprefix(f"{said}: ").split(", ")) == names_of(statistics)
    code = main(["model", "verify", name, "--genesis", "genesis.json"])
    told = capsys.readouterr()
    if name == "m.pt":
        assert code == 9
    else:
        assert code == 0 and line in told.out
        assert told.out.splitlines()[0].endswith(
            "all of this is so, but for the running statistics"
        )
    if name == "m.npz":
        assert line == said
        with np.load(place / name) as arrays:
            assert np.array_equal(arrays["statistics"], own_of(statistics))


def test_a_peer_that_has_not_trained_exports_those_of_the_first_model(
    place: Path, statistics: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "data/training/statistics.own").unlink()
    export("m.safetensors")
    network().load_state_dict(safetensors.torch.load_file(place / "m.safetensors"))
    assert main(["model", "show", "m.safetensors"]) == 0
    assert "as the first model has them, under no certificate" in capsys.readouterr().out


def test_statistics_may_be_anything_and_what_is_certified_may_not(
    place: Path, statistics: str
) -> None:
    export("m.safetensors")
    whole = (place / "m.safetensors").read_bytes()
    (length,) = struct.unpack("<Q", whole[:8])
    header = json.loads(whole[8 : 8 + length])
    header.pop("__metadata__")
    for name, tensor in header.items():
        changed = bytearray(whole)
        changed[8 + length + tensor["data_offsets"][0]] ^= 1
        (place / "changed.safetensors").write_bytes(changed)
        if name in names_of(statistics):
            verify_export(place / "changed.safetensors", place / "genesis.json")
        else:
            with pytest.raises(PeerdError, match="not the one that the group certified"):
                verify_export(place / "changed.safetensors", place / "genesis.json")


LIES: dict[str, tuple[Any, str]] = {
    "a weight among them": ({"round": 1, "names": ["head.weight"]}, "no list of such"),
    "no round": ({"names": COUNTERS}, "no list of such"),
    "a round below 0": ({"round": -1, "names": []}, "whole numbers"),
    "something more": ({"round": 1, "names": [], "accuracy": 1}, "no list of such"),
    "no names": ({"round": 1, "names": 5}, "no model that peerd has exported"),
    "no table": ([], "no model that peerd has exported"),
    "one that is not there": (
        {"round": 1, "names": ["x.running_mean"]},
        "lacks running",
    ),
    "one of no text": ({"round": 1, "names": [[]]}, "no model that peerd has exported"),
}


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("statistics", ["local"], indirect=True)
def test_what_a_file_says_of_them_is_read_with_care(
    lie: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    export("m.safetensors")
    description, model = read_export(place / "m.safetensors")
    assert model is not None
    description["own"], said = LIES[lie]
    with (place / "x.safetensors").open("wb") as file:
        write_safetensors(file, [("all", (model.size,))], model, json.dumps(description))
    for verb in (["show"], ["verify", "--genesis", "genesis.json"]):
        capsys.readouterr()
        assert main(["model", *verb, "x.safetensors"]) == 9
        assert said in capsys.readouterr().err


@pytest.mark.parametrize("statistics", ["local"], indirect=True)
def test_a_statistic_cannot_stand_in_for_a_weight(place: Path) -> None:
    """What no description names as a peer's own is part of what must be certified."""
    export("m.safetensors")
    description, model = read_export(place / "m.safetensors")
    assert model is not None
    more = [Tensor("more.running_mean", "F32", (1,), bytes(4))]
    with (place / "x.safetensors").open("wb") as file:
        write_safetensors(file, [("all", (model.size,))], model, json.dumps(description), more)
    with pytest.raises(PeerdError):
        verify_export(place / "x.safetensors", place / "genesis.json")
