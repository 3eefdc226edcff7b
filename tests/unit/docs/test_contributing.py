"""CONTRIBUTING.md and SECURITY.md name files, tests and targets that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
DOCUMENTS = ("CONTRIBUTING.md", "SECURITY.md")
TEXT = "\n".join((ROOT / name).read_text() for name in DOCUMENTS)
PATHS = sorted(
    set(re.findall(r"(?<![\w/.])((?:tests|peerd|protocols|docs|scripts|configs)/[\w./-]+\w)", TEXT))
)


@pytest.mark.parametrize("path", PATHS)
def test_a_named_file_exists(path: str) -> None:
    assert "NAME" in path or (ROOT / path).exists()


def test_a_named_target_of_make_exists() -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.M))
    named = set(re.findall(r"`make (\w+)", TEXT))
    assert named
    assert named <= targets


def test_what_recipes_tell_people_to_extend_has_that_name() -> None:
    for name, path in (
        ("PAYLOADS", "protocols/wire/payloads.py"),
        ("IDENTITY_KINDS", "protocols/wire/statement.py"),
        ("FRAMES", "protocols/wire/frames.py"),
        ("AGGREGATORS", "protocols/aggregation/registry.py"),
        ("RULES", "peerd/laboratory/simulation/groups.py"),
        ("CLEAR_RULES", "peerd/laboratory/experiments/rules.py"),
        ("VARIANTS", "tests/unit/aggregation/rule_samples.py"),
        ("SCENARIOS", "tests/unit/docs/test_protocol_sizes.py"),
        ("BLAMED", "tests/simulation/test_adversaries.py"),
        ("ABSENT", "tests/simulation/test_adversaries.py"),
        ("LIES", "peerd/laboratory/adversaries/lies.py"),
        ("ATTACKS", "peerd/laboratory/experiments/attacks/alone.py"),
        ("SHIPPED", "peerd/tasks/names.py"),
    ):
        assert f"`{name}`" in TEXT
        assert re.search(rf"^{name}\b", (ROOT / path).read_text(), re.M), (name, path)
