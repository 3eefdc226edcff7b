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
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from peerd.errors import ConfigError, VerificationError
from protocols.aggregation.contract import Model

KEY = "peerd"  # of the description
MEMBER = f"{KEY}.json"  # of a state_dict's archive
OWN = "own"  # of the description: running statistics that no certificate covers
MAX_HEADER_BYTES = 1 << 24
RUNNING = frozenset({"running_mean", "running_var", "num_batches_tracked"})
"""How torch's normalisation layers call their statistics, BatchNorm and InstanceNorm alike."""
ITEM_BYTES = {"I64": 8, "F64": 8, "F32": 4, "F16": 2, "BF16": 2}
_BROKEN = (  # what a header that lies leads json, zipfile and NumPy's header to
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
            is_zip = file.read(2) == b"PK"
            file.seek(0)
            text, model = _read_archive(file) if is_zip else _read_safetensors(file)
        return _description(text), model
    except OSError as error:
        raise ConfigError(
            f"can't read {path}: {error.strerror}", "name an exported model"
        ) from None
    except _BROKEN as error:
        raise VerificationError(
            f"{path} is no model that peerd has exported with a description: {error}",
            "'peerd model export' writes one",
        ) from None


def _description(text: str) -> dict[str, Any]:
    description = json.loads(text, object_pairs_hook=_distinct)
    if not isinstance(description, dict):
        raise ValueError("the description is no table")
    if OWN in description:
        own = description[OWN]
        if own.keys() != {"round", "names"} or not all(map(is_running, own["names"])):
            raise ValueError("what it says of running statistics is no list of such")
        if own["round"] is not None:
            _whole(own["round"])
    return description


def _read_safetensors(file: BinaryIO) -> tuple[str, Model]:
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    length = int.from_bytes(file.read(8), "little")
    if not 0 < length <= min(MAX_HEADER_BYTES, size - 8):
        raise ValueError("its header has no length that can be")
    header = json.loads(file.read(length).decode(), object_pairs_hook=_distinct)
    text = str(header.pop("__metadata__")[KEY])
    own = set(_description(text).get(OWN, {"names": []})["names"])
    start, parts = 0, []
    for name, tensor in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        kind = tensor["dtype"] if name in own else "F32"
        end = start + ITEM_BYTES[kind] * prod(_whole(each) for each in tensor["shape"])
        if tensor["dtype"] != kind or tensor["data_offsets"] != [start, end]:
            raise ValueError(f"the tensor {name!r} is not float32, or has a gap before it")
        if name not in own:
            parts.append((start, end))
        start = end
    if start != size - 8 - length or not own <= header.keys():
        raise ValueError("its data has another size than its tensors, or lacks some")
    data = file.read(start)
    model = b"".join(data[first:last] for first, last in parts)
    return text, np.frombuffer(model, "<f4").astype(np.float32)


def _read_archive(file: BinaryIO) -> tuple[str, Model | None]:
    with zipfile.ZipFile(file) as archive:
        found = [each for each in archive.infolist() if each.filename.endswith(f"/{MEMBER}")]
        if found:
            return _stored(archive, found[0]).decode(), None
        text = _member(archive, KEY, np.dtype(np.uint8)).tobytes().decode()
        return text, _member(archive, "parameters", np.dtype("<f4")).astype(np.float32)


def _member(archive: zipfile.ZipFile, name: str, kind: np.dtype[Any]) -> NDArray[Any]:
    member = io.BytesIO(_stored(archive, archive.getinfo(f"{name}.npy")))
    if np.lib.format.read_magic(member) != (1, 0):
        raise ValueError(f"{name} is no array of version 1.0")
    shape, _, dtype = np.lib.format.read_array_header_1_0(member)
    data = member.read()
    if dtype != kind or shape != (len(data) // kind.itemsize,) or len(data) % kind.itemsize:
        raise ValueError(f"{name} is {dtype} {shape}")
    return np.frombuffer(data, kind)


def _stored(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    if info.compress_type != zipfile.ZIP_STORED:  # it could be larger than the file
        raise ValueError(f"{info.filename} is compressed")
    return archive.read(info)


def _whole(value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("a shape of something else than whole numbers")
    return value


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name that appears twice")
    return found
