"""The group's model, built again from its task for whoever exports it. Imports torch."""

from __future__ import annotations

import io

import torch

from peerd.errors import TaskError
from peerd.learning.fitted import FittedClient
from peerd.learning.settings import Partition, derived_seed
from peerd.learning.shared import SharedModel
from peerd.learning.task import FittedTask, Task
from protocols.aggregation.contract import Model

Layers = list[tuple[str, tuple[int, ...]]]


def layers_of(task: Task | FittedTask, model_seed: int, statistics: str) -> Layers:
    """Name and shape of each part of the vector (d,), in its order. TaskError."""
    if isinstance(task, FittedTask):
        return FittedClient(task, Partition(), 0, model_seed).layers()
    return _shared(task, model_seed, statistics).layers()


def state_dict_file(
    task: Task | FittedTask, model_seed: int, statistics: str, model: Model
) -> bytes:
    """What torch.save writes of the module's state_dict with ``model`` (d,) in it, and with what is
    frozen or constant. TaskError.
    """
    if isinstance(task, FittedTask):
        raise TaskError(
            "a task that trains by itself has no torch module", "export to FILE.safetensors"
        )
    shared = _shared(task, model_seed, statistics)
    shared.fill(model)
    file = io.BytesIO()
    torch.save(shared.module.state_dict(), file)
    return file.getvalue()


def _shared(task: Task, model_seed: int, statistics: str) -> SharedModel:
    torch.manual_seed(derived_seed("peerd/learning/model", model_seed))
    return SharedModel(task.model(), statistics)
