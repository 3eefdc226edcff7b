"""The group's model, built again from its task for whoever exports it. Imports torch."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace

import torch

from peerd.errors import TaskError
from peerd.learning.client import first_module
from peerd.learning.fitted import FittedClient
from peerd.learning.origin import Origin
from peerd.learning.settings import Partition, derived_seed
from peerd.learning.shared import SharedModel
from peerd.learning.state import Own
from peerd.learning.task import FittedTask, Task
from peerd.tensor_file import Layers, Tensor
from protocols.aggregation.contract import Model

KINDS = {
    torch.int64: "I64",
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
}


@dataclass(frozen=True, slots=True)
class Parts:
    """``layers``: name and shape of each part of the vector (d,), in its order. ``own``: running
    statistics that are not in it, after this peer's training in ``round``; None: as the first model
    has them.
    """

    layers: Layers
    own: tuple[Tensor, ...] = ()
    round: int | None = None


def parts_of(task: Task | FittedTask, origin: Origin, own: Own) -> Parts:
    """What the model is made of. TaskError."""
    if isinstance(task, FittedTask):
        return Parts(FittedClient(task, Partition(), 0, origin.model_seed).layers())
    shared = shared_model(task, replace(origin, start=None))
    shared.set_own(own.values)
    return with_parts(shared, own)


def state_dict_file(
    task: Task | FittedTask, origin: Origin, model: Model, own: Own
) -> tuple[bytes, Parts]:
    """What torch.save writes of the module's state_dict with ``model`` (d,) in it, with what is
    frozen or constant, and with this peer's ``own`` running statistics. TaskError.
    """
    if isinstance(task, FittedTask):
        raise TaskError(
            "a task that trains by itself has no torch module", "export to FILE.safetensors"
        )
    shared = filled(task, origin, model)
    shared.set_own(own.values)
    file = io.BytesIO()
    torch.save(shared.module.state_dict(), file)
    return file.getvalue(), with_parts(shared, own)


def filled(task: Task, origin: Origin, model: Model) -> SharedModel:
    """The task's module with ``model`` (d,) in it. TaskError where what is frozen is not what the
    group had.
    """
    shared = shared_model(task, origin)
    if shared.fixed != origin.fixed:
        raise TaskError(
            "what of the model nobody trains (frozen layers, constants) is here not what the"
            " genesis names",
            "it takes the same pretrained files, and the same versions of libraries",
        )
    shared.fill(model)
    return shared


def shared_model(task: Task, origin: Origin) -> SharedModel:
    """The group's first model, built. TaskError."""
    seed = derived_seed("peerd/learning/model", origin.model_seed)
    module, _ = first_module(task, seed, origin.statistics, origin.start)
    return SharedModel(module, origin.statistics)


def with_parts(shared: SharedModel, own: Own) -> Parts:
    """What ``shared`` is made of; ``own`` is in it."""
    fits = shared.own().shape == own.values.shape
    tensors = tuple(_tensor(name, each) for name, each in shared.own_tensors())
    return Parts(shared.layers(), tensors, own.round if fits else None)


def _tensor(name: str, value: torch.Tensor) -> Tensor:
    flat = value.detach().to("cpu").contiguous().reshape(-1).view(torch.uint8)
    return Tensor(name, KINDS[value.dtype], tuple(value.shape), flat.numpy().tobytes())
