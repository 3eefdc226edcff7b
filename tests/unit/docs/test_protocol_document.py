"""docs/protocol.md against the code: bounds, states, messages, sections that comments cite."""

import importlib
import re
from pathlib import Path

import pytest

from protocols.wire.frames import FRAMES
from protocols.wire.payloads import PAYLOADS, Kind, Topic
from protocols.wire.statement import Slot
from tests.scripts import load_script

ROOT = Path(__file__).resolve().parents[3]
DOCUMENT = (ROOT / "docs" / "protocol.md").read_text()
CORE = ("wire", "record", "agreement", "election", "committee", "session")


def block(name: str) -> list[str]:
    """The lines of one fenced block."""
    _, _, rest = DOCUMENT.partition(f"```{name}\n")
    lines = rest.partition("\n```")[0].splitlines()
    assert lines, f"docs/protocol.md has no {name} block"
    return lines


@pytest.mark.parametrize("line", block("bounds"))
def test_a_bound_is_the_one_in_the_code(line: str) -> None:
    path, _, value = line.partition(" = ")
    module, _, name = path.rpartition(".")
    assert getattr(importlib.import_module(module), name) == int(value)


def test_every_bound_of_the_core_is_listed() -> None:
    """A new MAX_… of the wire or the round must be stated where operators look for it."""
    listed = {line.partition(" = ")[0] for line in block("bounds")}
    folders = [ROOT / "protocols" / name for name in CORE]
    for path in (path for folder in folders for path in folder.glob("*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for name in re.findall(r"^(MAX_\w+) = ", path.read_text(), re.MULTILINE):
            assert f"{module}.{name}" in listed


def test_the_states_are_the_ones_in_the_code() -> None:
    assert load_script("protocol_states").main(["--check"]) == 0


def test_every_kind_and_every_frame_is_in_the_tables() -> None:
    kinds = re.findall(r"^\| ([A-Z_]+) \| (?:id|round)", DOCUMENT, re.MULTILINE)
    assert kinds == [kind.name for kind in Kind]
    frames = re.findall(r"^\| (\w+Frame) \| (\d+) \|", DOCUMENT, re.MULTILINE)
    assert frames == [(frame.__name__, str(code)) for code, frame in FRAMES.items()]
    faults = importlib.import_module("protocols.record.evidence").Fault
    named = re.findall(r"^\| ([A-Z_]+) \| (?!id|round)", DOCUMENT, re.MULTILINE)
    assert named == [fault.name for fault in faults]


@pytest.mark.parametrize("kind", Kind)
def test_the_table_says_which_key_signs(kind: Kind) -> None:
    found = re.search(rf"^\| {kind.name} \| ((?:id|round)[^|]*) \|", DOCUMENT, re.MULTILINE)
    assert found is not None
    topics = kind in (Kind.SEEN, Kind.PROPOSAL, Kind.FIRST_VOTE, Kind.SECOND_VOTE, Kind.NEW_VIEW)
    in_cohort = Slot(0, 0, kind, int(Topic.COHORT) * topics, 0, 0).by_identity
    in_election = Slot(0, 0, kind, int(Topic.COMMITS) * topics, 0, 0).by_identity
    expected = "id" if in_cohort else "id; round for the cohort" if in_election else "round"
    assert found.group(1) == expected
    assert kind in PAYLOADS


def test_comments_cite_sections_that_exist() -> None:
    sections = set(re.findall(r"^## §(\d+)", DOCUMENT, re.MULTILINE))
    for path in [*(ROOT / "protocols").rglob("*.py"), *(ROOT / "peerd").rglob("*.py")]:
        for cited in re.findall(r"docs(?:/protocol\.md)? §(\d+)", path.read_text()):
            assert cited in sections, (path, cited)


def test_the_document_stands_on_its_own() -> None:
    assert "Robust and Actively Secure Serverless Collaborative Learning" in DOCUMENT
    for word in ("/work", "shared/", "../"):
        assert word not in DOCUMENT
