"""What a baseline lacks on this machine."""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).resolve().parent
PYTHON = HERE.parents[1] / ".venv-baselines" / "bin" / "python"
INSTALL = "scripts/baselines/install.sh .venv-baselines"


class Missing(Exception):
    """It can't be run here: why, and what to do."""


def python_with(package: str) -> Path:
    """The interpreter of the baselines' environment. Raises Missing where ``package`` lacks."""
    if not list(PYTHON.parents[1].glob(f"lib/python*/site-packages/{package}")):
        raise Missing(f"no {package} in {PYTHON.parents[1].name}: run {INSTALL}")
    return PYTHON
