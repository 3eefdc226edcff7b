"""``peerd storage`` with a passphrase: the current one is asked for, and a new one twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from peerd.cli.main import main
from peerd.config import render_config
from peerd.identity import Identity, is_encrypted_key
from peerd.sealing import KeySource, locked, source
from peerd.storage import Store
from tests.unit.storage.test_encrypted_store import check, fill

OLD, NEW = "correct horse battery", "staple of the new one"
CURRENT, FRESH, MORE = "passphrase of the disk: ", "new passphrase for the disk: ", "once more: "


class Terminal:
    """Somebody who types what they are asked for, in a new process each time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
        self._home = home
        self.asked: list[str] = []
        self._answers: list[str] = []
        monkeypatch.setattr(source, "_typed", self._typed)

    def _typed(self, prompt: str) -> str:
        self.asked.append(prompt)
        return self._answers.pop(0)

    def run(self, *words: str, types: list[str]) -> int:
        source.key_source.cache_clear()
        self.asked, self._answers = [], list(types)
        code = main(["storage", *words, "--config", str(self._home / "peerd.toml")])
        assert self._answers == []
        return code


@pytest.fixture
def home(tmp_path: Path) -> Path:
    Identity.create(tmp_path / "peer.key")
    key = 'key = "passphrase"'
    (tmp_path / "peerd.toml").write_text(
        render_config().replace("[storage]\n", f"[storage]\n{key}\n")
    )
    with Store.open(tmp_path / "data") as store:
        fill(store)
    return tmp_path


@pytest.fixture
def terminal(home: Path, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """The peer's, whose disk is encrypted with OLD. Argon2id has the least that it takes."""
    monkeypatch.setattr(locked, "OPERATIONS", 1)
    monkeypatch.setattr(locked, "MEMORY", 8192)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    made = Terminal(monkeypatch, home)
    assert made.run("encrypt", types=[OLD, OLD]) == 0
    assert made.asked == [FRESH, MORE]
    return made


def opens(home: Path, terminal: Terminal, passphrase: str) -> None:
    assert terminal.run("check", types=[passphrase]) == 0
    terminal._answers = [passphrase]
    one = KeySource("passphrase")
    with Store.open(home / "data", source=one) as store:
        check(store)
    Identity.load(home / "peer.key", one)


def test_a_passphrase_is_replaced_by_another(
    home: Path, terminal: Terminal, capsys: pytest.CaptureFixture[str]
) -> None:
    opens(home, terminal, OLD)
    assert terminal.run("rotate", "--to", "passphrase", types=[OLD, NEW, NEW]) == 0
    assert terminal.asked == [CURRENT, FRESH, MORE]
    assert "opens with the new passphrase from now on" in capsys.readouterr().out
    opens(home, terminal, NEW)
    assert terminal.run("check", types=[OLD]) == 5
    assert "has another passphrase than this since" in capsys.readouterr().err


def test_data_keys_alone_are_replaced_with_the_current_one(home: Path, terminal: Terminal) -> None:
    assert terminal.run("rotate", types=[OLD]) == 0
    assert terminal.asked == [CURRENT]
    opens(home, terminal, OLD)


def test_a_slip_changes_nothing(
    home: Path, terminal: Terminal, capsys: pytest.CaptureFixture[str]
) -> None:
    ring = (home / "data" / "keys.json").read_bytes()
    to = ("rotate", "--to", "passphrase")
    for types, says in (
        ([NEW], "does not open the key ring"),
        ([OLD, NEW, NEW + "x"], "the two passphrases differ; nothing was changed"),
        ([OLD, OLD, OLD], "the new passphrase is the one that the disk has; take another"),
    ):
        assert terminal.run(*to, types=types) == 5
        assert says in capsys.readouterr().err
        assert (home / "data" / "keys.json").read_bytes() == ring


def test_it_goes_on_where_it_was_interrupted(
    home: Path, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    to = ("rotate", "--to", "passphrase")
    for name in ("_lock_keys", "_finish"):
        with monkeypatch.context() as patch:

            def dies(*_: object) -> None:
                raise KeyboardInterrupt

            patch.setattr(f"peerd.cli.storage.{name}", dies)
            assert terminal.run(*to, types=[OLD, NEW, NEW]) == 130
    assert terminal.run(*to, types=[OLD, NEW, NEW]) == 0
    opens(home, terminal, NEW)


def test_a_service_that_has_one_passphrase_is_refused(
    home: Path,
    terminal: Terminal,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It would be sealed with the same one, and said to be new."""
    (home / source.PASSPHRASE_CREDENTIAL).write_text(OLD)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(home))
    assert terminal.run("rotate", "--to", "passphrase", types=[]) == 5
    said = capsys.readouterr()
    assert "is the passphrase that the disk has already; a new one is typed" in said.err
    assert "sealed" not in said.out
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    opens(home, terminal, OLD)


def test_another_key_that_is_the_same_is_said(
    home: Path, terminal: Terminal, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("one", "two"):
        (home / name).write_text("ab" * 32)
        (home / name).chmod(0o600)
    assert terminal.run("rotate", "--to", f"file:{home / 'one'}", types=[OLD]) == 0
    assert "the same as before" not in capsys.readouterr().out
    config = home / "peerd.toml"
    config.write_text(config.read_text().replace('"passphrase"', f'"file:{home / "one"}"', 1))
    for name in ("one", "two"):
        assert terminal.run("rotate", "--to", f"file:{home / name}", types=[]) == 0
        assert "note: the disk's key is the same as before" in capsys.readouterr().out


def test_the_first_passphrase_of_a_key_alone_is_typed_twice(home: Path, terminal: Terminal) -> None:
    """Before the first start there is no directory, and a slip would lose the peer's key."""
    (home / "peer.key").unlink()
    (home / "data").rename(home / "other")
    Identity.create(home / "peer.key")
    assert terminal.run("encrypt", types=[OLD, OLD]) == 0
    assert terminal.asked == [FRESH, MORE] and is_encrypted_key(home / "peer.key")
    assert terminal.run("encrypt", types=[OLD]) == 0
    assert terminal.asked == [CURRENT]
