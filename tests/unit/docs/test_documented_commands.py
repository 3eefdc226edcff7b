"""Every command in a block of a document is one that peerd takes, with options that it has."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from peerd.cli.commands import COMMANDS
from peerd.cli.dispatch import build_parser

ROOT = Path(__file__).parents[3]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def typed(document: Path) -> list[str]:
    """Behind ``peerd`` at the start of a line, but what stands for something with … in it."""
    blocks = re.findall(r"^ *```\w*\n(.*?)^ *```", document.read_text(), re.S | re.M)
    text = re.sub(r"\\\n\s*", "", "\n".join(blocks))
    lines = re.findall(r"^ *(?:\$ )?(?:\.venv/bin/)?peerd ([a-z].*)$", text, re.M)
    return [line for line in lines if "…" not in line]


LINES = [
    pytest.param(line, id=f"{document.name}: {line[:40]}")
    for document in DOCUMENTS
    for line in typed(document)
]


@pytest.mark.parametrize("line", LINES)
def test_it_is_one_that_peerd_takes(line: str) -> None:
    words = shlex.split(line, comments=True)
    chosen = next(each for each in COMMANDS if each.name == words[0])
    assert vars(build_parser(chosen).parse_args(words))


def test_documents_have_many() -> None:
    assert len(LINES) > 60
