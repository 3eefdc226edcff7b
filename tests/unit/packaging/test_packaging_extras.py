"""A node without an extra: it runs, and what needs the extra says so by name, in one line."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest

from peerd.extras import EXTRAS
from tests.tiers import later

ROOT = Path(__file__).parents[3]
LAB = "pip install 'peerd[lab]'"
DIGITS = f"the task digits needs scikit-learn; {LAB}"
TABLE = "the task table needs pyarrow; pip install 'peerd[table]'"
HIDE = "import sys\nsys.modules.update(dict.fromkeys({names!r}))\n"


@pytest.fixture(scope="module")
def without(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a Python, and of all that it starts, to which no extra is installed."""
    folder = tmp_path_factory.mktemp("hidden")
    (folder / "sitecustomize.py").write_text(HIDE.format(names=sorted(EXTRAS)))
    paths = os.pathsep.join([str(folder), str(ROOT), str(ROOT / "configs/tasks")])
    return {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}


def python(
    environment: dict[str, str], place: Path, *words: str
) -> subprocess.CompletedProcess[str]:
    with tempfile.TemporaryDirectory(prefix="peerd-") as short:  # a status socket's path must fit
        return subprocess.run(
            [sys.executable, *words],
            env={**environment, "TMPDIR": short},
            cwd=place,
            capture_output=True,
            text=True,
            timeout=120,
        )


def peerd(environment: dict[str, str], place: Path, line: str) -> tuple[int, str]:
    """The exit code and what is on standard error."""
    done = python(environment, place, "-m", "peerd.cli.main", *line.split())
    return done.returncode, done.stderr


def told(said: str) -> list[str]:
    """The lines but those of what takes its time, which a machine that is busy is told more of."""
    return [line for line in said.splitlines() if not line.endswith(" …")]


@pytest.mark.parametrize(
    ("line", "code", "says"),
    [
        ("swarm --peers 4 --rounds 1", 7, DIGITS),
        ("swarm --peers 4 --rounds 1 --plot x.png", 2, f"--plot needs matplotlib; {LAB}"),
        ("swarm --peers 4 --rounds 1 --task wine:Wine", 7, "the task wine:Wine needs scikit-learn"),
        ("demo", 2, f"peerd demo needs matplotlib; {LAB}"),
        (f"lab run {ROOT}/configs/lab/quick.toml --out lab", 7, DIGITS),
        ("lab report lab", 2, f"peerd lab report needs matplotlib; {LAB}"),
        ("lab privacy --quick", 7, DIGITS),
        ("data check x.csv --label y", 7, TABLE),
        ("model evaluate --picture x.png", 2, f"--picture needs matplotlib; {LAB}"),
        (f"swarm --peers 4 --task table --data {ROOT}/pyproject.toml --label y", 7, TABLE),
    ],
)
def test_what_needs_an_extra_names_it_in_one_line(
    without: dict[str, str], tmp_path: Path, line: str, code: int, says: str
) -> None:
    ended, said = peerd(without, tmp_path, line)
    assert ended == code, said
    (last,) = told(said)
    assert last.startswith("peerd: error: ")
    assert says in last
    assert LAB in last or TABLE in last


@pytest.mark.parametrize(
    "line",
    [
        "--help",
        "version",
        "init peer",
        "doctor",
        "plan --peers 10 --adversary 0.1",
        "bench member --peers 10 --params 500 --adversary 0.1",
        "simulate --seeds 0:1 --peers 4 --rounds 1",
        f"lab run {ROOT}/configs/lab/quick.toml --list",
    ],
)
def test_what_needs_no_extra_runs(without: dict[str, str], tmp_path: Path, line: str) -> None:
    code, said = peerd(without, tmp_path, line)
    assert code == 0, said
    assert not told(said)


@pytest.mark.parametrize("task", ["digits", *later(["wine:Wine"])])
def test_a_baseline_names_what_its_task_needs(
    without: dict[str, str], tmp_path: Path, task: str
) -> None:
    program = (
        "from peerd.laboratory.experiments.baseline import baseline\n"
        f"baseline('rsa', {task!r}, {{}}, peers=2, liars=0, attack=None, rounds=1, seed=0)"
    )
    done = python(without, tmp_path, "-c", program)
    assert done.stderr.splitlines()[-1] == (
        f"peerd.errors.TaskError: the task {task} needs scikit-learn; {LAB}"
    )


@pytest.mark.parametrize("task", ["images", "cifar"])
def test_the_other_tasks_that_ship_need_no_extra(
    without: dict[str, str], tmp_path: Path, task: str
) -> None:
    program = f"from peerd.learning.loading import task_class; print(task_class({task!r}).__name__)"
    done = python(without, tmp_path, "-c", program)
    assert done.stdout == f"{task.capitalize()}\n", done.stderr


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[^A-Za-z0-9._-]", each)[0].lower() for each in requirements}


def test_what_is_imported_is_a_dependency_or_an_extra_that_is_named() -> None:
    """Else a fresh node ends with a traceback where the developers' machines do not."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    core, extras = names(project["dependencies"]), project["optional-dependencies"]
    for package, extra in EXTRAS.values():
        assert package in names(extras[extra])
        assert package not in core
    core |= names(requires("libp2p") or [])  # pinned exactly: what it brings is there
    ours = {"peerd", "protocols"} | EXTRAS.keys() | sys.stdlib_module_names
    distributions = packages_distributions()
    for path in (each for part in ("peerd", "protocols") for each in (ROOT / part).rglob("*.py")):
        for module in imported(path) - ours:
            assert {each.lower() for each in distributions[module]} & core, (path, module)


def imported(path: Path) -> set[str]:
    """The top packages of all that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found
