"""A first model that is not drawn, but comes from a file (worker only).

The genesis binds what all share by hashes, of the first model and of what is frozen, and not the
file: one site may have it as safetensors and another as npz.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from peerd.learning.shared import SharedModel
from peerd.learning.start_file import DTYPES, Given, Layer, Start, read, short
from peerd.tensor_file import is_running

MAX_NAMED = 3  # layers in one line
Layers = list[tuple[str, tuple[int, ...]]]


@dataclass(frozen=True, slots=True)
class Part:
    """What is filled in place: ``tensor``, under any of ``names`` (a tied one has several).

    ``needed``: the file must have it, since the group shares it.
    """

    names: tuple[str, ...]
    tensor: torch.Tensor
    needed: bool


def fill_module(module: torch.nn.Module, statistics: str, start: Start) -> list[str]:
    """Puts the file's numbers into ``module``: what is shared, and what is frozen, constant or a
    statistic where the file has it. Warnings. TaskError names the layers that don't fit.
    """
    given = read(start)
    layers = given.layers
    if given.vector is not None:
        layers = _named(given.vector, SharedModel(module, statistics).layers(), start)
    _fill(_parts(module, statistics), layers, start)
    return _warnings(given, start)


def fill_arrays(arrays: list[NDArray[Any]], named: Layers, start: Start) -> list[str]:
    """The same for a task that trains by itself: into ``arrays``, which ``named`` tells of."""
    given = read(start)
    layers = given.layers
    if given.vector is not None:
        layers = _named(given.vector, named, start)
    parts = [
        Part((name,), torch.from_numpy(array), needed=True)
        for (name, _), array in zip(named, arrays, strict=True)
    ]
    _fill(parts, layers, start)
    return _warnings(given, start)


def _parts(module: torch.nn.Module, statistics: str) -> list[Part]:
    tensors: dict[int, torch.Tensor] = {}
    names: dict[int, list[str]] = {}
    for name, tensor in (
        *module.named_parameters(remove_duplicate=False),
        *module.named_buffers(remove_duplicate=False),
    ):
        tensors[id(tensor)] = tensor
        names.setdefault(id(tensor), []).append(name)
    return [
        Part(tuple(names[key]), each, _is_shared(names[key][0], each, statistics))
        for key, each in tensors.items()
    ]


def _is_shared(name: str, tensor: torch.Tensor, statistics: str) -> bool:
    averaged = statistics == "averaged" and is_running(name) and tensor.is_floating_point()
    return tensor.requires_grad or averaged


def _named(vector: NDArray[np.float32], named: Layers, start: Start) -> dict[str, Layer]:
    """A vector without names, cut into the layers that it is known to have."""
    ends = np.cumsum([0, *(prod(shape) for _, shape in named)])
    if ends[-1] != vector.size:
        raise start.wrong(
            f"has {vector.size} parameters, and the task's model shares {ends[-1]}",
            "give a model of this task and these statistics",
        )
    return {
        name: Layer(shape, "F32", partial(torch.from_numpy, vector[first:last].reshape(shape)))
        for (name, shape), (first, last) in zip(named, pairwise(ends), strict=True)
    }


def _fill(parts: list[Part], layers: Mapping[str, Layer], start: Start) -> None:
    """TaskError where a layer is missing, left over, of another shape or kind, or not finite."""
    faults = _faults(parts, layers)
    if faults:
        raise start.wrong(
            f"does not fit the task's model: {'; '.join(faults)}",
            "give this very model, with its layers under their names",
        )
    for part in parts:
        found = [name for name in part.names if name in layers]
        values = [_value(name, layers[name], part.tensor, start) for name in found]
        if any(not torch.equal(values[0], each) for each in values[1:]):
            raise start.wrong(
                f"has different numbers in {_listed(found)}, which the model ties together",
                "leave out all but one of them",
            )
        if values:
            with torch.no_grad():
                part.tensor.copy_(values[0])


def _faults(parts: list[Part], layers: Mapping[str, Layer]) -> list[str]:
    known = {name: part.tensor for part in parts for name in part.names}
    missing = [
        part.names[0]
        for part in parts
        if part.needed and not any(name in layers for name in part.names)
    ]
    extra = sorted(name for name in layers if name not in known)
    unlike = [
        fault
        for name, layer in layers.items()
        if name in known and (fault := _unlike(name, layer, known[name]))
    ]
    more = len(unlike) - MAX_NAMED
    return [
        *([f"it lacks {_listed(missing)}"] if missing else ()),
        *([f"it has {_listed(extra)}, which the model has not"] if extra else ()),
        *unlike[:MAX_NAMED],
        *([f"{more} more differ so"] if more > 0 else ()),
    ]


def _unlike(name: str, layer: Layer, tensor: torch.Tensor) -> str:
    if layer.shape != tuple(tensor.shape):
        return f"{short(name)} is of shape {layer.shape} there and {tuple(tensor.shape)} here"
    dtype = DTYPES.get(layer.dtype)
    if dtype == tensor.dtype or (dtype and dtype.is_floating_point and tensor.is_floating_point()):
        return ""
    kind = str(tensor.dtype).removeprefix("torch.")
    return f"{short(name)} is of type {short(layer.dtype)} there and {kind} here"


def _value(name: str, layer: Layer, like: torch.Tensor, start: Start) -> torch.Tensor:
    """The layer's numbers as ``like`` holds them, on the CPU. TaskError unless finite there."""
    value = layer.read().detach().to(like.dtype)
    if not value.isfinite().all():
        kind = str(like.dtype).removeprefix("torch.")
        raise start.wrong(
            f"has numbers in {short(name)} that are nan or infinite, as {kind}",
            "nothing can be learnt from there: take another model",
        )
    return value


def _warnings(given: Given, start: Start) -> list[str]:
    if not isinstance(given.task, str) or given.task == start.task:
        return []
    return [
        f"the model to start from is of the task {short(given.task)}, and this group's is"
        f" {start.task}: layers of the same names and shapes may mean something else"
    ]


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return ", ".join(map(short, names[:MAX_NAMED])) + more
