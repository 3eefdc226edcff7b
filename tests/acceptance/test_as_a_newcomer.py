"""What the README has a newcomer do first: a fresh install, and the demo.

In make test: tests/unit/packaging (the install script, with each thing missing) and tests/swarm
(smaller swarms).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NEEDED = ("Makefile", "pyproject.toml", "constraints.txt", "README.md", "LICENSE")
FOLDERS = ("peerd", "protocols", "scripts")
INSTALL_SECONDS = 3600  # only a hang takes so long
DEMO_SECONDS = 3600  # only a hang takes so long

pytestmark = pytest.mark.acceptance


def run(command: list[str], place: Path, seconds: float) -> str:
    done = subprocess.run(
        command,
        cwd=place,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=seconds,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_a_fresh_tree_installs_and_starts(tmp_path: Path) -> None:
    for name in NEEDED:
        shutil.copy2(ROOT / name, tmp_path / name)
    for name in FOLDERS:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
    run(["make", "install"], tmp_path, INSTALL_SECONDS)
    plan = run(
        [".venv/bin/peerd", "plan", "--peers", "8", "--adversary", "0.25"],
        tmp_path,
        INSTALL_SECONDS,
    )
    assert "committee" in plan
    where = "import peerd; print(peerd.__file__)"
    assert str(tmp_path) in run([".venv/bin/python", "-c", where], tmp_path, INSTALL_SECONDS)


@pytest.mark.swarm
def test_the_demo_tells_its_story(tmp_path: Path) -> None:
    run([sys.executable, "-m", "peerd.cli.main", "demo", "--out", "out"], tmp_path, DEMO_SECONDS)
    (made,) = (tmp_path / "out").iterdir()
    result = json.loads((made / "result.json").read_text())
    honest = [peer for peer in result["peers"] if peer["honest"]]
    assert len({peer["model_hash"] for peer in honest}) == 1
    assert {each["outcome"] for each in result["rounds"]} == {"completed"}
    assert (made / "accuracy.png").stat().st_size > 0
