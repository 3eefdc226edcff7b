"""A table's label that is a number: the examples of docs/models.md, by real daemons with a liar."""

from __future__ import annotations

import csv
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open

from peerd.cli.main import main
from tests.tiers import later

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/models.md").read_text()
LINES = re.findall(r"^\$ peerd (swarm .*--task table .*)$", TEXT, re.M)
(PROGRAM,) = re.findall(
    r"```python\n(from sklearn.datasets import load_diabetes.*?)```", TEXT, re.S
)


@pytest.mark.swarm
@pytest.mark.parametrize("line", later(LINES))
def test_an_example_is_learnt(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(PROGRAM, "docs/models.md", "exec"), {})
    command = [sys.executable, "-m", "peerd", *shlex.split(line), "--no-baselines"]
    done = subprocess.run(
        [*command, "--json", "result.json", "--plot", "curve.png", "--keep", "kept"],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rounds = json.loads((tmp_path / "result.json").read_text())["rounds"]
    assert all(each["accuracy"] is None for each in rounds)
    first, last = rounds[0]["metrics"], rounds[-1]["metrics"]
    assert last["r2"] > 0.4 > first["r2"]
    assert 40 < last["rmse"] < first["rmse"], "in the label's own unit"
    assert re.search(rf"round {len(rounds) - 1}: completed, .*rmse .*r2 0\.4", done.stdout)
    assert (tmp_path / "curve.png").stat().st_size > 1000
    # on a busy machine a round may go by without counts
    groups = [each["group"] for each in rounds if each["group"]]
    assert all(each["accuracy"] is None for each in groups)
    assert groups[-1]["loss"] < 1
    _use(tmp_path)


def _use(place: Path) -> None:
    """Exported, evaluated by a command, and computed in plain Python."""
    model = ["--model", "m.safetensors", "--data", "diabetes.csv"]
    assert main(["model", "export", "--config", "kept/peer-0/peerd.toml", "--out", model[1]]) == 0
    assert main(["model", "predict", *model, "--out", "p.csv"]) == 0
    predicted = np.loadtxt("p.csv", skiprows=1)
    with safe_open("m.safetensors", "pt") as file:
        schema = json.loads(file.metadata()["peerd"])["task_options"]["schema"]
        layers = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    with (place / "diabetes.csv").open() as table:
        rows = [[*map(float, inputs(row, schema))] for row in csv.DictReader(table)]
    hidden = torch.relu(torch.tensor(rows) @ layers["0.weight"].T + layers["0.bias"])
    scaled = (hidden @ layers["2.weight"].T + layers["2.bias"]).squeeze(1).double().numpy()
    target = schema["target"]
    here = scaled * float(target["scale"]) + float(target["mean"])
    assert here == pytest.approx(predicted, rel=1e-4, abs=1e-2)


def inputs(row: dict[str, str], schema: dict[str, Any]) -> Iterator[float]:
    """As docs/operate/model.md says what the inputs are; all are numbers here, none is missing."""
    for column in schema["columns"]:
        number = (float(row[column["name"]]) - float(column["mean"])) / float(column["scale"])
        yield from (max(-8.0, min(8.0, number)), 0.0)
