"""Exported models as ONNX: a graph that its runtimes compute, with the vector's layers in it.

The layers are initializers by their names; ``LAYERS`` says which, in the vector's order, since a
graph also has what nobody trained. Needs the extra ``export``; nothing of the file is run.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from peerd.extras import need
from peerd.tensor_file import KEY
from protocols.aggregation.contract import Model

LAYERS = f"{KEY}.layers"


def is_onnx(head: bytes) -> bool:
    """Whether a file of these first nine bytes may be one: a version number, and no safetensors."""
    return head[:1] == b"\x08" and head[8:9] != b"{"


def may_be_onnx(path: Path) -> bool:
    """Whether somebody may take the file for one: by its beginning, or by its name."""
    with path.open("rb") as file:
        return path.suffix.lower() == ".onnx" or is_onnx(file.read(9))


@dataclass(frozen=True, slots=True)
class Graph:
    """ONNX without a description. ``layers``: its initializers that are the vector, in order."""

    saved: bytes
    layers: list[str]


def write_onnx(file: BinaryIO, graph: Graph, description: str) -> None:
    """The graph with its description and the order of its layers."""
    import onnx

    proto = onnx.load_model_from_string(graph.saved)
    onnx.helper.set_model_props(proto, {KEY: description, LAYERS: json.dumps(graph.layers)})
    file.write(proto.SerializeToString())


def read_onnx(path: Path) -> tuple[str, Model]:
    """The description, and the vector (d,). ValueError, KeyError: what is no such file, or lies."""
    need(f"reading {path}", "onnx")
    import onnx
    from google.protobuf.message import DecodeError

    try:
        proto = onnx.load_model_from_string(path.read_bytes())
    except DecodeError:
        raise ValueError("it is no ONNX") from None
    said = {each.key: each.value for each in proto.metadata_props}
    tensors = {each.name: each for each in proto.graph.initializer}
    names = json.loads(said[LAYERS])
    if len(set(names)) != len(names) or len(tensors) != len(proto.graph.initializer):
        raise ValueError("a layer that appears twice")
    parts = [_array(tensors[name]) for name in names]
    return said[KEY], np.concatenate([np.zeros(0, np.float32), *parts])


def _array(tensor: Any) -> Model:
    """Of numbers that are in the file itself, as many as its shape says: nothing is allocated
    beyond them.
    """
    import onnx

    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        raise ValueError(f"the numbers of {tensor.name!r} are in another file")
    kinds = {onnx.TensorProto.FLOAT: "<f4", onnx.TensorProto.DOUBLE: "<f8"}
    kind = np.dtype(kinds[tensor.data_type])
    if len(tensor.raw_data) != kind.itemsize * prod(tensor.dims):
        raise ValueError(f"{tensor.name!r} has another size than its shape")
    with np.errstate(over="ignore"):
        return np.frombuffer(tensor.raw_data, kind).astype(np.float32)
