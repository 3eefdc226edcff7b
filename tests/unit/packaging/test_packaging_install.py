"""make install: quick when nothing changed, one clear line when something is missing."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import subprocess
import tomllib
from itertools import chain
from pathlib import Path

import pytest

from tests.patience import HANG

ROOT = Path(__file__).parents[3]
PIN = re.compile(r"([A-Za-z0-9._-]+)==([A-Za-z0-9.]+)")


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    found = [PIN.fullmatch(line) for line in lines if not line.startswith("#")]
    assert all(found), "constraints.txt holds names and versions, no paths and no addresses"
    return {normal(match[1]): match[2] for match in found if match}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def project() -> dict[str, object]:
    document = tomllib.loads((ROOT / "pyproject.toml").read_text())
    table = document["project"]
    assert isinstance(table, dict)
    return table


def test_every_dependency_is_pinned() -> None:
    table = project()
    core, extras = table["dependencies"], table["optional-dependencies"]
    assert isinstance(core, list) and isinstance(extras, dict)
    wanted = [*core, *chain(*extras.values())]
    names = {normal(re.match(r"[A-Za-z0-9._-]+", each)[0]) for each in wanted}  # type: ignore[index]
    assert names - {"peerd"} <= pins().keys()


def test_what_the_tests_run_on_is_what_is_pinned() -> None:
    """A version that isn't in constraints.txt has not been tested by these tests."""
    installed = {
        normal(each.metadata["Name"]): each.version.partition("+")[0]
        for each in importlib.metadata.distributions()
    }
    pinned = pins()
    assert {name: installed.get(name, version) for name, version in pinned.items()} == pinned
    assert installed.keys() - pinned.keys() <= {"peerd", "pip", "setuptools", "wheel"}


def test_make_install_brings_every_extra() -> None:
    script = (ROOT / "scripts/install.sh").read_text()
    (named,) = re.findall(r"--editable '\.\[([a-z,]+)\]'", script)
    extras = project()["optional-dependencies"]
    assert isinstance(extras, dict)
    assert {*named.split(","), *FORMER} == extras.keys()


FORMER = {"onnx": ["peerd[export]"], "language": ["peerd[lm]"], "top": []}
"""Extras that 0.2.0 had: pip passes over a name that it does not know, with a warning alone."""


def test_what_a_release_called_an_extra_still_brings_it() -> None:
    extras = project()["optional-dependencies"]
    assert isinstance(extras, dict)
    assert {name: extras[name] for name in FORMER} == FORMER
    assert {each for needs in FORMER.values() for each in needs} <= {f"peerd[{e}]" for e in extras}
    core = project()["dependencies"]
    assert isinstance(core, list)
    assert any(each.startswith("rich>") for each in core), "what 'top' brought"


def test_versions_agree() -> None:
    import peerd

    assert project()["version"] == peerd.__version__
    assert "Unreleased" in (ROOT / "CHANGELOG.md").read_text()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The Makefile and what installing depends on, with an environment that is up to date."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy2(ROOT / name, tmp_path / name)
    (tmp_path / "scripts").mkdir()
    shutil.copy2(ROOT / "scripts/install.sh", tmp_path / "scripts/install.sh")
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv/.installed").touch()
    return tmp_path


def make(tree: Path, *words: str) -> subprocess.CompletedProcess[str]:
    # without what `make test` passes on: a make within a make says where it is
    alone = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(
        ["make", *words], cwd=tree, capture_output=True, text=True, timeout=HANG, env=alone
    )


def test_install_does_nothing_when_nothing_changed(tree: Path) -> None:
    assert make(tree, "-q", "install").returncode == 0
    (tree / "constraints.txt").write_text("")
    os.utime(tree / ".venv/.installed", (1, 1))
    assert make(tree, "-q", "install").returncode == 1


