"""Gradient inversion: images from what is known of an update.

DLG (Zhu, Liu and Han 2019) optimises dummy images and soft labels until their gradient is like the
known one; iDLG (Zhao, Mopuri and Bilen 2020) first reads the label off the last layer's bias, whose
gradient is negative for the true class alone. For bits the known gradient is one of signs, and the
distance is the cosine of Geiping et al. (2020) after a soft sign; for what was clipped, or brought
to unit length, it is the cosine. The optimiser is Adam over all victims at once instead of L-BFGS
for one. ``analytic`` is Phong et al. (2017): in a first linear layer, the weight's gradient is the
bias's times the image.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch.func import functional_call, grad, vmap

from peerd.laboratory.experiments.privacy.dealt import Tells
from peerd.laboratory.experiments.privacy.victims import Victims
from peerd.tasks.digits import CLASSES, SIDE

Floats = npt.NDArray[np.float64]
PIXELS = SIDE * SIDE
LEARNING_RATE = 0.1


@dataclass(frozen=True)
class Inversion:
    """``tells``: what the targets are. ``dummies``: images that are sought at once."""

    tells: Tells
    dummies: int = 1
    seed: int = 0

    def dlg(self, victims: Victims, targets: Floats) -> Floats:
        """Images (V, dummies, 64) whose gradients are like the targets (V, d)."""
        return self._match(victims, targets, None)

    def idlg(self, victims: Victims, targets: Floats) -> Floats:
        """The same with one dummy each, of the label that ``label_of`` reads off."""
        return self._match(victims, targets, torch.as_tensor(label_of(targets)))

    def _match(self, victims: Victims, targets: Floats, labels: torch.Tensor | None) -> Floats:
        module = victims.client.module
        victims.client.shared.fill(victims.model)
        weights = {name: value.detach() for name, value in module.named_parameters()}
        goal = torch.as_tensor(targets, dtype=torch.float32)
        count = 1 if labels is not None else self.dummies
        generator = torch.Generator().manual_seed(self.seed)
        images = torch.randn((len(goal), count, PIXELS), generator=generator).requires_grad_()
        scores = torch.randn((len(goal), count, CLASSES), generator=generator).requires_grad_()
        if labels is not None:
            known = torch.nn.functional.one_hot(labels, CLASSES).float()[:, None]

        def loss(held: dict[str, torch.Tensor], x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            said = torch.log_softmax(functional_call(module, held, (x,)), dim=-1)
            return -(y * said).sum(dim=-1).mean()

        gradient = vmap(grad(loss), in_dims=(None, 0, 0))
        optimiser = torch.optim.Adam([images, scores], LEARNING_RATE)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, victims.steps)
        for _ in range(victims.steps):
            y = scores.softmax(dim=-1) if labels is None else known
            parts = gradient(weights, images, y)
            flat = torch.cat([parts[name].flatten(1) for name in weights], dim=1)
            optimiser.zero_grad()
            torch.autograd.backward(self._distance(flat, goal).sum())
            optimiser.step()
            schedule.step()
        found: Floats = images.detach().numpy().astype(np.float64)
        return found

    def _distance(self, gradients: torch.Tensor, goal: torch.Tensor) -> torch.Tensor:
        """(V,) from (V, d) twice."""
        if self.tells is Tells.SIGNS:
            scale = gradients.detach().abs().mean(dim=1, keepdim=True).clamp_min(1e-12)
            gradients = torch.tanh(gradients / (0.5 * scale))
        if self.tells is not Tells.NUMBERS:
            return 1 - torch.nn.functional.cosine_similarity(gradients, goal, dim=1)
        size = (goal**2).sum(dim=1).clamp_min(1e-12)
        return ((gradients - goal) ** 2).sum(dim=1) / size


def label_of(targets: Floats) -> npt.NDArray[np.int64]:
    """iDLG's label of each target (V, d): the least gradient of the last layer's bias."""
    least: npt.NDArray[np.int64] = targets[:, -CLASSES:].argmin(axis=1).astype(np.int64)
    return least


def analytic(victims: Victims, targets: Floats) -> Floats:
    """One image a target (V, 1, 64): its rows of the first layer, weighted by their biases."""
    hidden = victims.hidden
    rows = targets[:, : hidden * PIXELS].reshape(-1, hidden, PIXELS)
    biases = targets[:, hidden * PIXELS : hidden * PIXELS + hidden]
    image = np.einsum("vhp,vh->vp", rows, biases)
    size = np.maximum((biases**2).sum(axis=1, keepdims=True), 1e-300)
    found: Floats = (image / size)[:, None]
    return found


def to_scale(victims: Victims, guesses: Floats) -> Floats:
    """Guesses (…, 64) brought to the usual energy of public images; for targets without a scale."""
    usual = np.sqrt((victims.public**2).mean())
    energy = np.sqrt((guesses**2).mean(axis=-1, keepdims=True))
    scaled: Floats = guesses * (usual / np.maximum(energy, 1e-12))
    return scaled
