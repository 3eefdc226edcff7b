"""docs/peerd.1 is what the parsers say, and what readers of manual pages can read."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from peerd.cli.commands import COMMANDS
from tests.patience import HANG

ROOT = Path(__file__).parents[3]
sys.path.append(str(ROOT / "scripts"))

import man_page  # noqa: E402

PAGE = ROOT / "docs/peerd.1"


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="argparse words options in another way")
def test_it_is_what_the_parsers_say() -> None:
    assert PAGE.read_text() == man_page.page(), "run scripts/man_page.py"


def test_every_command_and_variable_is_in_it() -> None:
    text = PAGE.read_text()
    assert all(f"\n.SS peerd {command.name}" in text for command in COMMANDS)
    assert "PEERD_TASK_DATA" in text and "Example:" in text
    assert str(ROOT) not in text


@pytest.mark.parametrize(
    "command",
    [
        ["mandoc", "-Tlint", "-Wstyle"],
        ["groff", "-man", "-Tutf8", "-Kutf8", "-ww", "-z"],
    ],
    ids=["mandoc", "groff"],
)
def test_readers_have_nothing_to_say_of_it(command: list[str]) -> None:
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    done = subprocess.run(
        [*command, str(PAGE)], capture_output=True, text=True, timeout=HANG, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
