"""Files that leave sealed: whole or not at all, for who has the key, and never plain on the way."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from peerd.cli.main import main
from peerd.cli.seal import sealed, sealing
from peerd.errors import StorageError, VerificationError
from peerd.sealing import export
from peerd.sealing.export import read_sealed, write_sealed
from peerd.sealing.source import KeySource

PIECE = 64


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "PIECE", PIECE)
    monkeypatch.setattr(export, "_SEALED_PIECE", PIECE + 40)


def key(folder: Path, digits: str = "5f", name: str = "key") -> KeySource:
    path = folder / name
    path.touch(0o600)
    path.write_text(digits * 32)
    return KeySource(f"file:{path}")


def opened(data: bytes, source: KeySource) -> bytes:
    out = io.BytesIO()
    count = read_sealed(io.BytesIO(data), out, source)
    assert count == len(out.getvalue())
    return out.getvalue()


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE, 1000])
def test_what_is_sealed_comes_back(tmp_path: Path, size: int) -> None:
    content, source = os.urandom(size), key(tmp_path)
    data = sealed(content, source)
    assert opened(data, source) == content
    assert size < 8 or content not in data
    assert sealed(content, source) != data  # a key of its own
    assert sealed(content, None) == content


def test_another_key_opens_nothing(tmp_path: Path) -> None:
    data = sealed(b"secret", key(tmp_path))
    with pytest.raises(StorageError, match="does not open the sealed file"):
        opened(data, key(tmp_path, "60", "other"))


def test_each_bit_counts(tmp_path: Path) -> None:
    source = key(tmp_path)
    data = sealed(b"x" * (2 * PIECE), source)
    for place in range(len(data)):
        changed = bytearray(data)
        changed[place] ^= 1
        with pytest.raises((VerificationError, StorageError)):
            opened(bytes(changed), source)


def test_pieces_are_cut_swapped_and_added_in_vain(tmp_path: Path) -> None:
    source = key(tmp_path)
    data = sealed(b"a" * PIECE + b"b" * PIECE + b"c" * 10, source)
    line, _, _ = data.partition(b"\n")
    start, step = len(line) + 1, PIECE + 40
    one, two, last = (
        data[start : start + step],
        data[start + step : start + 2 * step],
        data[start + 2 * step :],
    )
    other = sealed(b"a" * PIECE + b"b" * PIECE + b"c" * 10, source)
    for body in (one, one + two, two + one + last, one + two + last + last, two + last, b""):
        with pytest.raises(VerificationError, match="changed or cut off"):
            opened(data[:start] + body, source)
    with pytest.raises(VerificationError, match="changed or cut off"):
        opened(data[:start] + other[len(other.partition(b"\n")[0]) + 1 :], source)


@pytest.mark.parametrize("data", [b"", b"\n", b"PK\x03\x04", b"{}\n", b"x" * 100_000])
def test_what_is_none_is_said(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(VerificationError, match="no sealed file"):
        opened(data, key(tmp_path))


def test_what_fails_in_between_leaves_nothing_behind(tmp_path: Path) -> None:
    file = io.BytesIO()

    def fails() -> None:
        with sealing(file, key(tmp_path)) as out:
            out.write(b"secret")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert file.getvalue() == b""


def test_a_passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def typed(prompt: str) -> str:
        asked.append(prompt)
        return "correct horse battery"

    monkeypatch.setattr("peerd.sealing.source._typed", typed)
    monkeypatch.setattr("peerd.sealing.source.OPERATIONS", 1)
    monkeypatch.setattr("peerd.sealing.source.MEMORY", 8192)
    monkeypatch.setattr("peerd.sealing.locked.OPERATIONS", 1)
    monkeypatch.setattr("peerd.sealing.locked.MEMORY", 8192)
    source = KeySource("passphrase", of="the file")
    source.ask_twice()
    assert asked == ["new passphrase for the file: ", "once more: "]
    data = sealed(b"secret", source)
    assert opened(data, KeySource("passphrase", of="the file")) == b"secret"
    assert asked[2:] == ["passphrase of the file: "]


def test_the_command_opens_and_leaves_no_half_of_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = key(tmp_path)
    file, out = tmp_path / "sealed", tmp_path / "plain"
    with file.open("wb") as made:
        write_sealed(made, b"x" * 200, source)
    words = ["open", str(file), "--out", str(out)]
    assert main(words) == 2 and "name it with --key" in capsys.readouterr().err
    assert main([*words, "--key", source.text]) == 0
    assert out.read_bytes() == b"x" * 200
    assert main([*words, "--key", source.text]) == 2  # it is there
    out.unlink()
    file.write_bytes(file.read_bytes()[:-1])
    assert main([*words, "--key", source.text]) == 9
    assert not out.exists()
    file.unlink()
    assert main([*words, "--key", source.text]) == 2
