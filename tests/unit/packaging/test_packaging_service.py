"""The service's files for systemd, as systemd reads them."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "configs/systemd"
RUN = (ROOT / "docs/operate/run.md").read_text()

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)


def lines(key: str) -> list[str]:
    return re.findall(rf"^{key}=(.*)$", (FOLDER / "peerd.service").read_text(), re.M)


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """With a command that is on this machine."""
    text = (FOLDER / "peerd.service").read_text()
    path = tmp_path / "peerd.service"
    path.write_text(text.replace("/opt/peerd/current/bin/peerd", "/bin/true"))
    return path


@needs_systemd
def test_systemd_has_nothing_to_say_about_the_unit(unit: Path) -> None:
    """It exits with 0 on a key that it does not know: the complaint is on its standard error."""
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@needs_systemd
def test_the_exposure_is_what_the_documentation_states(unit: Path) -> None:
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", str(unit)],
        capture_output=True,
        text=True,
        check=True,
    )
    (score,) = re.findall(r"Overall exposure level for peerd.service: ([0-9.]+)", done.stdout)
    (stated,) = re.findall(r"exposure of ([0-9.]+)", RUN)
    assert float(score) <= float(stated) + 0.2, "another version weighs a little differently"


@needs_systemd
def test_user_and_directory_are_made(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    root = f"--root={tmp_path}"
    for command in (
        ["systemd-sysusers", root, str(FOLDER / "peerd.sysusers.conf")],
        ["systemd-tmpfiles", root, "--create", str(FOLDER / "peerd.tmpfiles.conf")],
    ):
        if shutil.which(command[0]) is None:
            pytest.skip(f"{command[0]} is not installed")
        done = subprocess.run(command, capture_output=True, text=True)
        if "Operation not permitted" in done.stderr:
            pytest.skip("only root may")
        assert done.returncode == 0, done.stderr
    assert "peerd:x:" in (tmp_path / "etc/passwd").read_text()
    assert (tmp_path / "var/lib/peerd").stat().st_mode & 0o777 == 0o700


def test_the_daemon_is_given_the_time_to_end_its_round() -> None:
    from peerd.config import Config

    assert lines("KillMode") == ["mixed"]  # else the worker is signalled, which the round needs
    assert "-HUP" in lines("ExecReload")[0]
    assert int(lines("TimeoutStopSec")[0]) > Config.__dataclass_fields__["drain_seconds"].default


def test_its_command_is_one_of_peerds() -> None:
    from peerd.cli.commands import COMMANDS
    from peerd.cli.dispatch import build_parser

    (command,) = lines("ExecStart")
    words = command.split()[1:]
    chosen = next(each for each in COMMANDS if each.name == words[0])
    assert build_parser(chosen).parse_args(words).config == Path("/var/lib/peerd/peerd.toml")
