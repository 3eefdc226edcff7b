"""Scripts run the tree that they lie in, and no other that is installed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.patience import HANG
from tests.scripts import SCRIPTS

RUN = "import runpy, sys; sys.path.insert(0, sys.argv[1]); runpy.run_path(sys.argv[2])"
"""Up to its ``main``."""
OURS = [file.name for file in SCRIPTS.glob("*.py") if file.name != "vulture_whitelist.py"]


@pytest.mark.parametrize("name", sorted(OURS))
def test_a_script_runs_its_own_tree(name: str, tmp_path: Path) -> None:
    for package in ("peerd", "protocols"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("raise SystemExit('another tree')")
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(SCRIPTS), str(SCRIPTS / name)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=HANG,
        check=False,
    )
    assert done.returncode == 0, done.stderr
