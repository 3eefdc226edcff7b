"""What lints: the whitelist of dead code, the hooks before a commit, the workflow."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
WHITELIST = ROOT / "scripts/vulture_whitelist.py"


def test_what_the_dead_code_lint_lets_pass_is_there() -> None:
    listed = re.findall(r"_\.(\w+)", WHITELIST.read_text())
    folders = [ROOT / name for name in ("peerd", "protocols", "scripts")]
    sources = [path for folder in folders for path in folder.rglob("*.py") if path != WHITELIST]
    words = set(re.findall(r"\w+", "\n".join(path.read_text() for path in sources)))
    assert listed
    assert [name for name in listed if name not in words] == []


def test_hooks_are_local_and_run_what_make_lint_runs() -> None:
    yaml = pytest.importorskip("yaml", reason="the test extra is not installed in full")
    document = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    assert [each["repo"] for each in document["repos"]] == ["local"]
    hooks = document["repos"][0]["hooks"]
    assert {hook["language"] for hook in hooks} == {"system"}
    linted = re.findall(r"\$\(VENV\)/bin/(\w+)", target("lint"))
    assert [Path(hook["entry"].split()[0]).name for hook in hooks] == linted


def target(name: str) -> str:
    """The commands of a target of the Makefile."""
    text = (ROOT / "Makefile").read_text()
    found = re.search(rf"^{name}:.*\n((?:\t.*\n)+)", text, re.M)
    assert found is not None
    return found[1]


def test_the_workflow_pins_its_actions_and_runs_what_people_run() -> None:
    text = (ROOT / ".github/workflows/ci.yml").read_text()
    actions = re.findall(r"uses: (\S+)", text)
    assert actions
    assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", action) for action in actions)
    commands = re.findall(r"- run: (.*)", text)
    assert [each for each in commands if not each.startswith("sudo apt-get")] == [
        "make lint",
        "make test",
    ]
    oldest = re.search(r'requires-python = ">=([\d.]+)"', (ROOT / "pyproject.toml").read_text())
    assert oldest is not None
    assert re.findall(r'"(3\.\d+)"', text)[0] == oldest[1]
