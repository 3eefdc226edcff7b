"""F^C in torch: what a peer computes on its own data (paper Figure 3 step 2, equation 1).

Runs in the worker, and in the baselines, which must be the same code.
"""

from __future__ import annotations

import math

import numpy as np
import torch

from peerd.errors import TaskError
from peerd.learning.parameters import count_parameters, fill, flatten
from peerd.learning.settings import Partition, derived_seed
from peerd.learning.task import Samples, Task
from protocols.aggregation import LocalRule
from protocols.aggregation.contract import Model

# Rows of the held-out set that are evaluated at once: bounds the activations in memory.
EVALUATION_ROWS = 4096
# JSON has no infinity; beyond this a loss says nothing more.
MAX_LOSS = 1e30


class Client:
    """One peer's task, model and samples. Not thread-safe: it owns torch's global generator."""

    def __init__(self, task: Task, partition: Partition, seed: int, model_seed: int) -> None:
        torch.manual_seed(derived_seed("peerd/learning/model", model_seed))
        self.task = task
        self.module = task.model()
        self.parameters = count_parameters(self.module)
        self.first_model = flatten(self.module)
        self.samples = task.data(partition)
        self.held_out = task.held_out()
        self.seed = seed

    def update(self, rule: LocalRule, round: int, model: Model, local: Model) -> Model:
        """``rule.steps`` minibatch steps from ``local`` (d,) towards lower loss and the ``model``.

        Deterministic in its arguments and the seed. Raises TaskError if training diverges.
        """
        seed = derived_seed("peerd/learning/round", self.seed, round)
        torch.manual_seed(seed)
        batches = torch.Generator().manual_seed(seed)
        centre = torch.from_numpy(np.array(model, dtype=np.float32))
        fill(self.module, local if rule.keeps_local_model else model)
        self.module.train()
        for _ in range(rule.steps):
            self._step(rule, _minibatch(self.samples, rule.batch, batches), centre)
        result = torch.nn.utils.parameters_to_vector(self.module.parameters()).detach().numpy()
        if not np.isfinite(result).all():
            raise TaskError(
                f"training diverged in round {round}: the model is no longer finite",
                "lower the learning rate (constant eta), or check the data",
            )
        return np.array(result, dtype=np.float32)

    def _step(self, rule: LocalRule, batch: Samples, centre: torch.Tensor) -> None:
        parameters = list(self.module.parameters())
        loss = self.task.loss(self.module(batch.inputs), batch.targets)
        gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
        start = 0
        with torch.no_grad():
            for parameter, gradient in zip(parameters, gradients, strict=True):
                end = start + parameter.numel()
                towards = torch.sign(parameter - centre[start:end].view_as(parameter))
                step = towards.mul_(rule.penalty)
                if gradient is not None:
                    step.add_(gradient)
                parameter.sub_(step, alpha=rule.rate)
                start = end

    def evaluate(self, model: Model) -> dict[str, float]:
        """Accuracy (0…1, the task's metric) and loss of ``model`` on the held-out samples."""
        fill(self.module, model)
        self.module.eval()
        total = len(self.held_out)
        accuracy = loss = 0.0
        with torch.no_grad():
            for start in range(0, total, EVALUATION_ROWS):
                rows = slice(start, start + EVALUATION_ROWS)
                targets = self.held_out.targets[rows]
                outputs = self.module(self.held_out.inputs[rows])
                accuracy += self.task.metric(outputs, targets) * len(targets) / total
                loss += float(self.task.loss(outputs, targets)) * len(targets) / total
        return {"accuracy": accuracy, "loss": loss if math.isfinite(loss) else MAX_LOSS}


def _minibatch(samples: Samples, size: int, generator: torch.Generator) -> Samples:
    """``size`` different rows, or all of them when there are fewer."""
    if size >= len(samples):
        return samples
    rows = torch.randperm(len(samples), generator=generator)[:size]
    return Samples(samples.inputs[rows], samples.targets[rows])
