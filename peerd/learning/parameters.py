"""Between a torch module and the flat float32 vector that the group trains (worker only)."""

from __future__ import annotations

import numpy as np
import torch

from peerd.errors import TaskError
from protocols.aggregation import canonical_model
from protocols.aggregation.contract import Model

# What a group can train is bounded by what a round can carry.
MAX_PARAMETERS = 1 << 26


def count_parameters(module: torch.nn.Module) -> int:
    """d: the trainable coordinates. Raises TaskError for a module that can't be trained so."""
    parameters = list(module.parameters())
    for parameter in parameters:
        if parameter.dtype != torch.float32:
            raise TaskError(f"the model has {parameter.dtype} parameters; peerd trains float32")
    buffers = [name for name, buffer in module.named_buffers() if buffer.numel()]
    if buffers:
        raise TaskError(
            f"the model keeps state outside its parameters ({buffers[0]})",
            "the group agrees on parameters only: use GroupNorm or LayerNorm, not BatchNorm",
        )
    total = sum(parameter.numel() for parameter in parameters)
    if not 0 < total <= MAX_PARAMETERS:
        raise TaskError(f"the model has {total} parameters; 1…{MAX_PARAMETERS} can be trained")
    return total


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
