"""The standard streams as operators give them: an ASCII locale, closed, full."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from peerd.cli.commands import COMMANDS
from tests.patience import HANG

ASCII = {
    "LC_ALL": "C",
    "PYTHONIOENCODING": "ascii",
    "PYTHONUTF8": "0",
    "PYTHONCOERCECLOCALE": "0",
}
PEERD = f"{sys.executable} -m peerd"


def shell(line: str, where: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3]), **variables}
    return subprocess.run(
        ["bash", "-c", line],
        cwd=where,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        timeout=HANG,
        check=False,
    )


@pytest.mark.parametrize("command", [None, *COMMANDS], ids=lambda each: each and each.name)
def test_every_help_is_shown_where_the_locale_is_ascii(command: object, tmp_path: Path) -> None:
    name = getattr(command, "name", "")
    done = shell(f"{PEERD} {name} --help", tmp_path, **ASCII)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.isascii()
    assert done.stdout.startswith("usage: peerd")


def test_names_and_places_beyond_ascii_in_an_ascii_locale(tmp_path: Path) -> None:
    done = shell(f"{PEERD} init Köln --name 'Clínica del Norte' --json", tmp_path, **ASCII)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.isascii()
    assert json.loads(done.stdout)["name"] == "Clínica del Norte"
    (tmp_path / "größe.csv").write_text("größe,ja\n1,0\n2,1\n", encoding="utf-8")
    done = shell(f"{PEERD} init 'Ål' --name Åland --data größe.csv", tmp_path, **ASCII)
    assert r"\xc5land" in done.stdout
    assert "größe.csv" in (tmp_path / "Ål" / "peerd.toml").read_text(encoding="utf-8")
    done = shell(f"{PEERD} doctor --config Ål/peerd.toml", tmp_path, **ASCII)
    assert "a fault of peerd" not in done.stdout + done.stderr
    assert r"\xc5l/peerd.toml" in done.stdout
    done = shell(f"{PEERD} status --config Ål/peerd.toml", tmp_path, **ASCII)
    assert (done.returncode, "Traceback" in done.stderr) == (8, False)
    done = shell(f"{PEERD} nonsensé", tmp_path, **ASCII)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)


def test_a_locale_of_one_byte_a_letter_is_escaped_where_it_must_be(tmp_path: Path) -> None:
    line = f"{PEERD} init peer --name 'Köln Ж' | iconv -f latin1 -t utf-8"
    done = shell(line, tmp_path, PYTHONIOENCODING="latin-1")
    assert (done.returncode, done.stderr) == (0, "")
    assert r"Köln \u0416" in done.stdout


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("version >&-", 1, "standard output: Bad file descriptor"),
        ("version --json >&-", 1, "standard output: Bad file descriptor"),
        ("--help >&-", 1, "standard output: Bad file descriptor"),
        ("--version >&-", 1, "standard output: Bad file descriptor"),
        ("version >/dev/full", 1, "standard output: No space left on device"),
        ("simulate --help >/dev/full", 1, "standard output: No space left on device"),
        ("status >&-", 2, "can't read the configuration"),
        ("status <&-", 2, "can't read the configuration"),
        ("status 2>&-", 2, ""),
        ("status 2>/dev/full", 2, ""),
        ("nonsense 2>&-", 2, ""),
        ("version <&- >&- 2>&-", 1, ""),
        ("version <&-", 0, ""),
        ("version 2>&-", 0, ""),
    ],
)
def test_closed_and_full_streams(line: str, code: int, said: str, tmp_path: Path) -> None:
    done = shell(f"{PEERD} {line}", tmp_path)
    assert done.returncode == code
    assert said in done.stderr
    assert done.stderr.count("\n") == bool(said)


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_no_file_gets_the_number_of_a_closed_stream(closed: str, tmp_path: Path) -> None:
    """Else what is printed would stand in it."""
    shell(f"{PEERD} --debug init peer --name Charité {closed}", tmp_path)
    text = (tmp_path / "peer" / "peerd.toml").read_text(encoding="utf-8")
    assert text.startswith("# The configuration of one peer.")
    assert "12D3KooW" not in text
    assert len((tmp_path / "peer" / "peer.key").read_bytes()) < 300
    code = (
        "import os, sys\nfrom peerd.cli.streams import prepare\nprepare()\n"
        "file = open(sys.argv[1], 'w')\nassert file.fileno() > 2, file.fileno()"
    )
    done = shell(f'{sys.executable} -c "{code}" file {closed}', tmp_path)
    assert done.returncode == 0, done.stderr
