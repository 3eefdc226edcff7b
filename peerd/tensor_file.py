"""Exported models as files: safetensors, NumPy's npz, torch's state_dict with a description beside.

The data of a safetensors file is the group's vector, cut into named tensors in the order in which
the task's module has them; whoever reads the file back gets the vector without the task. Beside it
may be running statistics that are a peer's own, and that the description names (``own``). What is
read may be anybody's: nothing is unpickled, and nothing allocated beyond the file's own size.
(https://github.com/huggingface/safetensors: 8 bytes of length, a JSON header, the data.)
"""

from __future__ import annotations

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from tokenize import TokenError
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from peerd.errors import ConfigError, VerificationError
from protocols.aggregation.contract import Model

KEY = "peerd"  # of the description
MEMBER = f"{KEY}.json"  # of a state_dict's archive
ARCHIVE = b"PK\x03\x04"  # a length that no header of safetensors has
OWN = "own"  # of the description: running statistics that no certificate covers
MAX_HEADER_BYTES = 1 << 24
MAX_DIMENSIONS = 64
RUNNING = frozenset({"running_mean", "running_var", "num_batches_tracked"})
"""How torch's normalisation layers call their statistics, BatchNorm and InstanceNorm alike."""
ITEM_BYTES = {"I64": 8, "F64": 8, "F32": 4, "F16": 2, "BF16": 2}
BROKEN = (  # what a header that lies leads json, zipfile and NumPy's header to
    *(ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError),
    *(RuntimeError, EOFError, struct.error, zlib.error, zipfile.BadZipFile),
)
Layers = Sequence[tuple[str, tuple[int, ...]]]


@dataclass(frozen=True, slots=True)
class Tensor:
    """``kind``: one of ITEM_BYTES. ``data``: little-endian, in the order of ``shape``."""

    name: str
    kind: str
    shape: tuple[int, ...]
    data: bytes


def is_running(name: str) -> bool:
    """Whether a buffer is a running statistic."""
    return name.rpartition(".")[2] in RUNNING


def write_safetensors(
    file: BinaryIO, layers: Layers, model: Model, description: str, own: Sequence[Tensor] = ()
) -> None:
    """``layers``: names and shapes, that take ``model`` (d,) in order. ValueError if they don't."""
    if sum(prod(shape) for _, shape in layers) != model.size:
        raise ValueError(f"the layers are not those of a model of {model.size}")
    data, start, tensors = model.astype("<f4").tobytes(), 0, []
    for name, shape in layers:
        end = start + 4 * prod(shape)
        tensors.append(Tensor(name, "F32", shape, data[start:end]))
        start = end
    # Wider ones first: what reads them wants each at a multiple of its width.
    tensors = sorted([*tensors, *own], key=lambda each: -ITEM_BYTES[each.kind])
    header: dict[str, Any] = {"__metadata__": {KEY: description}}
    start = 0
    for each in tensors:
        end = start + len(each.data)
        place = {"dtype": each.kind, "shape": list(each.shape), "data_offsets": [start, end]}
        header[each.name] = place
        start = end
    if len(header) != len(tensors) + 1:
        raise ValueError("two tensors of one name")
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    file.write(len(text).to_bytes(8, "little") + text)
    for each in tensors:
        file.write(each.data)


def write_npz(file: BinaryIO, model: Model, description: str | None, **more: object) -> None:
    """``parameters`` float32 (d,), ``more``, and the description's UTF-8 as uint8."""
    arrays: dict[str, Any] = {"parameters": model, **more}
    if description is not None:
        arrays[KEY] = np.frombuffer(description.encode(), np.uint8)
    np.savez(file, **arrays)


def write_state_dict(file: BinaryIO, saved: bytes, description: str) -> None:
    """``saved``: what torch.save wrote, an archive; it takes no notice of one member more."""
    buffer = io.BytesIO(saved)
    with zipfile.ZipFile(buffer, "a") as archive:
        folder = archive.namelist()[0].partition("/")[0]
        archive.writestr(f"{folder}/{MEMBER}", description)
    file.write(buffer.getvalue())


def read_export(path: Path) -> tuple[dict[str, Any], Model | None]:
    """The description, and the vector (d,) float32; None in the place of a state_dict's, in which
    it is pickled. ConfigError: no file; VerificationError: it is no export of peerd, or one
    without a description.
    """
    try:
        with path.open("rb") as file:
            text, model = _read(file, path)
        return _description(text), model
    except OSError as error:
        raise ConfigError(
            f"can't read {path}: {error.strerror}", "name an exported model"
        ) from None
    except BROKEN as error:
        raise VerificationError(
            f"{path} is no model that peerd has exported with a description: {error}",
            "'peerd model export' writes one",
        ) from None


def read_own(path: Path) -> NDArray[np.float64] | dict[str, tuple[str, bytes]]:
    """The running statistics of the peer that exported a file, which no certificate covers: of an
    npz as one vector, else by name with kind and bytes; of an ONNX none. VerificationError.
    """
    try:
        with path.open("rb") as file:
            return _read_own(file)
    except BROKEN as error:
        raise VerificationError(f"{path}: its running statistics can't be read: {error}") from None


