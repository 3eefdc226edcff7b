"""Where the key is, and the small files that it opens."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peerd.errors import ConfigError, IdentityError, StorageError
from peerd.identity import Identity, is_encrypted_key
from peerd.sealing import locked, source
from peerd.sealing.locked import lock, unlock
from peerd.sealing.source import VARIABLE, KeySource, key_source

KEY = "ab" * 32


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2id with the least that it takes; nobody at a terminal."""
    monkeypatch.setattr(locked, "OPERATIONS", 1)
    monkeypatch.setattr(locked, "MEMORY", 8192)
    monkeypatch.setattr(source, "_typed", lambda prompt: "correct horse battery")
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    monkeypatch.delenv(VARIABLE, raising=False)


def key_file(directory: Path, text: str = KEY, name: str = "disk.key") -> KeySource:
    path = directory / name
    path.write_text(text + "\n")
    path.chmod(0o600)
    return KeySource(f"file:{path}")


def test_each_source_opens_what_it_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key_file(tmp_path, name="peerd.disk")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    for named in (f"file:{tmp_path}/peerd.disk", "credential:peerd.disk", "passphrase"):
        data = lock("thing", {"said": 1}, b"content", KeySource(named))
        header, content = unlock("thing", data, KeySource(named))
        assert (header["said"], content) == (1, b"content")
        assert b"content" not in data and KEY.encode() not in data


def test_a_service_gets_its_passphrase_as_a_credential(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / source.PASSPHRASE_CREDENTIAL).write_text("correct horse battery\n")
    data = lock("thing", {}, b"content", KeySource("passphrase"))
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    monkeypatch.setattr(source, "_typed", lambda prompt: pytest.fail("somebody was asked"))
    asked = KeySource("passphrase")
    asked.ask_twice()
    assert unlock("thing", data, asked)[1] == b"content"


def test_a_passphrase_is_the_same_however_its_letters_are_composed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(source, "_typed", lambda prompt: "Grüße aus Köln")
    data = lock("thing", {}, b"content", KeySource("passphrase"))
    monkeypatch.setattr(source, "_typed", lambda prompt: "Gru\u0308ße aus Ko\u0308ln")
    assert unlock("thing", data, KeySource("passphrase"))[1] == b"content"


def test_a_new_passphrase_is_typed_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    typed = iter(["correct horse battery", "correct horse batery"])
    monkeypatch.setattr(source, "_typed", lambda prompt: next(typed))
    with pytest.raises(StorageError, match="the two passphrases differ; nothing was changed"):
        KeySource("passphrase").ask_twice()
    monkeypatch.setattr(source, "_typed", lambda prompt: "short")
    with pytest.raises(StorageError, match="fewer than 12 characters"):
        KeySource("passphrase").ask_twice()


def test_without_a_terminal_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()

    def gone(*_: object) -> int:
        raise OSError(6, "No such device or address")

    monkeypatch.setattr(source.os, "open", gone)
    with pytest.raises(StorageError, match="no terminal to ask at; a service gets it as the cred"):
        KeySource("passphrase").derive(bytes(16), 1, 8192)


def test_another_key_opens_nothing_and_is_not_shown(tmp_path: Path) -> None:
    one, two = key_file(tmp_path), key_file(tmp_path, "cd" * 32, "second")
    data = lock("thing", {}, b"content", one)
    with pytest.raises(StorageError, match="does not open the thing") as caught:
        unlock("thing", data, two)
    assert "cdcd" not in str(caught.value) and "cdcd" not in repr(two)
    with pytest.raises(StorageError, match="locked by a key, and no passphrase"):
        unlock("thing", data, KeySource("passphrase"))


@pytest.mark.parametrize(
    ("change", "raised"),
    [
        ({"said": 2}, StorageError),
        ({"what": "other"}, ValueError),
        ({"more": 1}, StorageError),
        ({"sealed": "00"}, ValueError),
        ({"sealed": "00" * 40}, StorageError),
        ({"sealed": "0"}, ValueError),
        ({"sealed": None}, ValueError),
        ({"lock": {}}, ValueError),
        ({"lock": {"salt": "00" * 15}}, ValueError),
        ({"lock": {"salt": "00" * 16}}, StorageError),
        ({"lock": {"salt": "00" * 16, "operations": 1 << 40, "memory": 8192}}, ValueError),
        ({"lock": {"salt": "00" * 16, "operations": 1, "memory": 1 << 50}}, ValueError),
        ({"lock": {"salt": "00" * 16, "operations": 1}}, ValueError),
        ({"lock": [1]}, ValueError),
        ({locked.LABEL: 2}, ValueError),
    ],
)
def test_a_changed_file_opens_nothing(
    tmp_path: Path, change: dict[str, Any], raised: type[Exception]
) -> None:
    """What it asks to be computed is bounded before its tag can be checked."""
    key = key_file(tmp_path)
    document = json.loads(lock("thing", {"said": 1}, b"content", key))
    with pytest.raises(raised):
        unlock("thing", json.dumps(document | change).encode(), key)


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_whatever_is_in_the_file_is_refused(data: bytes) -> None:
    for each in (data, b"[" * 100_000, b"9" * 70_000):
        with pytest.raises(ValueError, match=r"."):
            unlock("thing", each, key_source("file:/nowhere"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "file:x",
        "file:",
        "credential:",
        "credential:../x",
        "credential:a/b",
        "passphrase:x",
        KEY,
    ],
)
def test_what_names_no_key(text: str) -> None:
    with pytest.raises(ConfigError, match="names no key"):
        KeySource(text)


