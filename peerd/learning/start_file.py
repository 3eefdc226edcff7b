"""The layers of a file that a group starts from (worker only): safetensors, or what peerd exports.

The file is anybody's: its header is bounded and nothing is unpickled. Of the data of a safetensors
file only that is read which whoever asks has room for.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from peerd.errors import PeerdError, TaskError, VerificationError, printable
from peerd.learning.saved_state import read_state
from peerd.learning.settings import Options
from peerd.tensor_file import (
    ARCHIVE,
    BROKEN,
    KEY,
    MAX_HEADER_BYTES,
    Stored,
    check_stored,
    read_export,
    safetensors_header,
)

MAX_NAME = 100  # characters of a layer's
DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
    "C64": torch.complex64,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}


@dataclass(frozen=True, slots=True)
class Start:
    """The file, and whose first model it is to be: ``task`` with its ``options``."""

    path: Path
    task: str
    options: Options

    def wrong(self, why: str, hint: str = "") -> TaskError:
        return TaskError(f"the model to start from, {self.path}, {why}", hint)


@dataclass(frozen=True, slots=True)
class Layer:
    """``dtype`` as safetensors calls it; ``read`` gives the numbers, and may raise TaskError."""

    shape: tuple[int, ...]
    dtype: str
    read: Callable[[], torch.Tensor]


@dataclass(frozen=True, slots=True)
class Given:
    """Layers by name, or one vector (d,) that has no names; what the file says of its task."""

    layers: Mapping[str, Layer] = field(default_factory=dict)
    vector: NDArray[np.float32] | None = None
    task: object = None


def read(start: Start) -> Given:
    """What the file has. TaskError for what is no such file, is damaged, or has no use here."""
    if not start.path.is_file():
        raise start.wrong("is no file", "every member gives its own copy")
    try:
        with start.path.open("rb") as file:
            head = file.read(9)
        if head.startswith(ARCHIVE):
            with zipfile.ZipFile(start.path) as archive:
                members = archive.infolist()
            if any(each.filename == "parameters.npy" for each in members):
                return _npz(start)
            return _state_dict(members, start)
        if head[:1] == b"\x80" and head[8:] != b"{":  # or it is a length of safetensors
            raise start.wrong(
                "is a pickle, which can run code when it is read", "save it as safetensors"
            )
        return _safetensors(start)
    except OSError as error:
        raise start.wrong(f"can't be read: {error.strerror}") from None
    except BROKEN as error:
        raise start.wrong(
            f"is neither safetensors nor a model that peerd has exported: {short(str(error))}",
            "is the copy whole?",
        ) from None


def _safetensors(start: Start) -> Given:
    with start.path.open("rb") as file:
        metadata, tensors = safetensors_header(file)
    layers = {
        name: Layer(stored.shape, stored.dtype, partial(_slice, stored, name, start))
        for name, stored in tensors.items()
    }
    return Given(layers, task=json.loads(metadata[KEY])["task"] if KEY in metadata else None)


def _slice(stored: Stored, name: str, start: Start) -> torch.Tensor:
    dtype = DTYPES[stored.dtype]
    if stored.size != prod(stored.shape) * dtype.itemsize:
        raise start.wrong(f"is damaged: {short(name)} has {stored.size} bytes, not as its shape")
    try:
        with start.path.open("rb") as file:
            file.seek(stored.start)
            data = bytearray(file.read(stored.size))
    except OSError as error:
        raise start.wrong(f"can't be read: {error.strerror}") from None
    if len(data) != stored.size:
        raise start.wrong("was changed while it was read", "is another program writing it?")
    if not data:
        return torch.empty(stored.shape, dtype=dtype)
    return torch.frombuffer(data, dtype=torch.uint8).view(dtype).reshape(stored.shape)


def _npz(start: Start) -> Given:
    """Without names only what it says of itself tells that its numbers mean the same layers."""
    try:
        description, vector = read_export(start.path)
    except PeerdError as error:
        raise start.wrong(
            f"does not say of what task it is: {short(error.message)}",
            "take an export that has a description, best as safetensors",
        ) from None
    mine = {"task": start.task, "task_options": dict(start.options)}
    for key, what in (("task", "another task"), ("task_options", "a task with other options")):
        if description.get(key) != mine[key]:
            raise start.wrong(
                f"is a model of {what} than this group's, and has no names of layers to compare",
                "take an export as safetensors",
            )
    return Given(vector=vector)


def _state_dict(members: list[zipfile.ZipInfo], start: Start) -> Given:
    """torch's own format, of which the tensors are read and nothing is unpickled."""
    for each in members:
        check_stored(each)
        if each.filename.endswith(".pkl") and each.file_size > MAX_HEADER_BYTES:
            raise ValueError("its index is too large")
    try:
        found = read_state(start.path)
    except VerificationError:
        raise start.wrong(
            "can't be read as a state_dict: it is damaged, or holds something else than tensors",
            "save model.state_dict() alone, best as safetensors",
        ) from None
    return Given(
        {name: _layer(name, each, start) for name, each in found.items()}, task=_task_of(start)
    )


def _layer(name: str, value: object, start: Start) -> Layer:
    if not isinstance(value, torch.Tensor) or value.layout != torch.strided or value.is_meta:
        raise start.wrong(
            f"holds {short(name)}, which is no dense tensor but a {type(value).__name__}",
            "save model.state_dict() alone, best as safetensors",
        )
    kinds = {dtype: kind for kind, dtype in DTYPES.items()}
    return Layer(tuple(value.shape), kinds.get(value.dtype, str(value.dtype)), lambda: value)


def _task_of(start: Start) -> Any:
    try:
        return read_export(start.path)[0].get("task")
    except PeerdError:  # it is torch's, and not of peerd
        return None


def short(text: str) -> str:
    """What a stranger wrote, as an error shows it."""
    return printable(text[:MAX_NAME]) + ("…" if len(text) > MAX_NAME else "")
