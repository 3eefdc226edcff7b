"""docs/attacks.md: a row for each fault, each with a code, and tests and adversaries that exist."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from peerd.laboratory.simulation.operations import KINDS, LIARS
from tests.mutation.table import BUGS
from tests.swarm.test_floods import FLOODS

ROOT = Path(__file__).resolve().parents[3]
DOCUMENT = (ROOT / "docs" / "attacks.md").read_text()
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in DOCUMENT.splitlines()
    if re.match(r"\| \[\d", line)
]
"""Number with its link, fault, code, what stands against it."""
_, *_PARTS = re.split(r"^### Row (\d+)\n", DOCUMENT, flags=re.M)
DETAILS = {int(number): text.strip() for number, text in zip(*[iter(_PARTS)] * 2, strict=True)}
TESTS = sorted(set(re.findall(r"`(tests/[^`]+\.py)::([^`]+)`", DOCUMENT)))
CODE = re.compile(r"[BXCDMN]|A\([a-z ]+\)")
NUMBERS = [*range(1, 95), *range(98, 125)]
"""Faults keep their numbers: who adds a row adds it here."""
UNSHOWN = ("not shown yet", "measured later, with the learning laboratory")


def number(row: list[str]) -> int:
    found = re.fullmatch(r"\[(\d+)\]\(#row-(\d+)\)", row[0])
    assert found and found[1] == found[2], row[0]
    return int(found[1])


def test_each_row_is_there_once_and_in_order() -> None:
    assert [number(row) for row in ROWS] == NUMBERS
    assert re.findall(r"^### Row (.*)", DOCUMENT, re.M) == [str(each) for each in NUMBERS]
    assert {len(row) for row in ROWS} == {4}
    assert all(row[1] and row[3] for row in ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_row_is_one_that_a_person_can_read(row: list[str]) -> None:
    """What doesn't fit belongs into the details."""
    assert all(len(cell) <= 120 for cell in row)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_row_has_a_code_and_names_a_test_or_says_that_there_is_none(row: list[str]) -> None:
    assert all(CODE.fullmatch(code) for code in row[2].split(" or ")), row[2]
    shown = DETAILS[number(row)]
    assert ("\n- `tests/" in f"\n{shown}") != shown.startswith(UNSHOWN), shown
    if shown.startswith("Partly"):
        assert re.match(r"Partly: \S[^\n]", shown), "what is missing?"


def test_the_codes_are_explained() -> None:
    explained = re.findall(r"^\| \*\*([A-Z])", DOCUMENT, re.M)
    assert set(explained) == {code[0] for row in ROWS for code in row[2].split(" or ")}


def test_the_counts_are_those_of_the_rows() -> None:
    partly = sum(shown.startswith("Partly: ") for shown in DETAILS.values())
    unshown, later = (sum(shown.startswith(text) for shown in DETAILS.values()) for text in UNSHOWN)
    shown = len(ROWS) - partly - unshown - later
    said = re.search(
        r"Of (\d+) rows (\d+) are .*?(\d+) partly, (\d+) are .*?(\d+) are", DOCUMENT, re.S
    )
    counts = [len(NUMBERS), shown, partly, later, unshown]
    assert said and [int(count) for count in said.groups()] == counts


@cache
def named_in(path: str) -> frozenset[str]:
    """Names as pytest has them, without parameters: ``test_a`` and ``TestB::test_c``."""
    found: set[str] = set()
    module = ast.parse((ROOT / path).read_text())
    for item in module.body:
        if isinstance(item, ast.ClassDef):
            found |= {f"{item.name}::{name}" for name in functions(item)}
    return frozenset(found | functions(module))


def functions(of: ast.Module | ast.ClassDef) -> set[str]:
    return {
        item.name for item in of.body if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef)
    }


@pytest.mark.parametrize(("path", "name"), TESTS)
def test_a_named_test_exists(path: str, name: str) -> None:
    test = name.partition("[")[0]
    assert test.rpartition("::")[2].startswith("test_")
    assert test in named_in(path)


def test_a_named_adversary_exists() -> None:
    known = {*LIARS, *KINDS, *FLOODS}
    for row, shown in DETAILS.items():
        for listed in re.findall(r" with ((?:`[^`]+`(?:, )?)+)", shown):
            names = [name for name in re.findall(r"`([^`]+)`", listed) if "::" not in name]
            assert names and set(names) <= known, (row, set(names) - known)


def test_a_named_planted_bug_is_one_that_is_caught() -> None:
    caught = {bug.name.replace(" ", "-") for bug in BUGS}
    named = re.findall(r"test_a_planted_bug_is_caught\[([^]]+)\]", DOCUMENT)
    assert named and set(named) <= caught
