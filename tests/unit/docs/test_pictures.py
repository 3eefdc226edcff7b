"""The pictures that documents show are there, and small enough for a repository."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
MOST_BYTES = 150_000
SHOWN = sorted(
    {
        (document.parent / name).resolve()
        for document in (ROOT / "docs").rglob("*.md")
        for name in re.findall(r"\]\(([\w./-]+\.png)\)", document.read_text())
    }
)


def test_no_other_picture_lies_there() -> None:
    assert SHOWN and sorted((ROOT / "docs").rglob("*.png")) == SHOWN


@pytest.mark.parametrize("path", SHOWN, ids=lambda path: path.name)
def test_it_is_a_small_png(path: Path) -> None:
    data = path.read_bytes()
    assert data.startswith(b"\x89PNG\r\n") and len(data) < MOST_BYTES
