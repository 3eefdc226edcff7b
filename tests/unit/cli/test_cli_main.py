"""The command line's frame: lazy, one line for each failure, exit codes as documented."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import peerd
from peerd.cli import commands
from peerd.cli.commands import COMMANDS, Command
from peerd.cli.failure import explain
from peerd.cli.main import main
from peerd.errors import ConfigError, NotRunningError, StorageError
from protocols.errors import WireError
from tests.patience import HANG

HEAVY = ("torch", "libp2p", "numpy", "trio", "sklearn", "matplotlib")


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from peerd.cli.main import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=HANG
    )
    assert found.stdout.splitlines()[-1] == "[]"
    assert "exit codes" in found.stdout


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_has_a_module_and_a_help(
    command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main([command.name, "--help"])
    assert caught.value.code == 0
    assert "usage: peerd" in capsys.readouterr().out


@pytest.mark.parametrize("argv", [[], ["nonsense"], ["status", "--nonsense"], ["group"]])
def test_wrong_usage_exits_with_2(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(argv)
    assert caught.value.code == 2
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", ["--version --json", "--json --version", "--debug --version --json"]
)
def test_the_version_as_a_document(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["peerd"] == peerd.__version__
    assert main(words.split()) == 0
    assert json.loads(capsys.readouterr().out) == document


def failing(error: BaseException) -> Callable[[object], int]:
    def run(args: object) -> int:
        raise error

    return run


@pytest.mark.parametrize(
    ("error", "line", "code"),
    [
        (ConfigError("a bad key", "remove it"), "a bad key; remove it", 2),
        (StorageError("the disk is full"), "the disk is full", 5),
        (WireError("not a message"), "not a message", 9),
        (FileNotFoundError(2, "No such file or directory", "/x"), "/x: No such file", 1),
        (ExceptionGroup("", [NotRunningError("nobody answers")]), "nobody answers", 8),
        (ExceptionGroup("", [KeyError("x"), ConfigError("a bad key")]), "a bad key", 2),
        (KeyError("secret"), "a fault of peerd (KeyError)", 70),
        (BaseExceptionGroup("", [KeyboardInterrupt()]), "interrupted", 130),
    ],
)
def test_each_failure_is_one_line_and_a_code(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    line: str,
    code: int,
) -> None:
    module: Any = SimpleNamespace(add_arguments=lambda parser: None, main=failing(error))
    monkeypatch.setattr(commands.Command, "load", lambda self: module)
    assert main(["version"]) == code
    printed = capsys.readouterr().err
    assert printed.startswith("peerd: error: ")
    assert line in printed
    assert printed.count("\n") == 1
    assert "secret" not in printed
    assert explain(error)[1] == code


def test_interrupt_and_debug(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module: Any = SimpleNamespace(
        add_arguments=lambda parser: None, main=failing(KeyboardInterrupt())
    )
    monkeypatch.setattr(commands.Command, "load", lambda self: module)
    assert main(["version"]) == 130
    module.main = failing(ConfigError("a bad key"))
    assert main(["--debug", "version"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_a_message_with_control_characters_is_made_printable() -> None:
    line, _ = explain(ConfigError("bad \x1b[31m key\nsecond line"))
    assert "\x1b" not in line
    assert "\n" not in line


def test_a_reader_that_goes_away_is_no_traceback(tmp_path: Path) -> None:
    """``peerd version --json | true``"""
    found = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m peerd.cli.main version --json | true"],
        capture_output=True,
        text=True,
        timeout=HANG,
    )
    assert "Traceback" not in found.stderr


@pytest.mark.parametrize("module", ["peerd.cli.dispatch", "argparse", "peerd.cli.group"])
def test_ctrl_c_while_a_module_is_loaded_shows_no_traceback(module: str) -> None:
    code = (
        "import os, signal, sys\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # ignored in a background job
        "from peerd.cli.main import main\n"
        "class Interrupting:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == {module!r}: os.kill(os.getpid(), signal.SIGINT)\n"
        f"sys.modules.pop({module!r}, None)\n"
        "sys.meta_path.insert(0, Interrupting())\n"
        "sys.exit(main(['group', 'new']))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=HANG, check=False
    )
    assert (found.returncode, found.stderr) == (130, "")


@pytest.mark.parametrize(
    ("words", "usage"),
    [
        (["status", "--nonsense"], "usage: peerd status "),
        (["group", "sign", "x.json", "--nonsense"], "usage: peerd group sign "),
        (["group", "sign"], "usage: peerd group sign "),
        (["officer", "confirm", "aa", "bb"], "usage: peerd officer confirm "),
        (["group", "nonsense"], "usage: peerd group "),
        (["nonsense"], "usage: peerd [-h]"),
    ],
)
def test_wrong_words_are_told_with_the_usage_of_what_was_meant(
    words: list[str], usage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith(usage)
