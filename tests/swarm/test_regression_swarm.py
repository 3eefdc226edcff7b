"""A table's label that is a number: the examples of docs/models.md, by real daemons with a liar."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tiers import later

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/models.md").read_text()
LINES = re.findall(r"^\$ peerd (swarm .*--task table .*)$", TEXT, re.M)
(PROGRAM,) = re.findall(
    r"```python\n(from sklearn.datasets import load_diabetes.*?)```", TEXT, re.S
)


@pytest.mark.swarm
@pytest.mark.parametrize("line", [LINES[0], *later(LINES[1:])])
def test_an_example_is_learnt(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(PROGRAM, "docs/models.md", "exec"), {})
    command = [sys.executable, "-m", "peerd", *shlex.split(line), "--no-baselines"]
    done = subprocess.run(
        [*command, "--json", "result.json", "--plot", "curve.png"],
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
