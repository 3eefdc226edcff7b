"""Between a torch module and the flat float32 vector that the group trains (worker only)."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn.parameter import is_lazy

from peerd.errors import TaskError
from protocols.aggregation import canonical_model
from protocols.aggregation.contract import Model

# What a group can train is bounded by what a round can carry.
MAX_PARAMETERS = 1 << 26


def count_parameters(module: object) -> int:
    """d: the trainable coordinates. Raises TaskError for what can't be trained so."""
    if not isinstance(module, torch.nn.Module):
        raise TaskError(
            f"model() gave {type(module).__name__}, and no torch.nn.Module", "return the model"
        )
    named = list(module.named_parameters())
    for name, parameter in named:
        _check_parameter(name, parameter)
    _check_frozen(named)
    buffers = [name for name, buffer in module.named_buffers() if buffer.numel()]
    if buffers:
        raise TaskError(
            f"the model keeps state outside its parameters ({buffers[0]})",
            "the group agrees on parameters only: use GroupNorm or LayerNorm, not BatchNorm",
        )
    total = sum(parameter.numel() for _, parameter in named)
    if not 0 < total <= MAX_PARAMETERS:
        raise TaskError(
            f"the model has {total} parameters; 1…{MAX_PARAMETERS} can be trained",
            "give it layers that have parameters" if not total else "take a smaller model",
        )
    return total


def _check_parameter(name: str, parameter: torch.nn.Parameter) -> None:
    if is_lazy(parameter):
        raise TaskError(
            f"the size of the model's parameter {name} isn't known before its first input",
            "state the layer's sizes: Linear, not LazyLinear",
        )
    if parameter.dtype != torch.float32:
        raise TaskError(
            f"the model has {parameter.dtype} parameters ({name}); peerd trains float32",
            "build it in float32, without .half(), .double() or complex layers",
        )
    if parameter.device.type != "cpu":
        raise TaskError(
            f"the model's parameter {name} is on {parameter.device}; the worker trains on the CPU",
            "leave the model where it is made, without .to() or .cuda()",
        )
    if not parameter.isfinite().all():
        raise TaskError(f"the first model's parameter {name} is nan or infinite", "initialise it")


def _check_frozen(named: list[tuple[str, torch.nn.Parameter]]) -> None:
    frozen = [name for name, parameter in named if not parameter.requires_grad]
    if not frozen:
        return
    if len(frozen) == len(named):
        found = f"the model has no trainable parameter: all {len(named)} are frozen"
    else:
        found = f"the model has frozen layers: {len(frozen)} of {len(named)} parameters"
    raise TaskError(
        f"{found} (requires_grad is False), {frozen[0]} the first of them",
        "a group trains every parameter: unfreeze them, or compute what frozen layers give in"
        " data() and held_out()",
    )


def flatten(module: torch.nn.Module) -> Model:
    """The parameters, in the module's order, as one vector (d,)."""
    with torch.no_grad():
        flat = torch.cat([parameter.reshape(-1) for parameter in module.parameters()])
    return canonical_model(flat.numpy())


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