def test_a_key_file_is_closed_to_others_and_holds_a_key(tmp_path: Path) -> None:
    path = tmp_path / "disk.key"
    with pytest.raises(StorageError, match="can't read the disk's key at"):
        KeySource(f"file:{path}").derive(bytes(16), 0, 0)
    for text in ("", "ab" * 31, "zz" * 32, KEY + KEY):
        with pytest.raises(StorageError, match="does not hold a key; it should be one line of 64"):
            key_file(tmp_path, text).derive(bytes(16), 0, 0)
    path.write_text(KEY)
    path.chmod(0o640)
    with pytest.raises(StorageError, match=f"open to others .* run: chmod 600 {path}"):
        KeySource(f"file:{path}").derive(bytes(16), 0, 0)
    path.unlink()
    os.mkfifo(path, 0o600)
    with pytest.raises(StorageError, match="is not a regular file"):
        KeySource(f"file:{path}").derive(bytes(16), 0, 0)
    path.unlink()
    path.symlink_to(key_file(tmp_path, name="real")._name)
    with pytest.raises(StorageError, match="can't read the disk's key"):
        KeySource(f"file:{path}").derive(bytes(16), 0, 0)
    with pytest.raises(StorageError, match="CREDENTIALS_DIRECTORY is not set"):
        KeySource("credential:x").derive(bytes(16), 0, 0)


class TestPeerKey:
    def test_it_is_encrypted_in_its_place(self, tmp_path: Path) -> None:
        path, key = tmp_path / "peer.key", key_file(tmp_path)
        identity = Identity.create(path)
        seed = identity.secret.reveal().hex()
        assert seed in path.read_text() and not is_encrypted_key(path)
        for _ in range(2):
            identity.encrypt(path, key)
            assert seed not in path.read_text() and is_encrypted_key(path)
            assert path.stat().st_mode & 0o777 == 0o600
            assert Identity.load(path, key).secret == identity.secret

    def test_it_may_be_made_so(self, tmp_path: Path) -> None:
        path, key = tmp_path / "peer.key", key_file(tmp_path)
        identity = Identity.create(path, key)
        assert Identity.load(path, key).peer_id == identity.peer_id

    def test_the_environment_names_the_key_where_no_configuration_does(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path, key = tmp_path / "peer.key", key_file(tmp_path)
        identity = Identity.create(path, key)
        with pytest.raises(IdentityError, match=f"is encrypted, and nobody .* set {VARIABLE}=file"):
            Identity.load(path)
        monkeypatch.setenv(VARIABLE, key.text)
        assert Identity.load(path).peer_id == identity.peer_id

    def test_a_crash_leaves_the_one_or_the_other(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path, key = tmp_path / "peer.key", key_file(tmp_path)
        identity = Identity.create(path)
        for step in ("fsync", "replace"):

            def fails(*_: object) -> None:
                raise OSError(5, "Input/output error")

            with monkeypatch.context() as patch:
                patch.setattr(f"peerd.storage.durable.os.{step}", fails)
                with pytest.raises(IdentityError, match="can't replace the key file"):
                    identity.encrypt(path, key)
            assert Identity.load(path, key).secret == identity.secret

    def test_a_damaged_one_is_named(self, tmp_path: Path) -> None:
        path, key = tmp_path / "peer.key", key_file(tmp_path)
        Identity.create(path, key)
        whole = path.read_bytes()
        for damaged in (whole[:-20], whole.replace(b'"sealed": "', b'"sealed": "00')):
            path.write_bytes(damaged)
            with pytest.raises(IdentityError, match=str(path)):
                Identity.load(path, key)


DUMPING = """
import os, resource
from peerd.sealing.dumps import forbid_core_dumps
forbid_core_dumps()
assert max(resource.getrlimit(resource.RLIMIT_CORE)) <= 1
os.abort()
"""


def test_no_core_is_dumped(tmp_path: Path) -> None:
    """In a process of its own: the limit can't be raised again."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run(
        [sys.executable, "-c", DUMPING], cwd=tmp_path, env=environment, check=False
    )
    assert done.returncode == -6 and not list(tmp_path.iterdir())
