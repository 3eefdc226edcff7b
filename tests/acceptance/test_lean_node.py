"""``pip install`` in an environment of its own: no extra but its task's, and a node of a group."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.acceptance

ROOT = Path(__file__).parents[2]
SOURCE = ("peerd", "protocols", "pyproject.toml", "README.md", "LICENSE")
PEERS = 4
ROUNDS = 2
DEADLINE = 300.0


@pytest.fixture(scope="module")
def peerd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command of a node with no extra but its task's, installed from a copy of the source."""
    folder = tmp_path_factory.mktemp("node")
    source = folder / "source"
    source.mkdir()
    for name in SOURCE:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        copy(ROOT / name, source / name)
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    pip = [folder / "venv/bin/pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--constraint", ROOT / "constraints.txt", f"{source}[table]"], check=True)
    return folder / "venv/bin/peerd"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    rows = [f"{i % 17},{i * 7 % 23},{'yes' if i % 17 > 8 else 'no'}" for i in range(400)]
    (tmp_path / "rows.csv").write_text("\n".join(["a,b,answer", *rows, ""]))
    return tmp_path


def run(command: Path, place: Path, *words: str, code: int = 0) -> str:
    """What ``peerd`` prints; on standard error, where ``code`` says that it fails."""
    done = subprocess.run(
        [command, *words], cwd=place, capture_output=True, text=True, timeout=300, env=environment()
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stderr if code else done.stdout


def environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return kept | {"OMP_NUM_THREADS": "1"}


def free_ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [int(each.getsockname()[1]) for each in held]
    finally:
        for each in held:
            each.close()


def make_group(command: Path, place: Path) -> None:
    """As the README has it, for members that are directories on one machine."""
    bootstrap: list[str] = []
    members = []
    for index, port in enumerate(free_ports(PEERS)):
        listen = f"/ip4/127.0.0.1/tcp/{port}"
        part = ["--partition", f"{index}/{PEERS}", "--seed", str(index), "--data", "rows.csv"]
        said = run(
            command, place, "init", f"peer-{index}", "--listen", listen, *part, *bootstrap, "--json"
        )
        members.append(json.loads(said)["peer"])
        bootstrap = bootstrap or ["--bootstrap", f"{listen}/p2p/{members[0]}"]
        config = place / f"peer-{index}/peerd.toml"
        text = config.read_text().replace("# rounds = 100", f"rounds = {ROUNDS}")
        config.write_text(text.replace('"genesis.json"', '"../genesis.json"'))
    (place / "members").write_text("\n".join(members))
    task = ["--task", "table", "--data", "rows.csv", "--label", "answer"]
    group = ["--name", "lean", "--members", "members", "--adversary", "0"]
    run(command, place, "group", "new", *group, *task, "--out", "genesis.json")
    for index in range(PEERS):
        run(command, place, "group", "sign", "genesis.json", "--key", f"peer-{index}/peer.key")
    run(command, place, "group", "verify", "genesis.json")


@pytest.fixture
def daemons(peerd: Path, place: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    make_group(peerd, place)
    started = []
    try:
        for index in range(PEERS):
            run(peerd, place, "doctor", "--config", f"peer-{index}/peerd.toml")
            with (place / f"log-{index}").open("wb") as log:
                words = [peerd, "run", "--config", f"peer-{index}/peerd.toml"]
                started.append(
                    subprocess.Popen(words, cwd=place, env=environment(), stderr=log, stdout=log)
                )
        yield started
    finally:
        for each in started:
            each.send_signal(signal.SIGTERM)
        for each in started:
            try:
                each.wait(30)
            except subprocess.TimeoutExpired:
                each.kill()


def rounds(command: Path, place: Path, index: int) -> list[dict[str, Any]]:
    words = [command, "rounds", "--config", f"peer-{index}/peerd.toml", "--json"]
    done = subprocess.run(
        words, cwd=place, capture_output=True, text=True, timeout=60, env=environment()
    )
    found: list[dict[str, Any]] = json.loads(done.stdout)["rounds"] if done.stdout else []
    return found


def test_it_is_installed_without_the_laboratorys_packages(peerd: Path, place: Path) -> None:
    have = subprocess.run(
        [peerd.parent / "pip", "list", "--format", "json"], capture_output=True, check=True
    )
    names = {each["name"].lower() for each in json.loads(have.stdout)}
    assert "torch" in names
    assert not names & {"scikit-learn", "matplotlib", "pytest", "hypothesis", "scipy", "pandas"}
    assert "run the daemon" in run(peerd, place, "--help")
    said = run(peerd, place, "swarm", "--peers", "4", "--rounds", "1", code=7)
    assert "the task digits needs scikit-learn; pip install 'peerd[lab]'" in said


def test_four_of_them_train_a_table(
    peerd: Path, place: Path, daemons: list[subprocess.Popen[bytes]]
) -> None:
    until = time.monotonic() + DEADLINE
    while True:
        seen = [rounds(peerd, place, index) for index in range(PEERS)]
        if all(len(each) == ROUNDS for each in seen):
            break
        assert time.monotonic() < until, seen
        assert all(each.poll() is None for each in daemons), (place / "log-0").read_text()[-2000:]
        time.sleep(2)
    for number in range(ROUNDS):
        (hashes,) = {each[number]["model_hash"] for each in seen}
        assert hashes
        assert {each[number]["outcome"] for each in seen} == {"completed"}
