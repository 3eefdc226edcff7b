"""docs/performance.md is what its last run measured, and not what somebody has typed."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import pytest

from tests.scripts import load_script

ROOT = Path(__file__).parents[3]
HISTORY = ROOT / "docs" / "performance" / "history.jsonl"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return load_script("performance")


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
