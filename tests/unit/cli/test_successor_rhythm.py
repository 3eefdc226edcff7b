"""``peerd group successor``: the rhythm goes along, but for what the draft says of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from peerd.cli.main import main
from peerd.group import Genesis, load, save
from peerd.group.rhythm import Rhythm
from tests.unit.group.successions import group

HOURLY = Rhythm(every=3600, stop_after=100)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], HOURLY),
        (["--every", "30s"], Rhythm(every=30, stop_after=100)),
        (["--at", "02:00", "--zone", "Europe/Berlin"], Rhythm(None, (120,), "Europe/Berlin", 100)),
        (["--stop-after", "500"], Rhythm(every=3600, stop_after=500)),
        (["--no-rhythm"], None),
        (["--no-rhythm", "--stop-after", "7"], Rhythm(stop_after=7)),
    ],
)
def test_what_is_not_said_of_the_rhythm_stays(
    words: list[str], expected: Rhythm | None, tmp_path: Path
) -> None:
    assert _drafted(group(rhythm=HOURLY), words, tmp_path) == expected


def test_a_group_without_a_rhythm_may_get_one(tmp_path: Path) -> None:
    assert _drafted(group(), [], tmp_path) is None
    assert _drafted(group(), ["--every", "60"], tmp_path / "b") == Rhythm(every=3600)


def test_times_replace_the_zone_of_those_before(tmp_path: Path) -> None:
    old = group(rhythm=Rhythm(at=(120,), zone="Europe/Berlin"))
    assert _drafted(old, ["--at", "03:00"], tmp_path) == Rhythm(at=(180,))


def _drafted(old: Genesis, words: list[str], folder: Path) -> Rhythm | None:
    folder.mkdir(exist_ok=True)
    save(old, folder / "old.json")
    asked = ["group", "successor", "--genesis", str(folder / "old.json"), "--rounds", "3:9"]
    assert main([*asked, *words, "--out", str(folder / "new.json")]) == 0
    return load(folder / "new.json").rhythm
