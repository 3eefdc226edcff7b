"""The doctor names the version that is there, and the one that peerd is made for."""

from __future__ import annotations

import importlib.metadata
import tomllib
from pathlib import Path

import pytest

from peerd.cli.doctor import machine_checks, pinned

ROOT = Path(__file__).parents[3]


def test_what_is_pinned_is_what_pyproject_pins() -> None:
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    assert pinned() == dict(each.split("==") for each in wanted if "==" in each)
    assert pinned().keys() >= {"libp2p", "torch", "trio"}


@pytest.mark.parametrize("name", ["libp2p", "torch", "trio"])
def test_another_version_is_an_error_that_names_both(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = importlib.metadata.version
    monkeypatch.setattr(
        importlib.metadata, "version", lambda each: "0.0.1+cpu" if each == name else real(each)
    )
    (check,) = (each for each in machine_checks() if each.check == name)
    assert check.level == "error"
    said = f"0.0.1+cpu is installed, and this peerd is made for {pinned()[name]}"
    assert check.message.startswith(said)
    assert all(each.level == "ok" for each in machine_checks() if each.check != name)
