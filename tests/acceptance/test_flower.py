"""Flower's own quick start, and clients of the time before, in a swarm of real daemons with a liar.

The worker has an environment of its own: flwr and libp2p ask for different versions of packages.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.acceptance, pytest.mark.swarm]
ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/models.md").read_text()
LIAR = "--liars 1 --attack sign-flip --no-baselines"


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As the page says it is made."""
    folder = tmp_path_factory.mktemp("environment")
    (line,) = re.findall(r"^\$ (python -m venv flower && .*)$", TEXT, re.M)
    made = line.replace("python -m venv", f"{shlex.quote(sys.executable)} -m venv", 1)
    subprocess.run(made, shell=True, cwd=folder, check=True, timeout=1200, capture_output=True)
    return folder / "flower/bin/python"


def swarm(folder: Path, python: Path, words: str) -> list[dict[str, Any]]:
    (folder / "run.json").write_text(json.dumps({"local-epochs": 3, "batch-size": 32}))
    (folder / "config.json").write_text(json.dumps({"lr": 0.03}))
    command = [sys.executable, "-m", "peerd", *shlex.split(words), *shlex.split(LIAR)]
    command[command.index("--python") + 1] = str(python)
    done = subprocess.run(
        [*command, "--json", str(folder / "result.json"), "--keep", str(folder / "kept")],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": f"{ROOT}:{Path(__file__).parent}"},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rounds: list[dict[str, Any]] = json.loads((folder / "result.json").read_text())["rounds"]
    return rounds


def test_the_quick_start_as_it_stands(tmp_path: Path, python: Path) -> None:
    (line,) = re.findall(r"^\$ peerd (swarm .*pytorchexample.*)$", TEXT, re.M)
    accuracies = [each["accuracy"] for each in swarm(tmp_path, python, line)]
    assert accuracies[-1] > max(accuracies[0], 0.2)
    assert worth_elsewhere(tmp_path, python) > 0.2


USE = """
import numpy, sys, torch
from pytorchexample.task import Net, load_data, test

net = Net()
numbers = torch.from_numpy(numpy.load(sys.argv[1])["parameters"])
torch.nn.utils.vector_to_parameters(numbers, net.parameters())
print(test(net, load_data(0, 4, 32)[1], "cpu")[1])
"""


def worth_elsewhere(folder: Path, python: Path) -> float:
    """The last model's accuracy on the first client's rows: exported, and used without peerd."""
    config, model = folder / "kept/peer-0/peerd.toml", folder / "m.npz"
    export = [sys.executable, "-m", "peerd", "model", "export", "--config", str(config)]
    path = os.environ | {"PYTHONPATH": f"{ROOT}:{Path(__file__).parent}"}
    subprocess.run([*export, "--out", str(model)], env=path, check=True, timeout=120)
    used = [str(python), "-c", USE, str(model)]
    done = subprocess.run(
        used, env=path, check=True, timeout=120, capture_output=True, text=True, cwd=folder
    )
    return float(done.stdout)


@pytest.mark.parametrize("client", ["app", "client_fn", "Logistic"])
def test_clients_of_the_time_before_messages(client: str, tmp_path: Path, python: Path) -> None:
    words = "swarm --peers 4 --rounds 2 --python x --task peerd.adapters.flower:Flower"
    words += f" --task-option client=flower_clients:{client} --task-option config=@config.json"
    rounds = swarm(tmp_path, python, f"{words} --aggregator weighted-mean --constant tau=1/5")
    assert rounds[-1]["accuracy"] > 0.8
