"""make node: each version in an environment of its own, and one link that says which is current.

The interpreter here stands for one with pip: what is installed is a script that says its version.
The real thing is tests/acceptance/test_node_install.py.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.patience import HANG

ROOT = Path(__file__).parents[3]
PYTHON = r"""#!/bin/bash
case "$*" in
*"-m venv "*) mkdir -p "${@: -1}/bin"; cp "$0" "${@: -1}/bin/python" ;;
*"-m pip --version"*) echo "pip 20.0.2 from x" ;;
*"-m pip wheel "*)
    while [ "$1" != --wheel-dir ]; do shift; done
    cat "$3/peerd/__init__.py" > "$2/peerd-$(cat "$3/peerd/__init__.py")-py3-none-any.whl" ;;
*"-m pip install "*)
    [ -z "$NO_NETWORK" ] || exit 1
    wheel=$(basename "$4")
    version=${wheel#peerd-}
    printf '#!/bin/sh\necho peerd %s\n' "${version%%-*}" > "$(dirname "$0")/peerd"
    chmod +x "$(dirname "$0")/peerd" ;;
*--version*) echo Python 3.12.1 ;;
*get_path*) echo /usr/include ;;
esac
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    tree = tmp_path / "clone"
    (tree / "scripts").mkdir(parents=True)
    shutil.copy2(ROOT / "scripts/install.sh", tree / "scripts")
    for name in ("pyproject.toml", "README.md", "LICENSE", "constraints.txt"):
        (tree / name).touch()
    for name in ("peerd", "protocols"):
        (tree / name).mkdir()
    (tree / "peerd/__init__.py").write_text("1.0")
    python = tmp_path / "python"
    python.write_text(PYTHON)
    python.chmod(0o755)
    compiler = tmp_path / "cc"
    compiler.write_text("#!/bin/sh\nexit 0\n")
    compiler.chmod(0o755)
    return tree


def install(tree: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    place = tree.parent
    return subprocess.run(
        ["bash", str(tree / "scripts/install.sh"), "--node", str(place / "node")],
        env={**os.environ, "PYTHON": f"{place}/python", "CC": f"{place}/cc", **variables},
        capture_output=True,
        text=True,
        timeout=HANG,
        check=False,
    )


def current(tree: Path) -> tuple[Path, str]:
    command = tree.parent / "node/current/bin/peerd"
    said = subprocess.run([command], capture_output=True, text=True, check=True).stdout
    return (tree.parent / "node/current").resolve(), said.strip()


def test_another_version_leaves_the_one_before_as_it_was(tree: Path) -> None:
    done = install(tree)
    assert done.returncode == 0, done.stderr
    first, said = current(tree)
    assert said == "peerd 1.0" and first.name.startswith("peerd-1.0-")
    before = {path: path.read_bytes() for path in first.rglob("*") if path.is_file()}
    (tree / "peerd/__init__.py").write_text("1.1")
    done = install(tree)
    assert done.returncode == 0, done.stderr
    assert f"no longer current: {first}" in done.stderr
    assert current(tree)[1] == "peerd 1.1"
    assert {path: path.read_bytes() for path in first.rglob("*") if path.is_file()} == before
    (tree / "peerd/__init__.py").write_text("1.0")
    assert "packages into" not in install(tree).stderr  # it is there: only the link goes back
    assert current(tree) == (first, "peerd 1.0")


def test_one_that_failed_is_not_current_and_names_pips_version(tree: Path) -> None:
    install(tree)
    first = current(tree)
    (tree / "peerd/__init__.py").write_text("1.1")
    done = install(tree, NO_NETWORK="1")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "install: pip 20.0.2 failed; its message is above"
    assert current(tree) == first
    assert install(tree).returncode == 0  # what was half made is made again
    assert current(tree)[1] == "peerd 1.1"
