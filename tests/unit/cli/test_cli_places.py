"""Where a command is to write is tried before the work."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import pytest

from peerd.cli import demo, swarm
from peerd.cli.main import main
from peerd.cli.places import check_file, check_new_directory
from peerd.errors import ConfigError, GroupError


def test_what_can_be_written_leaves_no_trace(tmp_path: Path) -> None:
    check_file("--json", None)
    check_file("--json", Path("-"))
    check_file("--json", tmp_path / "new.json")
    check_new_directory("--keep", None)
    check_new_directory("--keep", tmp_path / "a" / "b")
    assert [each.name for each in tmp_path.iterdir()] == ["a"]
    assert not list((tmp_path / "a").iterdir())


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["swarm", "--keep", "file/out"], "--keep file/out: file exists already"),
        (["swarm", "--keep", "file"], "--keep file: file exists already; name a new one"),
        (["swarm", "--keep", "/proc/out"], "--keep /proc/out: can't make the directory: "),
        (["swarm", "--json", "gone/r.json"], "--json gone/r.json: there is no directory "),
        (["swarm", "--plot", "."], "--plot .: this is a directory; name a file"),
        (["swarm", "--plot", "/proc/p.png"], "--plot /proc/p.png: can't write in /proc: "),
        (["demo", "--out", "file"], "file exists already"),
        (["simulate", "--seeds", "0:1", "--json", "gone/r.json"], "there is no directory "),
        (
            ["lab", "run", "e.toml", "--out", "/proc/out"],
            "--out /proc/out: can't make the directory",
        ),
        (
            ["lab", "report", ".", "--out", "gone/p.html"],
            "--out gone/p.html: there is no directory",
        ),
        (["lab", "privacy", "--json", "gone/r.json"], "there is no directory "),
        (["init", "/proc/peer"], "DIR /proc/peer: can't make the directory: "),
        (["init", "file"], "DIR file: can't make the directory: "),
        (["rounds", "3", "--transcript", "gone/t"], "--transcript gone/t: there is no directory "),
        (["model", "export", "--out", "gone/m.npz"], "--out gone/m.npz: there is no directory "),
    ],
)
def test_what_can_not_be_written_is_said_before_anything_runs(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    what: str,
) -> None:
    def run(*given: object, **named: object) -> NoReturn:
        raise AssertionError("it ran for nothing")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(swarm, "run", run)
    monkeypatch.setattr(demo, "run", run)
    monkeypatch.setattr("peerd.laboratory.simulation.campaign.campaign", run)
    monkeypatch.setattr("peerd.laboratory.experiments.campaign.run", run)
    monkeypatch.setattr("peerd.laboratory.experiments.report.write_report", run)
    monkeypatch.setattr("peerd.laboratory.experiments.privacy.report.measure", run)
    Path("file").touch()
    Path("e.toml").write_text(
        'task.name = "digits"\npeers = 4\nrounds = 1\nattacks = ["none"]\nrules = ["rsa"]\n'
    )
    assert main(words) == ConfigError.exit_code
    said = capsys.readouterr().err
    assert what in said and said.count("\n") == 1


@pytest.mark.parametrize(
    "words",
    [["--listen", "nowhere"], ["--announce", "/dns4/no_host/tcp/1"], ["--bootstrap", "/ip4/1"]],
)
def test_a_refused_address_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["init", "a/b/peer", *words]) == ConfigError.exit_code
    assert not list(tmp_path.iterdir())
    Path("own").mkdir()
    assert main(["init", "own", *words]) == ConfigError.exit_code
    assert list(tmp_path.iterdir()) == [tmp_path / "own"] and not list(Path("own").iterdir())


def test_a_transcript_that_is_not_there_proves_nothing_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """9 says that somebody's claim is false; a slip of the hand is 2, and 4 where no genesis is."""
    transcript, genesis = tmp_path / "round.bin", tmp_path / "genesis.json"
    words = ["audit", str(transcript), "--genesis", str(genesis)]
    assert main(words) == ConfigError.exit_code
    assert f"there is no file {transcript}" in capsys.readouterr().err
    transcript.write_bytes(b"any")
    assert main(words) == GroupError.exit_code
    assert f"can't read the genesis {genesis}" in capsys.readouterr().err
