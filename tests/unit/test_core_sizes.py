"""The parts of the core stay small enough to be read: no class, no folder holds it all."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "protocols").rglob("*.py"))
MOST_LINES = 250
"""Of a class."""
MOST_ATTRIBUTES = 12
MOST_PARAMETERS = 7
"""Of a constructor, ``self`` aside. Values (frozen dataclasses) may have more of both."""
LARGEST_FOLDER = 0.20
"""Of the core's lines."""


def classes() -> Iterator[tuple[str, ast.ClassDef]]:
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                yield f"{path.relative_to(ROOT)}:{node.name}", node


CLASSES = dict(classes())


def decorated(node: ast.ClassDef, word: str) -> bool:
    return any(word in ast.unparse(each) for each in node.decorator_list)


def attributes(node: ast.ClassDef) -> set[str]:
    """What its methods assign to self, and the fields of a dataclass."""
    stored = {
        each.attr
        for each in ast.walk(node)
        if isinstance(each, ast.Attribute)
        and isinstance(each.ctx, ast.Store)
        and isinstance(each.value, ast.Name)
        and each.value.id == "self"
    }
    return stored | set(fields(node))


def fields(node: ast.ClassDef) -> list[str]:
    if not decorated(node, "dataclass"):
        return []
    named = [each.target for each in node.body if isinstance(each, ast.AnnAssign)]
    return [target.id for target in named if isinstance(target, ast.Name)]


def parameters(node: ast.ClassDef) -> int:
    for each in node.body:
        if isinstance(each, ast.FunctionDef) and each.name == "__init__":
            given = each.args
            return len(given.posonlyargs) + len(given.args) + len(given.kwonlyargs) - 1
    return len(fields(node))


def test_classes_are_found() -> None:
    assert len(CLASSES) > 150
    session = CLASSES["protocols/session/session.py:Session"]
    assert "neighbours" in attributes(session) and parameters(session) == 6


@pytest.mark.parametrize("name", CLASSES)
def test_a_class_can_be_read(name: str) -> None:
    node = CLASSES[name]
    assert node.end_lineno is not None and node.end_lineno - node.lineno < MOST_LINES
    if not decorated(node, "frozen"):
        assert len(attributes(node)) <= MOST_ATTRIBUTES, sorted(attributes(node))
        assert parameters(node) <= MOST_PARAMETERS


def test_no_folder_is_most_of_the_core() -> None:
    lines: Counter[str] = Counter()
    for path in FILES:
        lines[path.relative_to(ROOT).parts[1]] += len(path.read_text().splitlines())
    folder, most = lines.most_common(1)[0]
    assert most < LARGEST_FOLDER * lines.total(), folder
