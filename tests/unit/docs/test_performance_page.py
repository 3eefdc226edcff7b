"""docs/performance.md is what its last run measured, and not what somebody has typed."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[3]
HISTORY = ROOT / "docs" / "performance" / "history.jsonl"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("performance", ROOT / "scripts/performance.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_has_the_numbers_of_the_last_run(script: ModuleType) -> None:
    text = (ROOT / "docs" / "performance.md").read_text()
    last = json.loads(HISTORY.read_text().splitlines()[-1])
    assert script.page(text, last) == text
    assert script.page(text, {**last, "commit": "another"}) != text


def test_a_run_has_all_cases(script: ModuleType) -> None:
    for line in HISTORY.read_text().splitlines():
        run = json.loads(line)
        cases = {(each["peers"], each["params"]) for each in run["rounds"]}
        assert cases == {*script.PEERS, *script.PARAMETERS}
        assert {(each["role"], each["peers"]) for each in run["roles"]} == {*script.ROLES}


def test_the_pictures_are_there() -> None:
    for name in ("peers", "params"):
        assert (HISTORY.parent / f"{name}.png").read_bytes().startswith(b"\x89PNG")
