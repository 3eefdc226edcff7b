"""Each extra by itself, in a fresh environment, from the wheel: it resolves beside libp2p, and what
needs it does its work. ``pytest -rP`` shows what was found.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from peerd.extras import EXTRAS

pytestmark = [pytest.mark.acceptance, pytest.mark.swarm]

ROOT = Path(__file__).parents[2]
SECONDS = 1200  # only a hang takes so long
SWARM = "peerd swarm --peers 4 --rounds 2 --no-baselines"
FLOWER = "peerd.adapters.flower:Flower --task-option client=flower_clients:Logistic"

USES = {
    "": ["peerd simulate --seeds 0:1 --peers 4 --rounds 1", f"{SWARM} --task ramp:Ramp"],
    "table": [
        "peerd data check rows.csv --label answer",
        f"{SWARM} --task table --data rows.csv --label answer",
    ],
    "export": [
        f"{SWARM} --task ramp:Ramp --keep kept",
        "peerd model export --config kept/peer-0/peerd.toml --out model.onnx",
        "peerd model verify model.onnx --genesis kept/genesis.json",
    ],
    "flower": [
        f"{SWARM} --task {FLOWER} --task-option config=@config.json "
        "--aggregator weighted-mean --constant tau=1/5"
    ],
    "lm": [f"{SWARM} --task lora:Lora"],
    "lab": [f"{SWARM} --plot accuracy.png"],
    "cluster": ["python simulate_on_a_cluster.py"],
    "docs": ["zensical build --strict"],
    "test": ["python -m pytest -n2 tests/unit/field tests/unit/sharing"],
}
"""What is run with each; with none in the first row."""


def declared() -> dict[str, list[str]]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras: dict[str, list[str]] = project["optional-dependencies"]
    return extras


def former(needs: list[str]) -> bool:
    """Whether an extra only leads on from a name that a release had."""
    return all(need.startswith("peerd[") for need in needs)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    made = run(folder, sys.executable, str(ROOT / "scripts/dist.py"), str(folder))
    return Path(made.splitlines()[-1])


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A directory with what the commands read; an environment is a gigabyte, and goes."""
    for name in ("ramp.py", "flower_clients.py", "simulate_on_a_cluster.py"):
        shutil.copy2(ROOT / "tests/acceptance" / name, tmp_path)
    shutil.copy2(ROOT / "configs/tasks/lora.py", tmp_path)
    shutil.copytree(ROOT / "tests", tmp_path / "tests", ignore=shutil.ignore_patterns("__pyc*"))
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    for name in ("pyproject.toml", "zensical.toml"):
        shutil.copy2(ROOT / name, tmp_path)
    rows = [f"{i % 17},{i * 7 % 23},{'yes' if i % 17 > 8 else 'no'}" for i in range(400)]
    (tmp_path / "rows.csv").write_text("\n".join(["a,b,answer", *rows, ""]))
    (tmp_path / "config.json").write_text(json.dumps({"lr": 0.03}))
    yield tmp_path
    shutil.rmtree(tmp_path / "venv", ignore_errors=True)


def run(where: Path, *words: str) -> str:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        words,
        cwd=where,
        env={**kept, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(where)},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, (words, done.stdout[-3000:] + done.stderr[-3000:])
    return done.stdout


def test_each_extra_is_used_here() -> None:
    extras = declared()
    assert {name for name, needs in extras.items() if not former(needs)} == USES.keys() - {""}


@pytest.mark.parametrize("extra", USES)
def test_an_extra_in_an_environment_of_its_own(extra: str, wheel: Path, place: Path) -> None:
    began = time.monotonic()
    run(place, sys.executable, "-m", "venv", "venv")
    pip = ("venv/bin/python", "-m", "pip", "--disable-pip-version-check")
    asked = f"{wheel}[{extra}]" if extra else str(wheel)
    constraint = str(ROOT / "constraints.txt")
    run(place, *pip, "install", "--quiet", "--constraint", constraint, asked)
    run(place, *pip, "check")
    seconds = time.monotonic() - began

    found = json.loads(run(place, "venv/bin/peerd", "--version", "--json"))
    assert found["libp2p"] == "0.8.1"
    brought = {package for package, name in EXTRAS.values() if name == extra}
    assert brought == {package for package, _ in EXTRAS.values() if found[package]}
    for line in USES[extra]:
        run(place, *f"venv/bin/{line}".split())

    size = run(place, "du", "-sm", "venv").split()[0]
    names = {re.split(r"[^\w-]", need)[0] for need in declared().get(extra, [])}
    shown = json.loads(run(place, *pip, "list", "--format", "json"))
    versions = [f"{each['name']} {each['version']}" for each in shown if each["name"] in names]
    print(f"{extra or 'core'}: {seconds:.0f} s, {size} MB, {len(shown)} packages, {versions}")
