"""``make dist``: the source distribution and the wheel, made from what git tracks, and looked into.

Nothing of the working directory gets in: they are built from a copy, in an environment of their
own. Usage: python scripts/dist.py [DIRECTORY], by default dist. It needs a network, for pip.
"""

from __future__ import annotations

import email
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[1]
BUILD = "build==1.6.1"
PACKAGES = ("peerd", "protocols")
BESIDE = (
    "pyproject.toml",
    "MANIFEST.in",
    "README.md",
    "LICENSE",
    "CHANGELOG.md",
    "constraints.txt",
)
"""What a source distribution has beside the packages."""
NEVER = (".key", ".sqlite3", ".env")


def main() -> None:
    """Builds, checks, and prints the two files."""
    out = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "dist").absolute()
    with tempfile.TemporaryDirectory() as folder:
        tree, made = Path(folder) / "source", Path(folder) / "made"
        tracked = copy_tracked(tree)
        build(Path(folder) / "env", tree, made)
        (source,) = made.glob("*.tar.gz")
        (wheel,) = made.glob("*.whl")
        check_source(source, tracked)
        check_wheel(wheel, tracked)
        out.mkdir(parents=True, exist_ok=True)
        for each in (source, wheel):
            print(shutil.copy2(each, out))


def copy_tracked(tree: Path) -> set[str]:
    """What git tracks, as it is now; the names, from the top on."""
    listed = run("git", "ls-files", "-z", where=ROOT).split("\0")
    names = {name for name in listed if name and (ROOT / name).is_file()}
    for name in names:
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, tree / name)
    return names


def build(environment: Path, tree: Path, made: Path) -> None:
    """By pip's own machinery, with the commit's time in the place of the clock's."""
    run(sys.executable, "-m", "venv", str(environment))
    python = str(environment / "bin" / "python")
    run(python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", BUILD)
    moment = run("git", "log", "-1", "--format=%ct", where=ROOT).strip()
    run(python, "-m", "build", "--outdir", str(made), str(tree), SOURCE_DATE_EPOCH=moment)


def run(*command: str, where: Path | None = None, **variables: str) -> str:
    """What it prints. A failure ends this script with what it said."""
    done = subprocess.run(
        command, cwd=where, env={**os.environ, **variables}, capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(f"dist: {' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def check_source(source: Path, tracked: set[str]) -> None:
    """Everything to build from, and no test."""
    with tarfile.open(source) as archive:
        files = [each.name.partition("/")[2] for each in archive.getmembers() if each.isfile()]
    made = {name for name in files if name.startswith("peerd.egg-info/")} | {
        "PKG-INFO",
        "setup.cfg",
    }
    expect(source, set(files) - made, of_packages(tracked) | {*BESIDE})


def check_wheel(wheel: Path, tracked: set[str]) -> None:
    """The two packages whole, what is said of them, and nothing else at top level."""
    with zipfile.ZipFile(wheel) as archive:
        names = {each for each in archive.namelist() if not each.endswith("/")}
        about = {name for name in names if name.partition("/")[0].endswith(".dist-info")}
        (metadata,) = (name for name in about if name.endswith("/METADATA"))
        said = email.message_from_bytes(archive.read(metadata))
        (top,) = (name for name in about if name.endswith("/top_level.txt"))
        levels = archive.read(top).decode().split()
    expect(wheel, names - about, of_packages(tracked))
    if sorted(levels) != sorted(PACKAGES):
        sys.exit(f"dist: {wheel.name} claims {levels} at top level")
    for field in ("Name", "Version", "Requires-Python", "License-Expression", "Summary"):
        if not said[field]:
            sys.exit(f"dist: {wheel.name} says no {field}")
    if said["Description-Content-Type"] != "text/markdown" or "# peerd" not in said.get_payload():
        sys.exit(f"dist: {wheel.name} has no README in it")


def of_packages(tracked: Iterable[str]) -> set[str]:
    return {name for name in tracked if name.partition("/")[0] in PACKAGES}


def expect(archive: Path, found: set[str], wanted: set[str]) -> None:
    missing, more = sorted(wanted - found), sorted(found - wanted)
    secret = sorted(name for name in found if name.endswith(NEVER))
    for what, names in (("lacks", missing), ("holds too much:", more), ("tells", secret)):
        if names:
            sys.exit(f"dist: {archive.name} {what} {', '.join(names)}")


if __name__ == "__main__":
    main()
