"""docs/performance.md is what its last run measured, and not what somebody has typed."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.scripts import load_script

ROOT = Path(__file__).parents[3]
HISTORY = ROOT / "docs" / "performance" / "history.jsonl"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return load_script("performance")


def test_the_page_has_the_numbers_of_the_last_run(script: ModuleType) -> None:
    text = (ROOT / "docs" / "performance.md").read_text()
    runs = history()
    assert script.page(text, runs) == text
    assert script.page(text, [*runs, {**runs[-1], "commit": "another"}]) != text


def test_the_page_has_the_baselines_of_the_last_run_that_had_some(script: ModuleType) -> None:
    text = (ROOT / "docs" / "performance.md").read_text()
    runs = history()
    assert script.compared([{}, {"baselines": 1}, {"baselines": 2}, {}]) == {"baselines": 2}
    assert script.compared([{}]) is None
    shown = script.compared(runs)
    _, _, rest = text.partition("<!-- baselines: begin -->")
    printed = [line for line in rest.splitlines() if line.startswith("ratio ")]
    assert len(printed) == (len(shown["baselines"]["ratios"]) if shown else 0)


def history() -> list[dict[str, Any]]:
    return [json.loads(line) for line in HISTORY.read_text().splitlines()]


def test_a_run_has_all_cases(script: ModuleType) -> None:
    for run in history():
        cases = {(each["peers"], each["params"]) for each in run["rounds"]}
        assert cases == {*script.PEERS, *script.PARAMETERS}
        assert {(each["role"], each["peers"]) for each in run["roles"]} == {*script.ROLES}


def test_the_pictures_are_there() -> None:
    for name in ("peers", "params"):
        assert (HISTORY.parent / f"{name}.png").read_bytes().startswith(b"\x89PNG")
