"""Completion as real shells do it: bash always, zsh and fish where they are installed."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from peerd.cli.commands import COMMANDS
from peerd.cli.completion import places
from peerd.cli.main import main
from tests.patience import HANG


@pytest.fixture
def script(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["completion", request.param]) == 0
    return capsys.readouterr().out


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "genesis.json").touch()
    (tmp_path / "a folder").mkdir()
    (tmp_path / "a folder" / "rows.csv").touch()
    return tmp_path


CASES = [
    ("peerd gr", {"group"}, set()),
    ("peerd --ver", {"--version"}, set()),
    ("peerd group s", {"show", "sign", "successor"}, {"group", "status"}),
    ("peerd group pause --", {"--within", "--config", "--help"}, {"--yes"}),
    ("peerd pause --", {"--yes", "--config"}, {"--within"}),
    ("peerd model export --format s", {"safetensors", "state-dict"}, {"npz", "--format"}),
    ("peerd bench ", {"member", "dealer", "open", "round", "wire"}, {"group", "genesis.json"}),
    ("peerd group show gen", {"genesis.json"}, {"new"}),
    ("peerd run --config gen", {"genesis.json"}, set()),
    ("peerd init --name gen", set(), {"genesis.json"}),
    ("peerd completion ", {"bash", "zsh", "fish"}, {"genesis.json"}),
]
"""What is typed; what is offered, among other words; and what is not."""


@pytest.mark.parametrize("script", ["bash"], indirect=True)
@pytest.mark.parametrize(("typed", "offered", "never"), CASES, ids=[each[0] for each in CASES])
def test_bash(script: str, folder: Path, typed: str, offered: set[str], never: set[str]) -> None:
    program = (
        f"{script}\nCOMP_WORDS=({typed})\n"
        '[[ "$1" == *" " ]] && COMP_WORDS+=("")\n'
        'COMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n_peerd\nprintf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", program, "bash", typed],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=HANG,
        check=False,
    )
    found = {*done.stdout.split("\n")}
    assert done.stderr == ""
    assert offered <= found and not never & found


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
@pytest.mark.parametrize("script", ["fish"], indirect=True)
def test_fish(script: str, folder: Path) -> None:
    (folder / "peerd.fish").write_text(script)
    for typed, offered, never in CASES:
        done = subprocess.run(
            ["fish", "--no-config", "-c", f"source peerd.fish; complete -C '{typed}'"],
            cwd=folder,
            env={**os.environ, "HOME": str(folder)},
            capture_output=True,
            text=True,
            timeout=HANG,
            check=False,
        )
        found = {line.partition("\t")[0] for line in done.stdout.splitlines()}
        assert done.stderr == ""
        assert offered <= found and not never & found, (typed, found)


@contextmanager
def shell(*command: str, where: Path) -> Iterator[int]:
    """A terminal with a shell in it."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(where)
        os.environ.update(TERM="dumb", HOME=str(where), PS1="$ ")
        os.execvp(command[0], command)
    try:
        yield terminal
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
        os.close(terminal)


def read_until(terminal: int, wanted: str) -> str:
    seen, until = "", time.monotonic() + HANG
    while wanted not in seen:
        assert time.monotonic() < until, seen
        if select.select([terminal], [], [], 0.2)[0]:
            seen += os.read(terminal, 65536).decode(errors="replace")
    return seen


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed")
@pytest.mark.parametrize("script", ["zsh"], indirect=True)
def test_zsh(script: str, folder: Path) -> None:
    """A unique word is written out when the tab key is pressed."""
    (folder / "peerd.zsh").write_text(script)
    begin = "autoload -U compinit; compinit -D -u; source ./peerd.zsh; echo be''gun\n"
    cases = [("peerd dem\t", "demo"), ("peerd group succ\t", "successor")]
    cases += [
        ("peerd model export --form\t", "--format"),
        ("peerd group show gen\t", "genesis.json"),
    ]
    with shell("zsh", "-f", "-i", where=folder) as terminal:
        os.write(terminal, begin.encode())
        read_until(terminal, "begun")
        for typed, wanted in cases:
            os.write(terminal, typed.encode())
            read_until(terminal, wanted)
            os.write(terminal, b"\x15")  # the line is thrown away


def test_every_command_and_verb_has_its_place() -> None:
    found = {place.words: place for place in places()}
    assert found[()].verbs.keys() == {command.name for command in COMMANDS}
    assert {"new", "sign", "rotate"} <= found[("group",)].verbs.keys()
    assert all(found[("group",)].verbs.values())
    for words, place in found.items():
        assert all((*words, verb) in found for verb in place.verbs)
        assert "--help" in {each.name for each in place.options}


def test_it_loads_nothing_heavy() -> None:
    code = (
        "import sys; from peerd.cli.main import main; main(['completion', 'bash'])\n"
        "print([name for name in ('torch', 'libp2p', 'sklearn', 'pyarrow') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=HANG
    )
    assert done.stdout.splitlines()[-1] == "[]"
