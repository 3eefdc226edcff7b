"""What results depend on besides what was asked for."""

from __future__ import annotations

import hashlib
import platform
from functools import cache
from importlib.metadata import version
from pathlib import Path

import peerd
import protocols


def versions() -> dict[str, str]:
    """By name, as a person knows them."""
    return {
        "peerd": peerd.__version__,
        "python": platform.python_version(),
        "numpy": version("numpy"),
        "torch": version("torch"),
        "machine": platform.machine(),
    }


@cache
def equipment() -> dict[str, str]:
    """What machines must have in common to come to the same results, and to talk with each other:
    of Python the minor version; of peerd its code too, which a clone changes and its version not.
    """
    minor = ".".join(platform.python_version_tuple()[:2])
    found = {**versions(), "python": minor, "distributed": version("distributed")}
    return {**found, "peerd": f"{found['peerd']} ({_code()})"}


def differences(here: dict[str, str], there: dict[str, str]) -> str:
    """In words; "" where there are none."""
    return ", ".join(
        f"{name} {there.get(name, 'none')} where this has {here[name]}"
        for name in here
        if there.get(name) != here[name]
    )


def _code() -> str:
    """8 hexadecimal digits of all files of the code."""
    digest = hashlib.sha256()
    for package in (peerd, protocols):
        folder = Path(package.__path__[0])
        for path in sorted(folder.rglob("*.py")):
            digest.update(str(path.relative_to(folder.parent)).encode() + b"\0")
            digest.update(path.read_bytes())
    return digest.hexdigest()[:8]
