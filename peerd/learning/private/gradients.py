"""The gradient of each row by itself: one network's pass for many rows (worker only)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch.func import functional_call, grad, vmap

from peerd.learning.answers import checked_loss
from peerd.learning.shared import SharedModel
from peerd.learning.task import Samples, Task

NUMBERS_AT_ONCE = 1 << 21
"""Numbers of gradients that are held at once; what they are rounded with takes 40 bytes each."""
ROWS_AT_ONCE = 64  # and rows: what the network keeps of each is not known

Gradients: TypeAlias = Callable[[Samples], torch.Tensor]
"""Of rows (m, …) to their gradients, float32 (m, d), in the order of the shared vector."""


def chunk_rows(parameters: int) -> int:
    """How many rows go through the model together."""
    return max(1, min(ROWS_AT_ONCE, NUMBERS_AT_ONCE // parameters))


class RowGradients:
    """By ``vmap``, or one row after the other where the model is none for it: a recurrent layer, or
    a step that looks at a value. A row never goes through the model with another one.
    """

    def __init__(self, task: Task, shared: SharedModel, tried: Samples) -> None:
        """``tried`` decides it: rows, the same in every round. Raises what the task does for them,
        or TaskError for what it gives.
        """
        self._task, self._shared = task, shared
        self._of = self._together()
        try:
            self._of(tried)
        except Exception:  # what is the task's own fault it does one by one as well
            self._of = self._one_by_one
            self._of(tried)

    def of(self, batch: Samples) -> torch.Tensor:
        """float32 (m, d), in the order of the shared vector. A row for which the task's code fails
        has no number: that a sample has it must not be seen from a dealing that is missing.
        """
        try:
            return self._of(batch)
        except Exception:
            rows = [self._or_nothing(each) for each in singly(batch)]
            return torch.cat(rows)

    def _or_nothing(self, row: Samples) -> torch.Tensor:
        try:
            return self._one_by_one(row)
        except Exception:
            return torch.full((1, self._shared.parameters), torch.nan, device=row.inputs.device)

    def _together(self) -> Gradients:
        module, task = self._shared.module, self._task

        def loss_of(
            values: dict[str, torch.Tensor], row: torch.Tensor, target: torch.Tensor
        ) -> torch.Tensor:
            outputs = functional_call(module, values, (row.unsqueeze(0),))
            return checked_loss(task.loss(outputs, target.unsqueeze(0))).reshape(())

        each = vmap(grad(loss_of), in_dims=(None, 0, 0), randomness="different")

        def gradients(batch: Samples) -> torch.Tensor:
            named = module.named_parameters()
            values = {name: value.detach() for name, value in named if value.requires_grad}
            # The task's code may have switched gradients off, for an evaluation of its own.
            with torch.enable_grad():
                found = each(values, batch.inputs, batch.targets)
            return _joined([found[name] for name in values], len(batch))

        return gradients

    def _one_by_one(self, batch: Samples) -> torch.Tensor:
        trained = self._shared.trained
        rows = []
        for each in singly(batch):
            with torch.enable_grad():
                loss = checked_loss(self._task.loss(self._shared.module(each.inputs), each.targets))
                found = torch.autograd.grad(loss, trained, allow_unused=True)
            pairs = zip(found, trained, strict=True)
            known = [torch.zeros_like(value) if part is None else part for part, value in pairs]
            rows.append(_joined(known, 1))
        return torch.cat(rows)


def _joined(parts: list[torch.Tensor], rows: int) -> torch.Tensor:
    return torch.cat([part.reshape(rows, -1).to(torch.float32) for part in parts], dim=1)


def singly(batch: Samples) -> list[Samples]:
    """A batch for each row."""
    one = [slice(at, at + 1) for at in range(len(batch))]
    return [Samples(batch.inputs[at], batch.targets[at]) for at in one]
