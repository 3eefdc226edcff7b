"""Commands go by the group that the data directory is in, not by the file that it started from."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_cli_group import _no_training, succeed

from peerd.cli.current_group import current_genesis
from peerd.cli.doctor import peer_checks
from peerd.config import Config
from peerd.errors import IdentityError
from peerd.group import save
from peerd.identity import Identity, next_key
from peerd.runner.succession.lineage import Epoch
from peerd.runner.succession.membership import Left, current
from peerd.storage import Store
from tests.unit.group.successions import MEMBERS, NEW, named_group, successor
from tests.unit.runner.test_lineage import LAST
from tests.unit.runner.test_membership import Home, put_key

__all__ = ["_no_training"]

FIRST, *_, FIFTH = MEMBERS
OLD = Epoch(0, named_group())
ROTATED = successor(OLD.genesis, keys={FIRST.public: NEW.public})
WITHOUT = successor(OLD.genesis, leaving=frozenset({FIRST.public}))


@pytest.fixture
def home(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Home:
    succeed(capsys, "init", str(tmp_path), "--listen", "/ip4/127.0.0.1/tcp/0")
    found = Home(tmp_path, FIRST)
    save(OLD.genesis, tmp_path / "genesis.json")
    found.starts(OLD.genesis)
    return found


def config(home: Home) -> Config:
    return Config.load(home.key.with_name("peerd.toml"))


def doctor(home: Home) -> dict[str, tuple[str, str]]:
    checks = peer_checks(home.key.with_name("peerd.toml"))
    return {each.check: (each.level, each.message) for each in checks}


def files(home: Home) -> dict[str, bytes]:
    names = [home.key, next_key(home.key)]
    return {path.name: path.read_bytes() for path in names if path.exists()}


@pytest.mark.parametrize("told", [False, True])
def test_the_genesis_is_that_of_the_round(home: Home, told: bool) -> None:
    home.hand_over(OLD, ROTATED, told=told)
    assert current_genesis(config(home)) == ROTATED
    assert current_genesis(config(home), LAST) == OLD.genesis
    assert current_genesis(config(home), LAST + 1) == ROTATED
    save(ROTATED, home.key.with_name("genesis.json"))
    assert current_genesis(config(home), 0) == OLD.genesis


def test_without_a_directory_it_is_the_files(home: Home, tmp_path: Path) -> None:
    for path in sorted(home.data.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    assert current_genesis(config(home)) == OLD.genesis


@pytest.mark.parametrize("told", [False, True])
def test_the_doctor_knows_the_key_that_waits_and_changes_nothing(home: Home, told: bool) -> None:
    put_key(next_key(home.key), NEW)
    home.hand_over(OLD, ROTATED, told=told)
    before = files(home)
    found = doctor(home)
    assert found["genesis"][0] == "ok", found
    assert found["data directory"] == ("ok", f"{home.data}, last certified round {LAST}")
    assert found["task"][0] == "ok"
    assert files(home) == before
    with Store.open(home.data) as store:
        _, identity = current(store, OLD.genesis, home.key)
    assert identity.public == NEW.public
    assert doctor(home)["data directory"][0] == doctor(home)["genesis"][0] == "ok"


def test_the_doctor_misses_the_new_key(home: Home) -> None:
    home.hand_over(OLD, ROTATED)
    assert doctor(home)["genesis"][0] == "error"
    with pytest.raises(IdentityError):
        home.starts(OLD.genesis)
    assert Identity.load(home.key).public == FIRST.public


def test_the_doctor_says_that_a_peer_has_left(home: Home) -> None:
    home.hand_over(OLD, WITHOUT)
    with pytest.raises(Left):
        home.starts(OLD.genesis)
    level, said = doctor(home)["data directory"]
    assert level == "error" and "went on without this peer" in said
    assert doctor(home)["key"][0] == "error"
