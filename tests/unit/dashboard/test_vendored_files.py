"""What is vendored is what its README says, byte for byte, and its licence lies beside it."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from peerd.dashboard.files import SERVED, served

FOLDER = Path(__file__).parents[3] / "peerd" / "dashboard" / "vendor"
TEXT = (FOLDER / "README.md").read_text()
HASHES = dict(re.findall(r"^\| `([^`]+)` \|.*\| `([0-9a-f]{64})` \|$", TEXT, re.M))


def test_each_file_is_listed() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {*HASHES, "README.md"}
    assert {name.rpartition(".")[2] for name in HASHES} == {"js", "css", "LICENSE"}


@pytest.mark.parametrize("name", sorted(HASHES))
def test_the_bytes_are_those_of_the_release(name: str) -> None:
    assert hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() == HASHES[name]


@pytest.mark.parametrize("name", sorted(SERVED))
def test_what_is_served_asks_nobody_else(name: str) -> None:
    """Neither a font nor a map: the policy would refuse it."""
    found = served(name)
    assert found is not None
    assert not re.search(rb"@import|url\(\s*['\"]?(?:https?:)?//|sourceMappingURL", found[0])
