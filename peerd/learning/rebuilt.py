"""The group's model, built again from its task for whoever exports it. Imports torch."""

from __future__ import annotations

import io
from dataclasses import dataclass

import torch

from peerd.errors import TaskError
from peerd.learning.fitted import FittedClient
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


def parts_of(task: Task | FittedTask, model_seed: int, statistics: str, own: Own) -> Parts:
    """What the model is made of. TaskError."""
    if isinstance(task, FittedTask):
        return Parts(FittedClient(task, Partition(), 0, model_seed).layers())
    return _parts(_shared(task, model_seed, statistics, own), own)


def state_dict_file(
    task: Task | FittedTask, model_seed: int, statistics: str, model: Model, own: Own
) -> tuple[bytes, Parts]:
    """What torch.save writes of the module's state_dict with ``model`` (d,) in it, with what is
    frozen or constant, and with ``own``. TaskError.
    """
    if isinstance(task, FittedTask):
        raise TaskError(
            "a task that trains by itself has no torch module", "export to FILE.safetensors"
        )
    shared = _shared(task, model_seed, statistics, own)
    shared.fill(model)
    file = io.BytesIO()
    torch.save(shared.module.state_dict(), file)
    return file.getvalue(), _parts(shared, own)


def _shared(task: Task, model_seed: int, statistics: str, own: Own) -> SharedModel:
    torch.manual_seed(derived_seed("peerd/learning/model", model_seed))
    shared = SharedModel(task.model(), statistics)
    shared.set_own(own.values)
    return shared


def _parts(shared: SharedModel, own: Own) -> Parts:
    fits = shared.own().shape == own.values.shape
    tensors = tuple(_tensor(name, each) for name, each in shared.own_tensors())
    return Parts(shared.layers(), tensors, own.round if fits else None)


def _tensor(name: str, value: torch.Tensor) -> Tensor:
    flat = value.detach().to("cpu").contiguous().reshape(-1).view(torch.uint8)
    return Tensor(name, KINDS[value.dtype], tuple(value.shape), flat.numpy().tobytes())
