"""Prometheus' own checker, where it is installed (Debian: the package ``prometheus``)."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from tests.patience import HANG

PROMTOOL = os.environ.get("PROMTOOL") or shutil.which("promtool")
needed = pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed")


def promtool(*words: str, text: bytes = b"") -> str:
    """What it says; an AssertionError with that where it finds something."""
    assert PROMTOOL is not None
    done = subprocess.run(
        [PROMTOOL, *words], input=text, capture_output=True, timeout=HANG, check=False
    )
    said = (done.stdout + done.stderr).decode()
    assert done.returncode == 0, said
    return said
