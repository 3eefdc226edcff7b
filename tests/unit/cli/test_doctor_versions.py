"""What is installed, against what peerd is made for: found, wanted, and what to type."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from peerd.cli.doctor import machine_checks
from peerd.cli.failure import explain
from peerd.cli.main import main
from peerd.cli.version import versions
from peerd.errors import ConfigError
from peerd.extras import EXTRAS, need
from peerd.requirements import PACKAGES, fits, wanted

ROOT = Path(__file__).parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
Install = Callable[..., None]


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Install:
    """As if a package were installed in that version, or not at all."""
    real = importlib.metadata.version

    def version(package: str, **as_if: str | None) -> str:
        found = as_if[package] if package in as_if else real(package)
        if found is None:
            raise importlib.metadata.PackageNotFoundError(package)
        return found

    def install(**as_if: str | None) -> None:
        monkeypatch.setattr(importlib.metadata, "version", lambda each: version(each, **as_if))

    return install


def test_what_is_wanted_is_what_pyproject_says() -> None:
    """Also that no requirement is of a form that ``fits`` does not know."""
    lines = sum(PROJECT["optional-dependencies"].values(), PROJECT["dependencies"])
    split = (re.fullmatch(r"([\w-]+)(?:\[.*\])?(.*)", line) for line in lines)
    declared = {each[1].lower().replace("_", "-"): each[2] for each in split if each}
    assert declared == wanted()
    assert {package for package, bounds in declared.items() if not bounds} == {"peerd"}
    for known in filter(None, declared.values()):
        assert re.fullmatch(r"==[\d.]+|>=[\d.]+,<[\d.]+", known)


@pytest.mark.parametrize(
    ("version", "versions", "fit"),
    [
        ("2.13.0", "==2.13.0", True),
        ("2.13.0+cpu", "==2.13.0", True),
        ("2.13", "==2.13.0", True),
        ("2.12.9", "==2.13.0", False),
        ("2.14.0", "==2.13.0", False),
        ("1.26.0", ">=1.26,<3", True),
        ("1.9", ">=1.26,<3", False),
        ("2.99.1", ">=1.26,<3", True),
        ("3.0", ">=1.26,<3", False),
        ("2026.10.19.post1", ">=2026.10.19", True),
        ("1", "", True),
    ],
)
def test_which_version_fits(version: str, versions: str, fit: bool) -> None:
    assert fits(version, versions) == fit


def test_every_package_of_a_node_is_looked_at() -> None:
    assert {re.split(r"[=<>]", line)[0].lower() for line in PROJECT["dependencies"]} == {
        each.lower() for each in PACKAGES
    }
    assert versions().keys() == {"peerd", "python", *PACKAGES, *dict(EXTRAS.values())}


@pytest.mark.parametrize("name", PACKAGES)
@pytest.mark.parametrize("found", ["0.0.1+cpu", "99.0", None])
def test_another_version_of_a_nodes_package_is_an_error(
    name: str, found: str | None, installed: Install
) -> None:
    installed(**{name: found})
    wrong = [each for each in machine_checks() if each.level != "ok"]
    (check,) = wrong
    assert (check.check, check.level) == (name, "error")
    assert (name if found is None else f"{name} {found} is installed") in check.message
    assert (
        "not installed" if found is None else f"made for {bounds(name).removeprefix('==')}"
    ) in check.message
    assert check.message.endswith(f"; pip install '{name}{bounds(name)}'")


def test_another_version_of_an_extras_package_is_a_warning(installed: Install) -> None:
    installed(onnxscript="0.6.0", flwr=None)
    (check,) = (each for each in machine_checks() if each.level != "ok")
    assert (check.check, check.level) == ("extra export", "warning")
    assert check.message.startswith("onnxscript 0.6.0 is installed")


def test_what_needs_an_extra_names_the_version_that_is_there(installed: Install) -> None:
    pytest.importorskip("onnxscript")
    installed(onnxscript="0.6.0")
    with pytest.raises(ConfigError, match=r"an export: onnxscript 0\.6\.0 is installed") as caught:
        need("an export", "onnxscript")
    assert str(caught.value).endswith(f"pip install 'onnxscript{wanted()['onnxscript']}'")


def test_a_module_that_another_version_lacks_is_no_fault_of_peerd(installed: Install) -> None:
    missing = ImportError("cannot import name 'Swarm' from 'libp2p.network'")
    assert explain(missing)[1] == 70, "all is as it should be"
    installed(libp2p="0.9.0")
    line, code = explain(missing)
    assert code == 1
    assert line.startswith("libp2p 0.9.0 is installed")
    assert line.endswith("pip install 'libp2p==0.8.1'")


def test_a_node_without_a_package_says_so_before_any_command(
    installed: Install, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "peerd.cli.dispatch", None)
    with pytest.raises(ImportError):
        main(["doctor"])
    installed(PyNaCl=None, libp2p="0.9.0")
    assert main(["doctor"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line == f"peerd: error: PyNaCl is not installed; pip install 'PyNaCl{bounds('PyNaCl')}'"


def bounds(package: str) -> str:
    (line,) = (each for each in PROJECT["dependencies"] if each.lower().startswith(package.lower()))
    return str(line[len(package) :])


def test_an_old_python_is_told_in_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(sys, "version_info", (3, 9, 18))
        assert main(["--version"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "is Python 3.9.18, and 3.11 or later is needed" in line


@pytest.mark.parametrize("name", ["__init__.py", "__main__.py", "cli/__init__.py", "cli/main.py"])
def test_an_old_python_can_read_as_far_as_that_line(name: str) -> None:
    ast.parse((ROOT / "peerd" / name).read_text(), feature_version=(3, 7))
