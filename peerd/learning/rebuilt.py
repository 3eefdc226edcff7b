"""The group's model, built again from its task for whoever exports it. Imports torch."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from peerd.errors import TaskError
from peerd.learning.client import first_module
from peerd.learning.fitted import FittedClient
from peerd.learning.origin import Origin
from peerd.learning.settings import Partition, derived_seed
from peerd.learning.shared import SharedModel
from peerd.learning.task import FittedTask, Task
from protocols.aggregation.contract import Model

Layers = list[tuple[str, tuple[int, ...]]]


def layers_of(task: Task | FittedTask, origin: Origin) -> Layers:
    """Name and shape of each part of the vector (d,), in its order. TaskError."""
    if isinstance(task, FittedTask):
        return FittedClient(task, Partition(), 0, origin.model_seed).layers()
    return shared_model(task, replace(origin, start=None)).layers()


def state_dict_file(
    task: Task | FittedTask, origin: Origin, model: Model, own: NDArray[np.float64]
) -> bytes:
    """What torch.save writes of the module's state_dict with ``model`` (d,) in it, with what is
    frozen or constant, and with this peer's ``own`` running statistics. TaskError.
    """
    if isinstance(task, FittedTask):
        raise TaskError(
            "a task that trains by itself has no torch module", "export to FILE.safetensors"
        )
    shared = filled(task, origin, model)
    shared.set_own(own)
    file = io.BytesIO()
    torch.save(shared.module.state_dict(), file)
    return file.getvalue()


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
