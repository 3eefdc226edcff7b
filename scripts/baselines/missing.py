"""What a baseline lacks on this machine."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
PYTHON = HERE.parents[1] / ".venv-baselines" / "bin" / "python"
LONGEST = 900
"""Seconds of a run."""
INSTALL = "scripts/baselines/install.sh .venv-baselines"


class Missing(Exception):
    """It can't be run here, or fails: why, and what to do."""


def python_with(package: str) -> Path:
    """The interpreter of the baselines' environment. Raises Missing where ``package`` lacks."""
    if not list(PYTHON.parents[1].glob(f"lib/python*/site-packages/{package}")):
        raise Missing(f"no {package} in {PYTHON.parents[1].name}: run {INSTALL}")
    return PYTHON


def output(command: Sequence[str], environment: Mapping[str, str] | None = None) -> str:
    """What a program prints. Raises Missing where it fails, with the end of what it says."""
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=LONGEST
        )
    except subprocess.TimeoutExpired:
        raise Missing(f"{Path(command[0]).name} takes more than {LONGEST} s") from None
    if done.returncode:
        said = done.stderr.strip().splitlines()[-1:]
        raise Missing(f"{Path(command[0]).name} failed: {' '.join(said)}")
    return done.stdout
