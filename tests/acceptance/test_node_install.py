"""make dist and make node: the wheel alone is a node, an update leaves a daemon's code alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.acceptance

ROOT = Path(__file__).parents[2]
SECONDS = 3600  # only a hang takes so long
INIT = ("init", "peer", "--listen", "/ip4/127.0.0.1/tcp/0")


def environment() -> dict[str, str]:
    """Without a path to another peerd."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


def run(*command: str | Path, where: Path, code: int = 0, **variables: str) -> str:
    done = subprocess.run(
        list(map(str, command)),
        cwd=where,
        env={**environment(), **variables},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def test_the_wheel_alone_is_a_node(tmp_path: Path) -> None:
    made = run(sys.executable, ROOT / "scripts/dist.py", tmp_path / "dist", where=ROOT)
    source, wheel = map(Path, made.splitlines())
    assert source.name.endswith(".tar.gz") and wheel.name.endswith("-py3-none-any.whl")
    run(sys.executable, "-m", "venv", "node", where=tmp_path)
    pip = ["node/bin/pip", "install", "--quiet", "--constraint", ROOT / "constraints.txt"]
    run(*pip, wheel, where=tmp_path)
    assert "run the daemon" in run("node/bin/peerd", "--help", where=tmp_path)
    assert "configuration" in run("node/bin/peerd", *INIT, where=tmp_path)
    said = run("node/bin/peerd", "doctor", "--config", "peer/peerd.toml", where=tmp_path, code=1)
    wrong = [line for line in said.splitlines() if not line.startswith("ok")]
    assert len(wrong) == 1 and "genesis" in wrong[0], said


def test_an_update_leaves_the_code_of_a_running_daemon_alone(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    for name in ("peerd", "protocols", "scripts"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, clone / name, ignore=ignored)
    for name in ("Makefile", "pyproject.toml", "constraints.txt", "README.md", "LICENSE"):
        shutil.copy2(ROOT / name, clone / name)
    words = ("make", "node", f"NODE={tmp_path / 'node'}")
    run(*words, where=clone, PYTHON=sys.executable, EXTRAS="")
    current = tmp_path / "node/current"
    asks = (
        "import sys; print(sys.executable, flush=True); sys.stdin.readline(); import peerd.cli.top"
    )
    old = subprocess.Popen(
        [current.resolve() / "bin/python", "-c", f"{asks}; print(peerd.cli.top.__file__)"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=environment(),
    )
    assert old.stdout is not None
    began = old.stdout.readline()
    (clone / "peerd/cli/top.py").write_text("raise SystemExit('another version')\n")
    run(*words, where=clone, PYTHON=sys.executable, EXTRAS="")
    said, _ = old.communicate("\n", timeout=SECONDS)
    assert old.returncode == 0 and Path(said.strip()).is_relative_to(Path(began.strip()).parents[1])
    assert run(current / "bin/python", "-c", "import peerd.cli.top", where=tmp_path, code=1) == ""
