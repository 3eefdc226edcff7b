"""A state_dict that a stranger made: no code of it runs, and it gets no memory on its word."""

from __future__ import annotations

import io
import pickle
import random
import zipfile
from pathlib import Path

import pytest
import torch

from peerd.errors import VerificationError
from peerd.learning.saved_state import read_state


def whole(number: int) -> bytes:
    return pickle.dumps(number, 2)[2:-1]


def several(numbers: tuple[int, ...]) -> bytes:
    return b"(" + b"".join(map(whole, numbers)) + b"t"


def text(value: str) -> bytes:
    return b"X" + len(value).to_bytes(4, "little") + value.encode()


def tensor(
    size: tuple[int, ...], stride: tuple[int, ...], numel: int, kind: str = "torch\nFloatStorage"
) -> bytes:
    """The pickle of one tensor, as torch.save writes it."""
    stored = b"(" + text("storage") + b"c" + kind.encode() + b"\n" + text("0") + text("cpu")
    rebuilt = b"ctorch._utils\n_rebuild_tensor_v2\n(" + stored + whole(numel) + b"tQ" + whole(0)
    return rebuilt + several(size) + several(stride) + b"\x89ccollections\nOrderedDict\n)RtR"


def archive(value: bytes, packed: int = zipfile.ZIP_STORED, data: int = 16) -> bytes:
    """A file that maps "a" to what the pickle ``value`` makes, and has 16 bytes of data."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", packed) as made:
        head = b"\x80\x02ccollections\nOrderedDict\n)R"
        made.writestr("m/data.pkl", head + text("a") + value + b"s.")
        made.writestr("m/version", "3\n")
        made.writestr("m/byteorder", "little")
        made.writestr("m/data/0", bytes(data))
    return file.getvalue()


GOOD = archive(tensor((2, 2), (2, 1), 4))
HOSTILE: dict[str, bytes] = {
    "empty": b"",
    "no zip": b"PK\x03\x04" + bytes(50),
    "code": archive(b"cos\nsystem\n" + b"(" + text("touch canary") + b"tR"),
    "old code": archive(b"(" + text("touch canary") + b"ios\nsystem\n"),
    "a large array of bytes": archive(b"cbuiltins\nbytearray\n(" + whole(1 << 45) + b"tR"),
    "a storage beyond its bytes": archive(tensor((1 << 20,), (1,), 1 << 20)),
    "a tensor beyond its storage": archive(tensor((1 << 40,), (1,), 4)),
    "a tensor that repeats": archive(tensor((1 << 40,), (0,), 4)),
    "a negative size": archive(tensor((-1,), (1,), 4)),
    "a negative stride": archive(tensor((4,), (-1,), 4)),
    "no tensor": archive(whole(5)),
    "a list": archive(b"]"),
    "packed": archive(tensor((1 << 22,), (1,), 1 << 22), zipfile.ZIP_DEFLATED, 1 << 24),
    "another class": archive(tensor((4,), (1,), 4, "torch.nn\nModule")),
    "a storage too small": archive(tensor((2,), (1,), 2)),
    "a name of no use": archive(b"N0"),
    "a deep one": archive(b"(" * 100_000 + b"t" * 100_000),
}


def test_what_torch_saves_is_read(tmp_path: Path) -> None:
    module = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    torch.save(module.state_dict(), tmp_path / "m.pt")
    found = read_state(tmp_path / "m.pt")
    assert found.keys() == module.state_dict().keys()
    assert all(torch.equal(found[name], each) for name, each in module.state_dict().items())
    (tmp_path / "m.pt").write_bytes(GOOD)
    assert read_state(tmp_path / "m.pt")["a"].tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_one_is_refused(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.pt").write_bytes(HOSTILE[kind])
    with pytest.raises(VerificationError, match=r"m\.pt is no state_dict that can be read") as said:
        read_state(tmp_path / "m.pt")
    assert len(str(said.value)) < 500 and not (tmp_path / "canary").exists()


def test_a_damaged_one_is_read_or_refused(tmp_path: Path) -> None:
    dice, refused = random.Random(1), 0
    for _ in range(300):
        data = bytearray(GOOD)
        for _ in range(dice.randint(1, 3)):
            data[dice.randrange(len(data))] = dice.choice((0, 1, 0x7F, 0xFF, dice.randrange(256)))
        (tmp_path / "m.pt").write_bytes(data)
        try:
            read_state(tmp_path / "m.pt")
        except VerificationError:
            refused += 1
    assert refused > 100
