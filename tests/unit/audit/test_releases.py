"""What earlier releases left is audited by this one, and docs/releases.md says how to get each."""

from __future__ import annotations

import json
import re
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from peerd import __version__
from peerd.cli.main import main
from peerd.storage.database import SCHEMA_VERSION
from protocols.version import LATEST
from protocols.wire.frames import FRAME_VERSION
from protocols.wire.statement import VERSION

ROOT = Path(__file__).parents[3]
RECORDED = ROOT / "tests/vectors/releases"
ROW = re.compile(
    r"^\| (\d+\.\d+\.\d+) \| `([0-9a-f]{40})` \| \d{4}-\d\d-\d\d"
    r" \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$",
    re.M,
)
RELEASES = ROW.findall((ROOT / "docs/releases.md").read_text())
VERSIONS = [row[0] for row in RELEASES]


def git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout


def test_each_release_has_a_row_and_a_history() -> None:
    recorded = {path.name.removesuffix(".tar.gz") for path in RECORDED.iterdir()}
    assert VERSIONS and recorded == set(VERSIONS)
    newest = max(VERSIONS, key=numbers)
    assert numbers(newest) <= numbers(__version__)
    if newest == __version__:
        versions = tuple(map(int, RELEASES[VERSIONS.index(newest)][2:]))
        assert versions == (VERSION, FRAME_VERSION, LATEST, SCHEMA_VERSION)


def numbers(version: str) -> tuple[int, ...]:
    """What is between two releases has the next one's number, and ``.dev0`` behind it."""
    return tuple(map(int, version.removesuffix(".dev0").split(".")))


@pytest.mark.parametrize(("version", "commit"), [row[:2] for row in RELEASES], ids=VERSIONS)
def test_the_commit_is_that_of_the_release(version: str, commit: str) -> None:
    if not (ROOT / ".git").exists() or "true" in git("rev-parse", "--is-shallow-repository"):
        pytest.skip("needs the project's whole history")
    assert f'__version__ = "{version}"' in git("show", f"{commit}:peerd/__init__.py")
    assert f'version = "{version}"' in git("show", f"{commit}:pyproject.toml")
    git("merge-base", "--is-ancestor", commit, "HEAD")


@pytest.mark.parametrize("part", ["files", "peer"])
@pytest.mark.parametrize("version", VERSIONS)
def test_its_history_is_verified(
    version: str, part: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = unpacked(version, tmp_path)
    code, found = audited(capsys, tmp_path / part, said["genesis"])
    assert code == 0 and found["verdict"] == said["verdict"] == "verified"
    assert {found[name] == said[name] for name in ("rounds", "handovers", "blamed")} == {True}
    if part == "files":
        assert found["rounds_with_transcript"] == said["rounds_with_transcript"]
    database = tmp_path / part / ("certificates.bin" if part == "files" else "data/peerd.sqlite3")
    damaged(database)
    code, found = audited(capsys, tmp_path / part, said["genesis"])
    assert code == 9 and found["verdict"] == "failed"


def test_who_was_guilty_before_a_handover_is_left_out_behind_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = unpacked("0.2.0", tmp_path)
    _, found = audited(capsys, tmp_path / "files", said["genesis"])
    (guilty,) = {each["peer"] for each in said["blamed"]}
    for group in found["groups"]:
        told = {each["peer"]: each for each in group["members"]}
        assert [peer for peer, each in told.items() if each["blamed"]] == [guilty]
        assert (told[guilty]["took_part"], told[guilty]["away"]) == (0, 0)
    elected = [each for each in found["history"] if each["committee"]]
    assert len(found["groups"]) == 2 and all(each["guilty"] == [guilty] for each in elected)


def unpacked(version: str, place: Path) -> Any:
    """What the audit found of its files then."""
    with tarfile.open(RECORDED / f"{version}.tar.gz") as archive:
        archive.extractall(place, filter="data")
    return json.loads((place / "found.json").read_text())


def audited(capsys: pytest.CaptureFixture[str], what: Path, genesis: str) -> tuple[int, Any]:
    capsys.readouterr()
    code = main(["audit", str(what), "--genesis", genesis, "--json"])
    return code, json.loads(capsys.readouterr().out)


def damaged(file: Path) -> None:
    """One bit, in its middle."""
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