@pytest.mark.parametrize(
    ("target", "command"),
    [
        ("demo", ".venv/bin/peerd demo"),
        ("check", "-m pytest --numprocesses auto --quick"),
        ("test", "-m pytest --numprocesses auto"),
        ("acceptance", "-m acceptance"),
        ("lint", ".venv/bin/mypy"),
        ("bench", "scripts/performance.py"),
        ("node", "scripts/install.sh --node /opt/peerd"),
        ("dist", "scripts/dist.py dist"),
        ("clean", "rm -rf .venv"),
    ],
)
def test_targets(tree: Path, target: str, command: str) -> None:
    done = make(tree, "-n", target)
    assert done.returncode == 0, done.stderr
    assert command in done.stdout
    assert "install.sh .venv" not in done.stdout
    (tree / ".venv/.installed").unlink()
    installs = target not in ("clean", "node", "dist")
    assert ("install.sh .venv" in make(tree, "-n", target).stdout) == installs


def test_the_bench_measures_others_when_it_is_asked_to(tree: Path) -> None:
    alone, beside = (make(tree, "-n", "bench", *word).stdout for word in ([], ["BASELINES=1"]))
    assert "baselines" not in alone
    first, _, last = beside.partition("\n")
    assert first == 'PYTHON="python3" scripts/baselines/install.sh .venv-baselines'
    measured, _, modelled = last.strip().partition("\n")
    assert measured == ".venv/bin/python scripts/performance.py --baselines"
    assert modelled == ".venv/bin/python scripts/model_page.py"


def install(
    tree: Path, bin_directory: Path, commands: dict[str, str], **variables: str
) -> subprocess.CompletedProcess[str]:
    """scripts/install.sh with ``commands`` (name → shell script) before the real ones."""
    bin_directory.mkdir()
    for name, script in commands.items():
        path = bin_directory / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
    environment = {**os.environ, "PATH": f"{bin_directory}:{os.environ['PATH']}", **variables}
    return subprocess.run(
        ["bash", "scripts/install.sh", ".venv"],
        cwd=tree,
        env=environment,
        capture_output=True,
        text=True,
        timeout=HANG,
    )


def test_a_missing_compiler_is_one_line_for_a_user(tree: Path, tmp_path: Path) -> None:
    done = install(tree, tmp_path / "bin", {"id": "echo 1000"}, CC="false")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "sudo apt-get install -y --no-install-recommends" in line
    assert "gcc libc6-dev libgmp-dev" in line


def test_missing_headers_are_named_alone(tree: Path, tmp_path: Path) -> None:
    without_gmp = 'case "$*" in *-lgmp*) exit 1;; esac'
    done = install(tree, tmp_path / "bin", {"id": "echo 1000", "gcc": without_gmp})
    assert done.returncode == 1
    assert done.stderr.endswith("--no-install-recommends libgmp-dev\n")


@pytest.mark.skipif(not Path("/etc/debian_version").exists(), reason="Debian alone has apt-get")
def test_root_on_debian_installs_what_is_missing(tree: Path, tmp_path: Path) -> None:
    log = tmp_path / "apt.log"
    commands = {"id": "echo 0", "apt-get": f'echo "$*" >> {log}'}
    done = install(tree, tmp_path / "bin", commands, CC="false")
    assert log.read_text().splitlines()[0] == "update -q"
    assert "install -y --no-install-recommends gcc" in log.read_text().splitlines()[1]
    assert done.returncode == 1
    assert "still missing after apt-get" in done.stderr


def test_an_old_python_is_refused(tree: Path, tmp_path: Path) -> None:
    old = tmp_path / "old-python"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.2\nexit 1\n')
    old.chmod(0o755)
    done = install(tree, tmp_path / "bin", {}, PYTHON=str(old))
    assert done.returncode == 1
    assert "Python 3.9.2 is too old" in done.stderr


def test_continuous_integration_runs_make_test_alone() -> None:
    script = ROOT / ".ci/run"
    assert os.access(script, os.X_OK)
    commands = [
        line
        for line in script.read_text().splitlines()
        if line and not line.startswith("#") and not line.startswith(("set ", "cd "))
    ]
    assert commands == ["exec make test"]


def test_the_example_configuration_can_be_loaded() -> None:
    from peerd.config import Config

    config = Config.load(ROOT / "configs/peerd.toml")
    assert config.data == ROOT / "configs/data"
    assert config.bootstrap
