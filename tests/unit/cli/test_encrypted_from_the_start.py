"""A key that is named: before a peer is made, for a directory that is audited, in a unit alone."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from peerd.audit.store import read_store
from peerd.cli.main import main
from peerd.cli.model_rounds import own_statistics
from peerd.config import Config, StorageConfig, render_config
from peerd.errors import StorageError
from peerd.group import save
from peerd.identity import Identity, is_encrypted_key
from peerd.learning.state import NOTHING, OWN_FILE
from peerd.sealing.source import VARIABLE, KeySource, key_source
from peerd.storage import Store
from peerd.storage.ring import TRAINING
from tests.unit.audit.histories import group, members
from tests.unit.storage.test_encrypted_store import fill, made_key


@pytest.fixture(autouse=True)
def _nobody_says(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (VARIABLE, "CREDENTIALS_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def key(tmp_path: Path) -> KeySource:
    return made_key(tmp_path / "disk.key", "5a" * 32)


def test_a_peer_is_made_encrypted_where_a_key_is_named(
    tmp_path: Path,
    key: KeySource,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(VARIABLE, key.text)
    home = tmp_path / "peer"
    assert main(["init", str(home)]) == 0
    assert f"(encrypted: keep a copy of it, and elsewhere what opens it: {key.text})" in (
        capsys.readouterr().out
    )
    assert is_encrypted_key(home / "peer.key")
    monkeypatch.delenv(VARIABLE)  # the daemon's environment may be another
    config = Config.load(home / "peerd.toml")
    assert config.storage.key == key.text
    assert Identity.load(config.key, config.storage.source).peer_id in (
        (home / "card.txt").read_text()
    )
    assert main(["storage", "check", "--config", str(home / "peerd.toml")]) == 0


def test_without_one_it_is_plain_as_before(tmp_path: Path) -> None:
    assert main(["init", str(tmp_path / "peer")]) == 0
    assert not is_encrypted_key(tmp_path / "peer" / "peer.key")
    assert Config.load(tmp_path / "peer" / "peerd.toml").storage.key is None


@pytest.mark.parametrize("text", ["file:/nowhere/at/all", "nonsense"])
def test_a_key_that_is_not_there_makes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv(VARIABLE, text)
    assert main(["init", str(tmp_path / "peer")]) != 0
    assert not (tmp_path / "peer" / "peer.key").exists()
    assert not (tmp_path / "peer" / "peerd.toml").exists()


def test_a_first_passphrase_is_typed_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    typed = iter(["correct horse battery", "correct horse batery"])
    monkeypatch.setattr("peerd.sealing.source._typed", lambda prompt: next(typed))
    monkeypatch.setattr("peerd.sealing.source.key_source", KeySource)
    monkeypatch.setenv(VARIABLE, "passphrase")
    assert main(["init", str(tmp_path / "peer")]) == 5
    assert not (tmp_path / "peer" / "peer.key").exists()


@pytest.mark.parametrize("named", ["nobody", "another"])
def test_beside_an_encrypted_key_no_directory_begins_otherwise(
    tmp_path: Path, key: KeySource, capsys: pytest.CaptureFixture[str], named: str
) -> None:
    """Neither plain, nor with a key that does not open ``peer.key``."""
    members(4)[0]._write(tmp_path / "peer.key", key)
    save(group().genesis, tmp_path / "genesis.json")
    other = made_key(tmp_path / "other.key", "6b" * 32).text
    storage = StorageConfig(key=None if named == "nobody" else other)
    (tmp_path / "peerd.toml").write_text(render_config(storage=storage))
    assert main(["run", "--config", str(tmp_path / "peerd.toml")]) == 3
    assert str(tmp_path / "peer.key") in capsys.readouterr().err
    assert not (tmp_path / "data").exists()


def test_an_audit_says_what_it_reads_the_key_from(
    tmp_path: Path,
    key: KeySource,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The configuration beside the directory names it already, and is not read for that."""
    home = tmp_path / "peer"
    home.mkdir()
    (home / "peerd.toml").write_text(render_config(storage=StorageConfig(key=key.text)))
    save(group().genesis, home / "genesis.json")
    with Store.open(home / "data", source=key) as store:
        fill(store)
    own = ["trail", "verify", "--config", str(home / "peerd.toml"), "--against", str(home)]
    for words in (["audit", str(home)], own):
        assert main(words) == 5
        said = capsys.readouterr().err
        assert f"set {VARIABLE}=file:/PATH for this command" in said
        assert "name it: key" not in said
    monkeypatch.setenv(VARIABLE, key.text)
    assert len(read_store(home / "data").transcripts) == 3


def test_a_credential_is_asked_for_only_where_something_needs_it(
    tmp_path: Path, key: KeySource, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``peerd model export`` beside a daemon: a shell has no credentials of the unit's."""
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    shutil.copy(tmp_path / "disk.key", credentials / "disk")
    (tmp_path / "peerd.toml").write_text(
        render_config(storage=StorageConfig(key="credential:disk"))
    )
    config = Config.load(tmp_path / "peerd.toml")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    with Store.open(config.data, source=KeySource("credential:disk")) as store:
        fill(store)
    assert own_statistics(config).round == 1
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    key_source.cache_clear()
    by_hand = "by hand: systemd-run --pty -p User=peerd -p LoadCredentialEncrypted=disk:/PATH"
    with pytest.raises(StorageError, match=by_hand):
        own_statistics(config)
    (config.data / TRAINING / OWN_FILE).unlink()
    assert own_statistics(config) is NOTHING
