"""A residual network with BatchNorm, whole or with a frozen backbone: handwritten digits.

Start peerd in this directory, or put the file on PYTHONPATH, and name it as the group's task:

    resnet:Digits --statistics averaged

BatchNorm keeps running statistics, so the group says what becomes of them: averaged with the
parameters, or each peer's own. With ``backbone=frozen`` only the head is trained and shared: what
is frozen is bound by a hash in the genesis, and costs nothing to share.
"""

from __future__ import annotations

import torch
from sklearn.datasets import load_digits
from torch import nn

from peerd.errors import TaskError
from peerd.learning import Partition, Samples, Task

CLASSES = 10


class Block(nn.Module):
    """Two convolutions, and the way around them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norms = nn.ModuleList(nn.BatchNorm2d(channels) for _ in range(2))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        inner = self.norms[0](self.first(inputs)).relu()
        return (inputs + self.norms[1](self.second(inner))).relu()


class Digits(Task):
    """Options: ``channels`` (8), ``backbone`` trained | frozen."""

    def __init__(self, options, local):
        super().__init__(options, local)
        self.unknown_options({"channels", "backbone"}, set())
        self.channels, self.backbone = (
            options.get("channels", 8),
            options.get("backbone", "trained"),
        )
        if not isinstance(self.channels, int) or not 1 <= self.channels <= 64:
            raise TaskError(f"resnet: channels = {self.channels!r} must be in 1…64")
        if self.backbone not in ("trained", "frozen"):
            raise TaskError(f"resnet: backbone {self.backbone!r} is neither trained nor frozen")
        pixels, targets = load_digits(return_X_y=True)
        self.inputs = torch.tensor(pixels, dtype=torch.float32).reshape(-1, 1, 8, 8) / 8 - 1
        self.targets = torch.tensor(targets)

    def model(self) -> nn.Module:
        wide = self.channels
        backbone = nn.Sequential(
            nn.Conv2d(1, wide, 3, padding=1, bias=False),
            nn.BatchNorm2d(wide),
            nn.ReLU(),
            Block(wide),
            nn.MaxPool2d(2),
            Block(wide),
            nn.MaxPool2d(2),
            nn.Flatten(),
        )
        if self.backbone == "frozen":
            backbone.requires_grad_(False)
        return nn.Sequential(backbone, nn.Linear(4 * wide, CLASSES))

    def data(self, partition: Partition) -> Samples:
        """Four rows of five, dealt to the peers like cards."""
        rows = [row for row in range(len(self.targets)) if row % 5]
        mine = rows[partition.index :: partition.count]
        return Samples(self.inputs[mine], self.targets[mine])

    def held_out(self) -> Samples:
        return Samples(self.inputs[::5], self.targets[::5])
