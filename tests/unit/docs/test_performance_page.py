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


def history() -> list[dict[str, Any]]:
    return [json.loads(line) for line in HISTORY.read_text().splitlines()]


def test_the_page_has_the_numbers_of_the_last_run_of_each_part(script: ModuleType) -> None:
    text = (ROOT / "docs" / "performance.md").read_text()
    runs = history()
    assert script.page(text, runs) == text
    assert set(script.PARTS) == {"rounds", "roles", "members", "baselines", "liars"}
    measured_parts = [part for part in script.PARTS if script.last(runs, part)]
    assert measured_parts[:3] == ["rounds", "roles", "members"]
    for part in measured_parts:
        measured = script.last(runs, part)
        another = {"date": "1999-01-01", "commit": "0", "machine": "none", part: measured[part]}
        changed = script.page(text, [*runs, another])
        assert changed.count("Measured on 1999-01-01 at `0`: none.") == 1
        assert changed.count("Measured on") == text.count("Measured on") == len(measured_parts)


def test_the_page_has_the_ratios_as_they_are_printed(script: ModuleType) -> None:
    _, _, rest = (ROOT / "docs" / "performance.md").read_text().partition("## Beside others")
    shown = [line for line in rest.splitlines() if line.startswith("ratio ")]
    run = script.last(history(), "baselines")
    ratios = run["baselines"]["ratios"] if run else {}
    assert shown == [script.line(name, value) for name, value in ratios.items()]
    assert script.last([{"baselines": 1}, {"baselines": 2}, {}], "baselines") == {"baselines": 2}


def test_a_run_has_all_cases_of_its_parts(script: ModuleType) -> None:
    for run in history():
        cases = {
            part: {(each["peers"], each["params"]) for each in run.get(part, ())}
            for part in ("rounds", "members")
        }
        assert cases["rounds"] in (set(), {*script.PEERS, *script.PARAMETERS})
        assert cases["members"] in (set(), {*script.MEMBERS})
        roles = {(each["role"], each["peers"]) for each in run.get("roles", ())}
        assert roles in (set(), {*script.ROLES})


def test_the_pictures_are_there() -> None:
    for name in ("peers", "params", "member"):
        assert (HISTORY.parent / f"{name}.png").read_bytes().startswith(b"\x89PNG")
