"""A model as it was exported or certified, built again to be used. Imports torch.

The file and its description may be anybody's. So a task that ships is first built without memory:
what it is told can't make it larger than the numbers that are there.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from peerd.errors import TaskError
from peerd.learning.fitted import FittedClient
from peerd.learning.origin import Origin
from peerd.learning.rebuilt import shared_model
from peerd.learning.saved_state import State, read_state
from peerd.learning.settings import Partition
from peerd.learning.shared import SharedModel
from peerd.learning.start_file import DTYPES
from peerd.learning.task import Arrays, FittedTask, Task
from peerd.tasks.names import is_shipped
from protocols.aggregation.contract import Model

Numbers: TypeAlias = Model | Path
"""The vector (d,), or a state_dict's file."""
OwnOf: TypeAlias = NDArray[np.float64] | dict[str, tuple[str, bytes]]
"""Running statistics: as a module's ``own()`` gives them, or by name with kind and bytes."""
_NONE = np.zeros(0)


def restored_module(
    task: Task, origin: Origin, numbers: Numbers, own: OwnOf = _NONE
) -> torch.nn.Module:
    """The task's module with ``numbers`` in it, for use. ``own``: running statistics that are a
    peer's own.

    TaskError where task and numbers don't fit, or statistics are missing; VerificationError for a
    file that can't be read.
    """
    state = read_state(numbers) if isinstance(numbers, Path) else {}
    if isinstance(numbers, Path):
        found = sum(each.numel() for each in state.values())
    else:
        found = numbers.size
    if is_shipped(f"{type(task).__module__}:{type(task).__name__}"):
        _check_size(task, found)
    shared = shared_model(task, origin)
    if isinstance(numbers, Path):
        _load(shared.module, state, task)
        shared = SharedModel(shared.module, origin.statistics)
    elif shared.parameters != found:
        raise _misfit(task, shared.parameters, found)
    else:
        shared.fill(numbers)
        shared.set_own(_vector(own, shared))
    if shared.fixed != origin.fixed:
        raise TaskError(
            f"{_name(task)} builds a model whose frozen or constant parts are not the group's",
            "install the files, such as a backbone, that the group has",
        )
    _check_statistics(shared, origin)
    return shared.module.eval()


def restored_arrays(task: FittedTask, origin: Origin, numbers: Numbers) -> Arrays:
    """The task's arrays with ``numbers`` in them. TaskError."""
    if isinstance(numbers, Path):
        raise TaskError("a task that trains by itself has no state_dict", "export safetensors")
    client = FittedClient(task, Partition(), 0, origin.model_seed)
    if client.parameters != numbers.size:
        raise _misfit(task, client.parameters, numbers.size)
    return client.arrays(numbers)


def _vector(own: OwnOf, shared: SharedModel) -> NDArray[np.float64]:
    """As the module takes them; none where not all are there."""
    if not isinstance(own, dict):
        return own
    names = [name for name, _ in shared.own_tensors()]
    if not names or not all(name in own for name in names):
        return _NONE
    known = [
        torch.frombuffer(bytearray(data), dtype=DTYPES[kind])
        for kind, data in (own[name] for name in names)
    ]
    vector: NDArray[np.float64] = torch.cat([each.double() for each in known]).numpy()
    return vector


def _check_size(task: Task, found: int) -> None:
    with torch.device("meta"):
        parameters = sum(each.numel() for each in task.model().parameters())
    if parameters != found:
        raise _misfit(task, parameters, found)


def _misfit(task: Task | FittedTask, parameters: int, found: int) -> TaskError:
    return TaskError(
        f"{_name(task)} builds a model of {parameters} parameters, and this one has {found}",
        "take the task, and its version, that the model was trained with",
    )


def _load(module: torch.nn.Module, state: State, task: Task) -> None:
    wanted = {name: tuple(each.shape) for name, each in module.state_dict().items()}
    shapes = {name: tuple(each.shape) for name, each in state.items()}
    if wanted != shapes:
        names = sorted(name for name in wanted | shapes if wanted.get(name) != shapes.get(name))
        raise TaskError(
            f"the layers in the file are not those of {_name(task)}: {', '.join(names[:3])[:200]}",
            "take the task, and its version, that the model was trained with",
        )
    module.load_state_dict(state)


def _check_statistics(shared: SharedModel, origin: Origin) -> None:
    """TaskError for running statistics that nobody ever computed."""
    buffers = dict(shared.module.named_buffers())
    counts = [buffers[name] for name in shared.running if name.endswith("num_batches_tracked")]
    if origin.statistics == "local" and counts and not any(map(bool, counts)):
        raise TaskError(
            "the model's running statistics are each peer's own, and none are here",
            "use it with --config at a peer that has trained, or export it there to FILE.pt",
        )


def _name(task: Task | FittedTask) -> str:
    return f"the task {type(task).__name__}"
