"""Between a torch module and the flat float32 vector that the group trains (worker only)."""

from __future__ import annotations

import io

import numpy as np
import torch
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.parameter import is_lazy

from peerd.errors import TaskError
from protocols.aggregation import canonical_model
from protocols.aggregation.contract import Model

# What a group can train is bounded by what a round can carry.
MAX_PARAMETERS = 1 << 26
MAX_LISTED = 3  # modules with buffers that an error names
_NORM = "use GroupNorm or LayerNorm in its place, or track_running_stats=False"
_OTHER = (
    "make a buffer a torch.nn.Parameter if it is learnt; if it is a constant,"
    " compute it in forward() or keep it as a plain attribute"
)


def count_parameters(module: torch.nn.Module) -> int:
    """d: the trainable coordinates. Raises TaskError for a module that can't be trained so."""
    parameters = list(module.parameters())
    for parameter in parameters:
        if parameter.dtype != torch.float32:
            raise TaskError(f"the model has {parameter.dtype} parameters; peerd trains float32")
    _check_buffers(module)
    total = sum(parameter.numel() for parameter in parameters)
    if not 0 < total <= MAX_PARAMETERS:
        raise TaskError(f"the model has {total} parameters; 1…{MAX_PARAMETERS} can be trained")
    return total


def _check_buffers(module: torch.nn.Module) -> None:
    """TaskError for a module with buffers: it names them, by module, and what to do."""
    owners: dict[str, list[str]] = {}
    for name, buffer in module.named_buffers():
        if is_lazy(buffer) or buffer.numel():
            owners.setdefault(name.rpartition(".")[0], []).append(name)
    if not owners:
        return
    modules = [module.get_submodule(owner) for owner in owners]
    listed = [
        f"{', '.join(names)} (of {type(owner).__name__})"
        for owner, names in zip(modules, owners.values(), strict=True)
    ]
    more = f"; and of {len(listed) - MAX_LISTED} modules more" if listed[MAX_LISTED:] else ""
    advice = [
        says
        for says, needed in (
            (_NORM, any(isinstance(each, _NormBase) for each in modules)),
            (_OTHER, not all(isinstance(each, _NormBase) for each in modules)),
        )
        if needed
    ]
    raise TaskError(
        f"the model keeps state outside its parameters: {'; '.join(listed[:MAX_LISTED])}{more}",
        f"the group agrees on parameters only: {'; '.join(advice)}",
    )


def flatten(module: torch.nn.Module) -> Model:
    """The parameters, in the module's order, as one vector (d,)."""
    with torch.no_grad():
        flat = torch.cat([parameter.reshape(-1) for parameter in module.parameters()])
    return canonical_model(flat.numpy())


def state_dict_file(module: torch.nn.Module, vector: Model) -> bytes:
    """What torch.save writes of the module's state_dict with the vector (d,) in it."""
    fill(module, vector)
    file = io.BytesIO()
    torch.save(module.state_dict(), file)
    return file.getvalue()


def fill(module: torch.nn.Module, vector: Model) -> None:
    """Copies the vector (d,) into the parameters."""
    source = torch.from_numpy(np.array(vector, dtype=np.float32))
    expected = sum(parameter.numel() for parameter in module.parameters())
    if source.shape != (expected,):
        raise TaskError(f"a vector of {source.numel()} for a model of {expected} parameters")
    start = 0
    with torch.no_grad():
        for parameter in module.parameters():
            end = start + parameter.numel()
            parameter.copy_(source[start:end].view_as(parameter))
            start = end
