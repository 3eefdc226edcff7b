"""What the documents show of predicting: it runs, and says the same as the command."""

from __future__ import annotations

import csv
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from exports import TABLE, export, loan_options, loans
from sklearn.datasets import load_breast_cancer, load_wine

from peerd.cli.main import main
from peerd.evaluation.classification import RESAMPLES
from tests.patience import HANG

ROOT = Path(__file__).parents[3]
EXPORTS = (ROOT / "docs/operate/model.md").read_text()
MODELS = (ROOT / "docs/models.md").read_text()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(ROOT / "configs/tasks"))
    return tmp_path


def table_of(path: Path) -> tuple[list[str], np.ndarray]:
    with path.open() as file:
        header, *rows = csv.reader(file)
    return header, np.array(rows, dtype=float)


def test_a_table_is_predicted_without_peerd(place: Path) -> None:
    section = EXPORTS[EXPORTS.index("**Predict elsewhere.**") :]
    (block, *_) = re.findall(r"```python\n(.*?)```", section, re.S)
    assert "peerd" not in "".join(re.findall(r"import .*", block))
    export(place / "model.safetensors", TABLE, loan_options(place))
    loans(place / "rows.csv", 200)
    program = f"import sys\nsys.modules['peerd'] = None\n{block}"
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=HANG)
    assert done.returncode == 0, done.stderr
    names, said = done.stdout.split("]", 1)
    words = ["--model", "model.safetensors", "--data", "rows.csv", "--out", "out.csv"]
    assert main(["model", "predict", *words]) == 0
    header, found = table_of(place / "out.csv")
    assert re.findall(r"'(\w+)'", names) == header
    assert np.array(json.loads(said)) == pytest.approx(found, abs=1e-5)


def write_csv(path: Path, inputs: np.ndarray, targets: np.ndarray) -> None:
    header = ",".join([*(f"x{n}" for n in range(inputs.shape[1])), "y"])
    rows = np.column_stack([inputs, targets])
    np.savetxt(path, rows, delimiter=",", header=header, comments="", fmt="%.8g")


def test_the_commands_of_the_page_on_models_run(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (line,) = re.findall(r"^\$ peerd (model predict .*)$", MODELS, re.M)
    export(place / "wine.safetensors", "wine:Wine", {})
    inputs, targets = load_wine(return_X_y=True)
    write_csv(place / "bottles.csv", inputs, targets)
    assert main(shlex.split(line)) == 0
    header, found = table_of(place / "sorts.csv")
    assert len(header) == 3 and found.shape == (178, 3)
    evaluate = ["model", "evaluate", "--model", "wine.safetensors", "--task", "wine:Wine", "--json"]
    capsys.readouterr()
    assert main([*evaluate, "--data", "bottles.csv"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["accuracy"] == (found.argmax(axis=1) == targets).mean()
    assert main(evaluate) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == 36  # what it holds out


@pytest.mark.parametrize("kind", ["linear", "mlp"])
def test_the_example_that_trains_by_itself_predicts(place: Path, kind: str) -> None:
    task, options = "sklearn_classifier:Classifier", {"model": kind}
    export(place / "m.npz", task, options)
    inputs, targets = load_breast_cancer(return_X_y=True)
    write_csv(place / "rows.csv", inputs, targets)
    words = ["--model", "m.npz", "--task", task, "--data", "rows.csv"]
    assert main(["model", "predict", *words, "--out", "out.csv"]) == 0
    header, found = table_of(place / "out.csv")
    assert header == ["malignant", "benign"] and found.shape == (569, 2)
    assert found.sum(axis=1) == pytest.approx(np.ones(569))
    assert main(["model", "evaluate", *words]) == 0


def test_the_class_of_the_page_reads_a_file(place: Path) -> None:
    space: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", MODELS, re.S):
        exec(compile(block, "docs/models.md", "exec"), space)
    task = space["Readable"]({}, {})
    inputs, targets = np.arange(60.0).reshape(3, 20), np.array([0, 1, 1])
    write_csv(place / "rows.csv", inputs, targets)
    ((read, labels),) = task.read(place / "rows.csv", True)
    assert np.array_equal(read, inputs) and labels.tolist() == [0, 1, 1]
    assert next(iter(task.read(place / "rows.csv", False)))[1] is None
    assert task.model()(read).shape == (3, len(task.classes()))
    assert torch.allclose(task.probabilities(torch.zeros(1, 2)), torch.full((1, 2), 0.5))


def test_the_numbers_of_the_page_are_the_codes() -> None:
    assert f"{RESAMPLES:,} bootstrap draws" in EXPORTS