def _read_own(file: BinaryIO) -> NDArray[np.float64] | dict[str, tuple[str, bytes]]:
    from peerd.onnx_file import is_onnx

    head = file.read(9)
    file.seek(0)
    if head.startswith(ARCHIVE):
        with zipfile.ZipFile(file) as archive:
            known = "statistics.npy" in archive.namelist()
            return _member(archive, "statistics", np.dtype("<f8")) if known else np.zeros(0)
    if is_onnx(head):
        return {}
    metadata, tensors = safetensors_header(file)
    found = {}
    for name in _description(str(metadata[KEY])).get(OWN, {"names": []})["names"]:
        file.seek(tensors[name].start)
        found[name] = tensors[name].dtype, file.read(tensors[name].size)
    return found


def _description(text: str) -> dict[str, Any]:
    description = json.loads(text, object_pairs_hook=_distinct)
    if not isinstance(description, dict):
        raise ValueError("the description is no table")
    if OWN in description:
        own = description[OWN]
        listed = own.keys() == {"round", "names"} and isinstance(own["names"], list)
        if not listed or not all(map(is_running, own["names"])):
            raise ValueError("what it says of running statistics is no list of such")
        if own["round"] is not None:
            _whole(own["round"])
    return description


@dataclass(frozen=True, slots=True)
class Stored:
    """A tensor of a safetensors file: ``dtype`` as it is called there, its bytes' place."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    size: int


def safetensors_header(file: BinaryIO) -> tuple[dict[str, Any], dict[str, Stored]]:
    """The metadata, and the tensors by name in the order of their data, which has no gap and no
    rest. Nothing of the data is read. Raises one of BROKEN.
    """
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    length = int.from_bytes(file.read(8), "little")
    if not 0 < length <= min(MAX_HEADER_BYTES, size - 8):
        raise ValueError("its header has no length that can be")
    header = json.loads(file.read(length).decode(), object_pairs_hook=_distinct)
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict):
        raise ValueError("its metadata is no table")
    tensors, last = {}, 0
    for name, tensor in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        start, end = (_whole(each) for each in tensor["data_offsets"])
        if start != last or end < start:
            raise ValueError(f"the tensor {name!r} has a gap before it, or overlaps another")
        shape = tuple(_whole(each) for each in tensor["shape"])
        if len(shape) > MAX_DIMENSIONS:
            raise ValueError(f"the tensor {name!r} has more than {MAX_DIMENSIONS} dimensions")
        tensors[name] = Stored(str(tensor["dtype"]), shape, 8 + length + start, end - start)
        last = end
    if last != size - 8 - length:
        raise ValueError("its data has another size than its tensors")
    return metadata, tensors


def _read(file: BinaryIO, path: Path) -> tuple[str, Model | None]:
    from peerd.onnx_file import is_onnx, read_onnx

    head = file.read(9)
    file.seek(0)
    if head.startswith(ARCHIVE):
        return _read_archive(file)
    return read_onnx(path) if is_onnx(head) else _read_safetensors(file)


def _read_safetensors(file: BinaryIO) -> tuple[str, Model]:
    metadata, tensors = safetensors_header(file)
    text = str(metadata[KEY])
    own = set(_description(text).get(OWN, {"names": []})["names"])
    if not own <= tensors.keys():
        raise ValueError("it lacks running statistics that it names")
    parts = []
    for name, tensor in tensors.items():
        kind = tensor.dtype if name in own else "F32"
        if tensor.dtype != kind or tensor.size != ITEM_BYTES[kind] * prod(tensor.shape):
            raise ValueError(f"the tensor {name!r} is not float32")
        if name not in own:
            file.seek(tensor.start)
            parts.append(file.read(tensor.size))
    return text, np.frombuffer(b"".join(parts), "<f4").astype(np.float32)


def _read_archive(file: BinaryIO) -> tuple[str, Model | None]:
    with zipfile.ZipFile(file) as archive:
        found = [each for each in archive.infolist() if each.filename.endswith(f"/{MEMBER}")]
        if found:
            return stored(archive, found[0]).decode(), None
        text = _member(archive, KEY, np.dtype(np.uint8)).tobytes().decode()
        return text, _member(archive, "parameters", np.dtype("<f4")).astype(np.float32)


def _member(archive: zipfile.ZipFile, name: str, kind: np.dtype[Any]) -> NDArray[Any]:
    member = io.BytesIO(stored(archive, archive.getinfo(f"{name}.npy")))
    if np.lib.format.read_magic(member) != (1, 0):
        raise ValueError(f"{name} is no array of version 1.0")
    try:
        shape, _, dtype = np.lib.format.read_array_header_1_0(member)
    except (SyntaxError, TokenError, MemoryError):  # a header is Python's, and is parsed as such
        raise ValueError(f"{name} has no header that can be") from None
    data = member.read()
    if dtype != kind or shape != (len(data) // kind.itemsize,) or len(data) % kind.itemsize:
        raise ValueError(f"{name} is {dtype} {shape}")
    return np.frombuffer(data, kind)


def stored(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """A member's bytes. ValueError for one that is packed."""
    check_stored(info)
    return archive.read(info)


def check_stored(info: zipfile.ZipInfo) -> None:
    """ValueError for a compressed member of an archive: it could be larger than the file."""
    if info.compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"{info.filename} is compressed")


def _whole(value: object) -> int:
    if type(value) is not int or not 0 <= value < 1 << 63:
        raise ValueError("a shape of something else than whole numbers")
    return value


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name that appears twice")
    return found
