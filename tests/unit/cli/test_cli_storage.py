"""``peerd storage``: a peer's whole disk, its key included, by the commands that a person types."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import json_schema
import pytest

from peerd.cli.main import main
from peerd.config import render_config
from peerd.errors import IdentityError
from peerd.identity import Identity, next_key
from peerd.sealing.locked import Relocked, Unopened, lock, note_for, unlock
from peerd.sealing.source import KeySource
from peerd.storage import Store
from peerd.storage.ring import is_encrypted
from peerd.trail import Trail
from peerd.trail.reading import records
from tests.unit.storage.test_encrypted_store import check, fill, found

SCHEMA = json.loads(
    (Path(__file__).parents[3] / "docs" / "schemas" / "storage.json").read_text(encoding="utf-8")
)


@pytest.fixture
def peer(tmp_path: Path) -> Path:
    """A peer whose disk is plain, with a key that waits, and keys for the disk elsewhere."""
    home = tmp_path / "peer"
    for path in (home / "peer.key", next_key(home / "peer.key")):
        Identity.create(path)
    (home / "peerd.toml").write_text(render_config())
    with Store.open(home / "data") as store:
        fill(store)
    for name, text in (("one.key", "1a" * 32), ("two.key", "2b" * 32)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o600)
    return home


def configure(home: Path, name: str) -> None:
    key = f'key = "file:{home.parent / name}"'
    text = render_config().replace("[storage]\n", f"[storage]\n{key}\n")
    assert key in text
    (home / "peerd.toml").write_text(text)


def run(home: Path, *words: str) -> int:
    return main(["storage", *words, "--config", str(home / "peerd.toml")])


def examined(home: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
    capsys.readouterr()
    code = run(home, "check", "--json")
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert json_schema.errors(SCHEMA, document) == []
    return code, document


def test_whose_key_the_disk_has_is_on_record(peer: Path) -> None:
    def told() -> list[tuple[str, str, Any]]:
        path = peer / "data" / "trail"
        found = list(records(path)) if path.exists() else []
        return [(each["act"], each["factor"], each["arguments"]) for each in found[1:]]

    assert run(peer, "check") == 5 and told() == []
    one, two = (f"file:{peer.parent / name}" for name in ("one.key", "two.key"))
    configure(peer, "one.key")
    assert run(peer, "encrypt") == 0
    assert told() == [("encrypt disk", "directory", {"key": one})]
    assert run(peer, "rotate", "--later") == 0
    assert run(peer, "rotate", "--to", two) == 0
    assert told()[1:] == [
        ("rotate disk key", "directory", {"key": one}),
        ("rotate disk key", "directory", {"key": two}),
    ]
    configure(peer, "two.key")
    assert run(peer, "check") == 0 and len(told()) == 3
    assert "1a1a" not in repr(told()) and "2b2b" not in repr(told())


def test_what_can_not_be_put_on_record_is_not_done(
    peer: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Store.open(peer / "data") as store:
        Trail(store).close()
    trail = peer / "data" / "trail"
    trail.write_bytes(trail.read_bytes().replace(b"begin", b"began"))
    configure(peer, "one.key")
    assert run(peer, "encrypt") == 5
    assert "move it away, keep it" in capsys.readouterr().err
    assert not is_encrypted(peer / "data")


def test_encrypted_rotated_and_checked(peer: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seed = Identity.load(peer / "peer.key").secret.reveal()
    code, document = examined(peer, capsys)
    assert (code, document["encrypted"], document["key"]) == (5, False, None)
    assert document["values"]["newest"] == document["values"]["damaged"] == 0
    assert document["values"]["plain"] > 20
    assert document["peer_keys"] == {"peer.key": False, "peer.key.next": False}
    assert run(peer, "encrypt") == 2
    assert "[storage] names no key; make one, away from this disk" in capsys.readouterr().err

    configure(peer, "one.key")
    for _ in range(2):
        assert run(peer, "encrypt") == 0
        code, document = examined(peer, capsys)
        assert (code, document["findings"], document["generations"]) == (0, [], [1])
        assert document["values"]["plain"] == 0 and all(document["peer_keys"].values())
    assert found(peer) == [] and found(peer, seed) == []

    assert run(peer, "rotate") == 0
    assert examined(peer, capsys)[1]["generations"] == [2]
    assert run(peer, "rotate", "--later") == 0
    code, document = examined(peer, capsys)
    assert (code, document["generations"]) == (5, [2, 3])
    assert document["findings"] == [
        "encryption or a rotation is not finished: peerd storage rotate"
    ]
    assert run(peer, "rotate", "--to", f"file:{peer.parent / 'two.key'}") == 0
    assert f'key = "file:{peer.parent / "two.key"}"' in capsys.readouterr().out
    assert run(peer, "check") == 5
    assert "has another key than this since" in capsys.readouterr().err
    configure(peer, "two.key")
    assert run(peer, "check") == 0
    assert "everything is encrypted, and opens" in capsys.readouterr().out
    assert examined(peer, capsys)[1]["generations"] == [4]
    with Store.open(peer / "data", source=_source(peer)) as store:
        check(store)
    assert Identity.load(peer / "peer.key", _source(peer)).secret.reveal() == seed


def _source(peer: Path) -> Any:
    from peerd.config import Config

    return Config.load(peer / "peerd.toml").storage.source


def test_a_rotation_to_another_key_that_was_interrupted_goes_on(
    peer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(peer, "one.key")
    assert run(peer, "encrypt") == 0
    to = ("rotate", "--to", f"file:{peer.parent / 'two.key'}")
    for name in ("_lock_keys", "_finish"):
        with monkeypatch.context() as patch:

            def dies(*_: object) -> None:
                raise KeyboardInterrupt

            patch.setattr(f"peerd.cli.storage.{name}", dies)
            assert run(peer, *to) == 130
    assert run(peer, *to) == 0
    configure(peer, "two.key")
    assert run(peer, "check") == 0

    assert b"two.key" not in (peer / "data" / "keys.json").read_bytes()  # the note is sealed


@pytest.mark.parametrize("dies_in", ["_lock_keys", "_finish", ""])
def test_the_former_key_is_told_where_the_next_one_is(
    peer: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], dies_in: str
) -> None:
    """Whether the rotation was killed, or the configuration forgotten: until it is mended."""
    configure(peer, "one.key")
    assert run(peer, "encrypt") == 0
    two = f"file:{peer.parent / 'two.key'}"
    with monkeypatch.context() as patch:
        if dies_in:

            def dies(*_: object) -> None:
                raise KeyboardInterrupt

            patch.setattr(f"peerd.cli.storage.{dies_in}", dies)
        assert run(peer, "rotate", "--to", two) == (130 if dies_in else 0)
    for words in (["storage", "check"], ["doctor"], ["run"]):
        capsys.readouterr()
        assert main([*words, "--config", str(peer / "peerd.toml")]) != 0
        said = "".join(capsys.readouterr())
        if words != ["run"]:  # which misses a genesis first
            assert f"since 'peerd storage rotate --to {two}'; if that was interrupted, say" in said
            assert f'name the new key: key = "{two}"' in said
    with pytest.raises(Relocked):
        Store.open(peer / "data", source=_source(peer))
    assert run(peer, "rotate", "--to", f"file:{peer.parent / 'three.key'}") == 5
    assert f"--to {two}'" in capsys.readouterr().err  # and not that the third opens nothing
    assert run(peer, "rotate", "--to", two) == 0
    with pytest.raises(IdentityError, match="has another key than this since"):
        Identity.load(peer / "peer.key", _source(peer))
    configure(peer, "two.key")
    assert run(peer, "rotate") == 0  # the note outlives it
    assert run(peer, "check") == 0
    configure(peer, "one.key")
    with pytest.raises(Relocked):
        Store.open(peer / "data", source=_source(peer))


def test_a_configuration_that_was_edited_too_early_is_told_so(
    peer: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(peer, "one.key")
    assert run(peer, "encrypt") == 0
    to = ("rotate", "--to", f"file:{peer.parent / 'two.key'}")
    with monkeypatch.context() as patch:

        def dies(*_: object) -> None:
            raise KeyboardInterrupt

        patch.setattr("peerd.cli.storage._lock_keys", dies)
        assert run(peer, *to) == 130
    configure(peer, "two.key")
    capsys.readouterr()
    for words in (("check",), to):
        assert run(peer, *words) != 0
        said = "".join(capsys.readouterr())
        assert "is the one from before, with which to repeat the command" in said
    configure(peer, "one.key")
    assert run(peer, *to) == 0
    configure(peer, "two.key")
    assert run(peer, "check") == 0


def test_another_key_writes_no_note(peer: Path) -> None:
    """Who can write the disk must not be able to have the operator follow to a key of theirs."""
    one, two = (KeySource(f"file:{peer.parent / name}") for name in ("one.key", "two.key"))
    forged = lock("thing", {}, b"content", two, note_for(two, two))
    with pytest.raises(Unopened):
        unlock("thing", forged, one)
    changed = lock("thing", {}, b"content", two, note_for(one, two).replace("sealed", "saeled"))
    with pytest.raises(Unopened):
        unlock("thing", changed, one)


@pytest.mark.parametrize("at", [0, 100, 262, -3])
def test_a_changed_key_file_is_found(
    peer: Path, capsys: pytest.CaptureFixture[str], at: int
) -> None:
    configure(peer, "one.key")
    assert run(peer, "encrypt") == 0
    changed = bytearray((peer / "peer.key").read_bytes())
    changed[at] ^= 1
    (peer / "peer.key").write_bytes(changed)
    code, document = examined(peer, capsys)
    (line,) = document["findings"]
    assert (code, document["encrypted"]) == (5, False)
    assert str(peer / "peer.key") in line and "put your copy" in line
    assert "delimiter" not in line and "fromhex" not in line
    ring = (peer / "data" / "keys.json").read_bytes()
    assert run(peer, "rotate", "--to", f"file:{peer.parent / 'two.key'}") == 3
    assert (peer / "data" / "keys.json").read_bytes() == ring  # nothing was begun


def test_where_there_is_nothing_nothing_was_looked_at(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "peer"
    home.mkdir()
    configure(home, "one.key")
    code, document = examined(home, capsys)
    assert code == 5 and "nothing was looked at" in document["findings"][0]


def test_what_was_changed_is_found_by_its_place(
    peer: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(peer, "one.key")
    run(peer, "encrypt")
    blob = next((peer / "data" / "blobs").glob("??/*"))
    whole = blob.read_bytes()
    blob.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    code, document = examined(peer, capsys)
    assert (code, document["values"]["damaged"]) == (5, 1)
    (line,) = document["findings"]
    assert line.startswith(f"damaged: {blob}; the daemon sets it aside") and blob.exists()
    blob.write_bytes(whole)
    model = peer / "data" / "training" / "round-1.x"
    model.write_bytes(model.read_bytes()[:-1])
    (line,) = examined(peer, capsys)[1]["findings"]
    assert line.startswith(f"damaged: {model}; remove it: training then goes on")


def test_what_is_plain_is_said_with_what_to_do(
    peer: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for line in examined(peer, capsys)[1]["findings"]:
        assert str(peer) in line and line.endswith("and say: peerd storage encrypt")


def test_a_running_daemon_is_not_disturbed(peer: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configure(peer, "one.key")
    run(peer, "encrypt")
    with Store.open(peer / "data", source=_source(peer)):
        for verb in ("encrypt", "rotate", "check"):
            assert run(peer, verb) == 5
            assert "is in use by pid" in capsys.readouterr().err


def test_before_the_first_round_there_is_only_the_peers_key(
    peer: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = render_config(data="new")
    key = f'key = "file:{peer.parent / "one.key"}"'
    (peer / "peerd.toml").write_text(text.replace("[storage]\n", f"[storage]\n{key}\n"))
    assert run(peer, "encrypt") == 0 and not (peer / "new").exists()
    assert examined(peer, capsys)[0] == 0
    wrong = text.replace("[storage]\n", f"[storage]\n{key.replace('one', 'two')}\n")
    right = (peer / "peerd.toml").read_text()
    (peer / "peerd.toml").write_text(wrong)
    code, document = examined(peer, capsys)
    assert code == 5 and "does not open the peer key" in document["findings"][0]
    (peer / "peerd.toml").write_text(right)
    with Store.open(peer / "new", source=_source(peer)) as store:
        fill(store)
    assert found(peer / "new") == []
    assert examined(peer, capsys)[0] == 0
