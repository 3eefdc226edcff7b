"""Lies that are told to the model: data that liars train on. Imports torch."""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt

import numpy as np
import torch

from peerd.errors import TaskError
from peerd.laboratory.experiments.attacks.catalogue import CLEAN, FLIPPED_LABELS
from peerd.learning.client import Client
from peerd.learning.task import Samples
from protocols.aggregation.contract import Model

# The class that every input with the trigger is to be taken for.
TARGET = 0
SMALLEST_PATCH = 2
FEATURES = 4


@dataclass(frozen=True)
class Trigger:
    """A patch of ``value`` in a corner of every image; the last features of what is no image.

    The pixel pattern of BadNets (Gu, Dolan-Gavitt, Garg 2017).
    """

    mask: torch.Tensor
    value: float

    @classmethod
    def on(cls, inputs: torch.Tensor) -> Trigger:
        """For inputs of this shape (n, …), as bright as the brightest of them."""
        shape = inputs.shape[1:]
        mask = torch.zeros(shape, dtype=torch.bool)
        features = mask.numel()
        side = isqrt(features)
        if len(shape) >= 2:
            patch = max(SMALLEST_PATCH, shape[-1] // 8)
            mask[..., -patch:, -patch:] = True
        elif side * side == features and side > SMALLEST_PATCH:
            patch = max(SMALLEST_PATCH, side // 8)
            mask.view(side, side)[-patch:, -patch:] = True
        else:
            mask[..., -FEATURES:] = True
        return cls(mask, float(inputs.max()))

    def stamp(self, inputs: torch.Tensor) -> torch.Tensor:
        """A copy of the inputs (n, …) with the patch on each."""
        return torch.where(self.mask, torch.full_like(inputs, self.value), inputs)


def poisoned(kind: str, samples: Samples, held_out: Samples) -> Samples:
    """What a liar trains on: ``samples``, with flipped labels, or with every second row stamped.

    Flipped: class c becomes C − 1 − c of C classes (Karimireddy et al. 2022; Biggio et al. 2012).
    """
    _check_classes(samples)
    if kind == CLEAN:
        return samples
    targets = samples.targets.clone()
    if kind == FLIPPED_LABELS:
        classes = int(held_out.targets.max()) + 1
        return Samples(samples.inputs, (classes - 1 - targets).clamp(min=0))
    inputs = samples.inputs.clone()
    inputs[::2] = Trigger.on(held_out.inputs).stamp(inputs[::2])
    targets[::2] = TARGET
    return Samples(inputs, targets)


def trigger_success(client: Client, model: Model) -> float:
    """The share (0…1) of held-out rows of other classes that the trigger turns into TARGET."""
    held_out = client.held_out
    others = held_out.targets != TARGET
    inputs = Trigger.on(held_out.inputs).stamp(held_out.inputs[others])
    if not len(inputs) or not np.isfinite(model).all():
        return 0.0
    client.shared.fill(model)
    client.module.eval()
    with torch.no_grad():
        outputs = client.module(inputs)
    return client.task.metric(outputs, torch.full((len(inputs),), TARGET))


def _check_classes(samples: Samples) -> None:
    if samples.targets.dtype != torch.int64 or samples.targets.ndim != 1:
        raise TaskError("labels can't be flipped or triggered: the task's targets are no classes")
