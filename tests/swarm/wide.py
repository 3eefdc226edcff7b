"""A task whose model has about 10^6 parameters: the digits, through one very wide layer."""

from __future__ import annotations

import torch

from peerd.tasks.digits import CLASSES, SIDE, Digits

HIDDEN = 13_300


class Wide(Digits):
    def model(self) -> torch.nn.Module:
        """997,510 parameters."""
        return torch.nn.Sequential(
            torch.nn.Linear(SIDE * SIDE, HIDDEN),
            torch.nn.ReLU(),
            torch.nn.Linear(HIDDEN, CLASSES),
        )
