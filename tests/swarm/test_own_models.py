"""Models of one's own in a swarm of real daemons with one liar: each example of configs/tasks.

Nobody honest is blamed, all hold one model, and it is better than the first one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from peerd.group import load
from tests.tiers import later

ROOT = Path(__file__).parents[2]


def mean(tau: str, eta: str = "1/4") -> tuple[str, ...]:
    """A rule that takes any update: each is clipped to about what an honest one is long."""
    return ("--aggregator", "weighted-mean", "--constant", f"tau={tau}", "--constant", f"eta={eta}")


FROZEN = ("--task-option", "backbone=frozen", "--statistics", "local")
PERCEPTRON = ("--task-option", "model=mlp", "--task-option", "passes=3")
EXAMPLES: dict[str, tuple[int, tuple[str, ...]]] = {
    "averaged statistics": (6, ("resnet:Digits", "--statistics", "averaged", *mean("5"))),
    "a frozen backbone": (8, ("resnet:Digits", *FROZEN, *mean("2", "1/2"))),
    "an adapter": (3, ("lora:Lora",)),
    "a linear model": (4, ("sklearn_classifier:Classifier", *mean("1/2"))),
    "a perceptron": (8, ("sklearn_classifier:Classifier", *PERCEPTRON, *mean("1/2"))),
    "wine": (4, ("wine:Wine",)),
}


def swarm(folder: Path, rounds: int, task: tuple[str, ...]) -> dict[str, Any]:
    out = folder / "result.json"
    command = [sys.executable, "-m", "peerd", "swarm", "--peers", "4", "--rounds", str(rounds)]
    command += ["--liars", "1", "--attack", "sign-flip", "--no-baselines", "--task", *task]
    command += ["--json", str(out), "--keep", str(folder / "swarm")]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        cwd=ROOT / "configs/tasks",
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    document: dict[str, Any] = json.loads(out.read_text())
    return document


@pytest.mark.swarm
@pytest.mark.parametrize(
    "name", ["averaged statistics", *later(n for n in EXAMPLES if n != "averaged statistics")]
)
def test_an_example_is_learnt(name: str, tmp_path: Path) -> None:
    rounds, task = EXAMPLES[name]
    found = swarm(tmp_path, rounds, task)
    accuracies = [each["accuracy"] for each in found["rounds"]]
    assert len(accuracies) == rounds
    assert accuracies[-1] > max(0.15, accuracies[0])
    genesis = load(tmp_path / "swarm" / "genesis.json")
    assert bool(genesis.fixed) == (name in ("a frozen backbone", "an adapter"))
