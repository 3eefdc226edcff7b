"""The last release's wheel, built from its commit, in one group with this code."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from peerd.laboratory.swarm.layout import _free_ports
from peerd.storage import Store
from tests.local.sites import ENVIRONMENT, PATIENCE, Site, until

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
    assert ran(before, "-c", PLACE).strip() != str(ROOT / "peerd"), "the wheel's code, not this"
    sites = founded_by(before, folder)
    try:
        for site in sites:
            site.start(python=before)
        all_have(STEP - 1, sites)
        for site in sites:
            assert site.stop() == 0
            site.start()
            all_have(max(each.head() for each in sites) + STEP, sites)
        all_have(ROUNDS - 1, sites)
        assert stopped(sites) == [0] * PEERS
    finally:
        for site in sites:
            site.kill()
    assert_alike(sites)


def stopped(sites: Sequence[Site]) -> list[int]:
    """Exit codes. All are told at once: who is left alone waits for a round that nobody ends."""
    processes = [site.process for site in sites if site.process is not None]
    for process in processes:
        process.terminate()
    return [process.wait(PATIENCE) for process in processes]


PLACE = "import peerd; print(peerd.__path__[0])"


def ran(python: Path, *words: str | Path, where: Path = Path("/")) -> str:
    """What a program of that environment prints."""
    environment = {**ENVIRONMENT, "PYTHONPATH": ""}
    done = subprocess.run(
        [python, *words], cwd=where, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, (words, done.stdout + done.stderr)
    return done.stdout


def founded_by(python: Path, folder: Path) -> list[Site]:
    """The members' directories and the genesis as that release's own commands make them: a later
    one may write keys that it does not know.
    """
    bootstrap: list[str] = []
    members = []
    for index, port in enumerate(_free_ports(PEERS)):
        listen = f"/ip4/127.0.0.1/tcp/{port}"
        words = ["-m", "peerd", "init", f"peer-{index}", "--listen", listen, *bootstrap]
        words += ["--partition", f"{index}/{PEERS}", "--seed", str(index), "--json"]
        members.append(json.loads(ran(python, *words, where=folder))["peer"])
        bootstrap = bootstrap or ["--bootstrap", f"{listen}/p2p/{members[0]}"]
    genesis = folder / "genesis.json"
    group = ["-m", "peerd", "group", "new", "--name", "upgraded", "--members", *members]
    group += ["--task", "digits", "--partition", f"0/{PEERS}", "--adversary", f"{1 / PEERS}"]
    ran(python, *group, "--out", genesis, where=folder)
    sites = [Site(folder / f"peer-{index}/peerd.toml", genesis) for index in range(PEERS)]
    for site in sites:
        ran(python, "-m", "peerd", "group", "sign", genesis, "--key", site.key)
        said = site.config.read_text()
        assert '"genesis.json"' in said
        site.config.write_text(said.replace('"genesis.json"', '"../genesis.json"'))
    return sites


def all_have(round_: int, sites: Sequence[Site]) -> None:
    def reached() -> bool:
        assert all(site.ended() is None for site in sites), [site.last_words() for site in sites]
        return min(site.head() for site in sites) >= round_

    until(f"round {round_}", reached, sites)


def assert_alike(sites: Sequence[Site]) -> None:
    """All have the same models, of completed rounds alone, and nobody is blamed."""
    hashes: dict[int, str] = {}
    for site in sites:
        with Store.open(site.data) as store:
            rounds = store.rounds()
        for each in rounds:
            assert each["outcome"] == "completed"
            assert not each["blamed"]
            assert each["model_hash"] == hashes.setdefault(each["round"], each["model_hash"])
    assert len(hashes) >= ROUNDS
