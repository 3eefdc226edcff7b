"""docs/upstream: each report's reproduction shows the fault, and its patch fits the library."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from peerd.transport.repairs import LIBRARY_VERSION
from tests.patience import HANG
from tests.tiers import later

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "docs" / "upstream"
REPORTS = sorted(FOLDER.glob("[0-9]*.md"))
INDEX = (FOLDER / "README.md").read_text()


def block(report: Path, name: str) -> str:
    found = re.search(rf"^```{name}\n(.*?)^```", report.read_text(), re.M | re.S)
    assert found is not None, f"{report.name} has no {name} block"
    return found[1]


def library() -> Path:
    spec = find_spec("libp2p")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parents[1]


@pytest.mark.parametrize(
    "report", [REPORTS[0], *later(REPORTS[1:])], ids=lambda report: report.stem
)
def test_the_reproduction_prints_what_the_report_says(report: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-W", "ignore", "-c", block(report, "python")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=HANG)
    assert done.stdout == block(report, "text"), done.stderr
    assert block(report, "patched") != done.stdout


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: report.stem)
def test_the_patch_fits_the_library(report: Path) -> None:
    """What each hunk takes away or keeps stands at its line in the file."""
    parts = re.split(r"^--- a/(\S+)\n\+\+\+ b/\S+\n", block(report, "diff"), flags=re.M)
    assert len(parts) > 1
    for name, hunks in zip(parts[1::2], parts[2::2], strict=True):
        lines = (library() / name).read_text().splitlines()
        for start, hunk in re.findall(r"^@@ -(\d+).*?@@.*\n((?:[ +-].*\n?|\n)+)", hunks, re.M):
            old = [line[1:] for line in hunk.splitlines() if not line.startswith("+")]
            at = int(start) - 1
            assert lines[at : at + len(old)] == old


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: report.stem)
def test_a_report_is_of_this_release_and_names_what_is_there(report: Path) -> None:
    text = report.read_text()
    assert f"libp2p {LIBRARY_VERSION}" in text
    found = re.search(r"^- Where: `(\S+)`, line (\d+)", text, re.M)
    assert found is not None
    assert int(found[2]) <= (library() / found[1]).read_text().count("\n")
    test = re.search(r"^- Test here: `(\S+)::(\w+)`", text, re.M)
    assert test is not None
    assert f"def {test[2]}(" in (ROOT / test[1]).read_text()


def test_the_index_lists_every_report_with_its_repair_and_its_test() -> None:
    rows = re.findall(r"^\| \[\d+\]\((\S+)\) \| .* \| `(\S+)` \| `(\S+)` \|", INDEX, re.M)
    assert [name for name, _, _ in rows] == [report.name for report in REPORTS]
    for _, module, test in rows:
        assert (ROOT / module).is_file()
        assert (ROOT / test).is_file()
