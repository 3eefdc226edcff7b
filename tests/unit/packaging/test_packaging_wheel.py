"""The wheel, built from a copy of the tree: every module, and the marks that say it is typed."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.patience import HANG

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> frozenset[str]:
    tree = tmp_path_factory.mktemp("tree")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy2(ROOT / name, tree / name)
    for name in ("peerd", "protocols"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--no-build-isolation", "--wheel-dir", "made", "."]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, timeout=HANG)
    assert done.returncode == 0, done.stderr
    (wheel,) = (tree / "made").glob("peerd-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return frozenset(archive.namelist())


@pytest.mark.parametrize("package", ["peerd", "protocols"])
def test_others_type_checkers_may_trust_the_types(names: frozenset[str], package: str) -> None:
    assert f"{package}/py.typed" in names


def test_the_wheel_holds_what_the_page_is_made_of(names: frozenset[str]) -> None:
    folder = ROOT / "peerd" / "dashboard"
    files = {p.relative_to(ROOT).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert {name for name in files if "__pycache__" not in name} <= names


def test_the_wheel_holds_every_module_and_no_test(names: frozenset[str]) -> None:
    modules = {
        path.relative_to(ROOT).as_posix()
        for package in ("peerd", "protocols")
        for path in (ROOT / package).rglob("*.py")
    }
    assert modules == {name for name in names if name.endswith(".py")}
