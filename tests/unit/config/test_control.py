"""``[control]``: names of users and groups, and a socket that they can reach."""

from __future__ import annotations

from pathlib import Path

import pytest

from peerd.config import Config
from peerd.errors import ConfigError

BASE = 'data = "data"\nkey = "peer.key"\ngenesis = "genesis.json"\n'


def load(tmp_path: Path, text: str) -> Config:
    path = tmp_path / "peerd.toml"
    path.write_text(text)
    return Config.load(path)


def test_names_are_read_as_they_are(tmp_path: Path) -> None:
    text = 'status = "run/s"\n[control]\nviewers = ["@a-b", "machine$"]\nofficers = ["x.y"]\n'
    control = load(tmp_path, BASE + text).control
    assert (control.viewers, control.operators) == (("@a-b", "machine$"), ())
    assert control.officers == ("x.y",) and control.named
    assert not load(tmp_path, BASE).control.named


@pytest.mark.parametrize("name", ["", "@", "a b", "a\n", "ä", "a/b", "-a", "x" * 99])
def test_what_is_no_name_is_refused(tmp_path: Path, name: str) -> None:
    text = f'{BASE}status = "run/s"\n[control]\nviewers = ["root", {name!r}]\n'
    with pytest.raises(ConfigError, match=r"control.viewers\[1\]|not TOML"):
        load(tmp_path, text)


def test_a_number_is_no_name_and_there_are_not_too_many(tmp_path: Path) -> None:
    for value, said in (("[5]", "a user's name"), (f"{['a'] * 65}", "more than 64 names")):
        with pytest.raises(ConfigError, match=said):
            load(tmp_path, f'{BASE}status = "run/s"\n[control]\nofficers = {value}\n')


def test_nobody_reaches_a_socket_in_the_data_directory(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"status .*is in the data directory"):
        load(tmp_path, f'{BASE}[control]\nofficers = ["root"]\n')
