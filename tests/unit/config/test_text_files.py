"""Every file that a person edits: with or without a mark, and what is no UTF-8 named as it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from peerd.cli.members import members
from peerd.cli.pairs import pairs
from peerd.cli.rule_arguments import _from_file
from peerd.config import Config
from peerd.errors import PeerdError
from peerd.group import document, load
from peerd.identity import Identity
from peerd.laboratory.experiments.experiment import read_experiment
from peerd.text import NotText, decode, read_text
from tests.unit.group.test_genesis import signed

ROOT = Path(__file__).parents[3]
PEERS = [Identity(bytes([number]) * 32).peer_id for number in range(1, 4)]


def experiment(path: Path) -> object:
    return read_experiment(path).cells


EDITED: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "peerd.toml": ((ROOT / "configs/peerd.toml").read_text(), Config.load),
    "genesis.json": (document.render(signed()), load),
    "peer.key": (f"ed25519-seed:{'ab' * 32}\n", lambda path: Identity.load(path).public),
    "members.txt": ("\n".join(PEERS) + "   # Müller\n", lambda path: members([str(path)])),
    "weights.txt": ("\n".join(f"{p}=7" for p in PEERS), lambda path: members([str(path)])),
    "schema.json": (
        json.dumps({"name": "Müller"}, ensure_ascii=False),
        lambda path: pairs("--task-option", [f"schema=@{path}"]),
    ),
    "rule.toml": (
        (ROOT / "configs/aggregators/fltrust.toml").read_text(),
        lambda path: _from_file(str(path)),
    ),
    "experiment.toml": ((ROOT / "configs/lab/quick.toml").read_text(), experiment),
}
SECRET = "abab"  # of the key above: no error quotes it


def written(folder: Path, name: str, data: bytes) -> Path:
    folder.mkdir(mode=0o700)
    path = folder / name
    path.write_bytes(data)
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("name", EDITED)
def test_a_mark_and_windows_line_ends_change_nothing(name: str, tmp_path: Path) -> None:
    text, read = EDITED[name]
    plain = read(written(tmp_path / "plain", name, text.encode()))
    marked = read(written(tmp_path / "marked", name, text.encode("utf-8-sig")))
    assert str(marked).replace("/marked/", "/plain/") == str(plain).replace("/marked/", "/plain/")
    ends = text.replace("\n", "\r\n").encode("utf-8-sig")
    windows = read(written(tmp_path / "ends", name, ends))
    assert str(windows).replace("/ends/", "/plain/") == str(plain)


@pytest.mark.parametrize("name", EDITED)
@pytest.mark.parametrize(
    ("encoding", "says"),
    [
        ("utf-16", "UTF-16"),  # with its mark
        ("utf-16-le", "UTF-16"),
        ("utf-16-be", "UTF-16"),
        ("utf-32", "UTF-32"),
        ("utf-32-le", "UTF-16"),  # without a mark nobody knows which of the two
    ],
)
def test_another_encoding_is_named_with_what_to_do(
    name: str, encoding: str, says: str, tmp_path: Path
) -> None:
    text, read = EDITED[name]
    path = written(tmp_path / "x", name, text.encode(encoding))
    with pytest.raises(PeerdError) as caught:
        read(path)
    assert says in str(caught.value) and name in str(caught.value)
    assert SECRET not in str(caught.value) and "Müller" not in str(caught.value)
    if name != "peer.key":
        assert "save it as UTF-8" in str(caught.value)


@pytest.mark.parametrize("name", ["peerd.toml", "members.txt", "schema.json"])
def test_windows_1252_is_named_with_its_line(name: str, tmp_path: Path) -> None:
    text, read = EDITED[name]
    lines = [each.encode() for each in text.splitlines(keepends=True)]
    bad = len(lines)
    lines[-1] = "# Müller ".encode("cp1252") + lines[-1]
    with pytest.raises(PeerdError, match=rf"line {bad} is not UTF-8 text.*save it as UTF-8"):
        read(written(tmp_path / "x", name, b"".join(lines)))


def test_files_joined_to_one_have_marks_inside(tmp_path: Path) -> None:
    parts = [f"{peer} # Müller\n".encode("utf-8-sig") for peer in PEERS]
    path = written(tmp_path / "x", "members.txt", b"".join(parts))
    assert len(members([str(path)])) == len(PEERS)


@pytest.mark.parametrize("place", [0, 1, 65535, 65536, 200_000])
def test_the_line_of_a_wrong_byte_is_exact_in_a_long_file(place: int, tmp_path: Path) -> None:
    data = bytearray(("ü" * 20 + "\n").encode() * 10_000)
    data[place] = 0xFF
    line = bytes(data).count(b"\n", 0, place) + 1
    path = written(tmp_path / "x", "rows.csv", bytes(data))
    with pytest.raises(NotText, match=f"^line {line} is not"):
        read_text(path, 1 << 30)


@pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf", "\ufefftext".encode(), b"text"])
def test_text_is_text(data: bytes) -> None:
    assert decode(data) == data.decode().removeprefix("\ufeff")


def test_a_file_too_large_is_refused_and_not_cut(tmp_path: Path) -> None:
    path = written(tmp_path / "x", "x", b"12345")
    assert read_text(path, 5) == "12345"
    with pytest.raises(NotText, match="more than 4 bytes"):
        read_text(path, 4)
