"""docs/errors.md: each message is one of the code's, and stands under its exit code."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from peerd import errors
from peerd.errors import PeerdError

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs/errors.md").read_text()
SECTIONS = re.findall(r"^## (\d+): .*\n((?:(?!## ).*\n)*)", TEXT, re.M)
ENTRIES = [
    (message, int(code))
    for code, section in SECTIONS
    for message in re.findall(r"^### (.+)$", section, re.M)
]


def words(node: ast.expr) -> str:
    """What an expression says, with … for what is not known before it runs."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(map(words, node.values))
    return "…"


def raised(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """The name of each class that is called, and its message with what to do behind it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
            yield node.func.id, "; ".join(map(words, node.args))


@cache
def messages() -> list[tuple[str, str, str]]:
    """Of everything that is called in peerd: module, name, message."""
    found = []
    for path in sorted((ROOT / "peerd").rglob("*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        found += [(module, *each) for each in raised(ast.parse(path.read_text()))]
    return found


def code_of(module: str, name: str) -> int | None:
    """The exit code; None where the name is no error's, or is only known as it runs."""
    kind = getattr(errors, name, None) or getattr(importlib.import_module(module), name, None)
    known = isinstance(kind, type) and issubclass(kind, PeerdError)
    return kind.exit_code if known else None


@pytest.mark.parametrize(("message", "code"), ENTRIES)
def test_a_message_is_one_of_the_codes(message: str, code: int) -> None:
    pattern = re.compile(".*".join(map(re.escape, message.split("…"))))
    named = {(module, name) for module, name, said in messages() if pattern.search(said)}
    assert code in {code_of(*each) for each in named}, named


def test_every_code_has_a_row_and_every_kind_a_section() -> None:
    listed = set(map(int, re.findall(r"^\| \[?(\d+)\]?\S* \|", TEXT, re.M)))
    kinds = {
        each.exit_code
        for each in vars(errors).values()
        if isinstance(each, type) and issubclass(each, PeerdError)
    }
    assert listed == kinds | {0, 70, 130}
    assert {code for _, code in ENTRIES} == kinds - {1}
