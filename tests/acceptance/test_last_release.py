"""The last release's wheel, built from its commit, in one group with this code."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from peerd.storage import Store
from tests.local.sites import Site, founded, until

pytestmark = [pytest.mark.acceptance, pytest.mark.swarm]

ROOT = Path(__file__).parents[2]
PEERS = 4
ROUNDS = 10
STEP = 2
"""Rounds between two upgrades."""


def last_release() -> tuple[str, str]:
    """Version and commit, as docs/releases.md has them."""
    rows = re.findall(
        r"^\| (\S+) \| `([0-9a-f]{40})` \|", (ROOT / "docs/releases.md").read_text(), re.M
    )
    return rows[-1]


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Paths of sockets must be short."""
    directory = Path(tempfile.mkdtemp(prefix="peerd-"))
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(scope="module")
def before(folder: Path) -> Path:
    """The interpreter of an environment with that wheel, beside everything that is here but for
    peerd itself.
    """
    version, commit = last_release()
    source, wheels, venv = (folder / name for name in ("source", "wheels", "venv"))
    source.mkdir()
    archive = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True)
    if archive.returncode:
        pytest.skip(f"this clone does not have the commit of {version}: {archive.stderr.decode()}")
    subprocess.run(["tar", "-x", "-C", source], input=archive.stdout, check=True)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", wheels, source]
    subprocess.run(build, check=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    (wheel,) = wheels.glob(f"peerd-{version}-*.whl")
    site = next(venv.glob("lib/python*/site-packages"))
    subprocess.run([*pip, "install", "--no-deps", "--target", site, wheel], check=True)
    # A line with a path is not searched for further such files: not for that of an editable peerd.
    (site / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return venv / "bin/python"


def test_members_upgrade_one_after_another_and_the_group_goes_on(
    folder: Path, before: Path
) -> None:
    with founded(folder / "group", PEERS) as (*sites, _):
        for site in sites:
            site.start(python=before)
        all_have(STEP - 1, sites)
        assert site_imports(before) != str(ROOT / "peerd"), "the wheel's code, and not this one"
        for site in sites:
            assert site.stop() == 0
            site.start()
            all_have(max(each.head() for each in sites) + STEP, sites)
        all_have(ROUNDS - 1, sites)
        for site in sites:
            site.stop()
        assert_alike(sites)


def all_have(round_: int, sites: Sequence[Site]) -> None:
    until(f"round {round_}", lambda: min(site.head() for site in sites) >= round_, sites)


def site_imports(python: Path) -> str:
    """Where that environment's peerd is."""
    code = "import peerd; print(peerd.__path__[0])"
    done = subprocess.run(
        [python, "-c", code],
        cwd="/",
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def assert_alike(sites: Sequence[Site]) -> None:
    """All have the same models, nobody was left out of a round, and nobody is blamed."""
    hashes: dict[int, str] = {}
    for site in sites:
        with Store.open(site.data) as store:
            rounds = store.rounds()
        for each in rounds:
            assert each["outcome"] == "completed"
            assert not each["blamed"]
            assert each["model_hash"] == hashes.setdefault(each["round"], each["model_hash"])
    assert len(hashes) >= ROUNDS
