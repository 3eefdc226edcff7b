"""F^C in torch: what a peer computes on its own data (paper Figure 3 step 2, equations 1 and 5).

Runs in the worker, and in the baselines, which must be the same code.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from peerd.errors import TaskError
from peerd.learning.answers import checked_loss, checked_samples
from peerd.learning.measure import evaluate
from peerd.learning.private.checks import check_model, numbered
from peerd.learning.repeatable import common_kernels
from peerd.learning.settings import Partition, derived_seed, group_seed
from peerd.learning.shared import SharedModel, checked_module
from peerd.learning.start import fill_module
from peerd.learning.start_file import Start
from peerd.learning.streams import Held, Rows, rows_of
from peerd.learning.tally import Tally
from peerd.learning.task import Samples, Task
from peerd.learning.trained import Evaluation, Found, Trained
from protocols.aggregation import Aggregator, LocalRule, model_hash
from protocols.aggregation.contract import Model, RowRule


class Client:
    """One peer's task, model and samples. Not thread-safe: it owns torch's global generator."""

    def __init__(
        self,
        task: Task,
        partition: Partition,
        seed: int,
        model_seed: int,
        *,
        statistics: str = "refused",
        device: str = "cpu",
        start: Start | None = None,
    ) -> None:
        self.task = task
        self._start = start
        self.notes: list[str] = []
        self._model_seed = derived_seed("peerd/learning/model", model_seed)
        self._statistics, self._device = statistics, _device(device)
        self.shared = self.build(task)
        self.module = self.shared.module
        self.parameters, self.fixed = self.shared.parameters, self.shared.fixed
        self.first_model = self.shared.flatten()
        self.rows = rows_of(task.data(partition), "data()")
        self.seed = seed
        self._seen: tuple[bytes, Evaluation, Tally] | None = None

    def layers(self) -> list[tuple[str, tuple[int, ...]]]:
        """Name and shape of each part of the vector (d,), in its order."""
        return self.shared.layers()

    def build(self, task: Task) -> SharedModel:
        """The group's first model, as ``task`` makes it, and the file that the group starts from.

        ``notes`` are what is to be said of that file.
        """
        module, self.notes = first_module(task, self._model_seed, self._statistics, self._start)
        return SharedModel(module, self._statistics, self._device)

    @property
    def samples(self) -> Samples:
        """What is trained on, for whoever needs all of it at once. TaskError where it streams."""
        return _whole(self.rows, "data()")

    @samples.setter
    def samples(self, samples: Samples) -> None:
        self.rows = Held(samples)

    @cached_property
    def held_out_rows(self) -> Rows:
        """Asked for when they are needed: training goes on without."""
        return rows_of(self.task.held_out(), "held_out()")

    @property
    def held_out(self) -> Samples:
        """The same all at once. TaskError where they stream."""
        return _whole(self.held_out_rows, "held_out()")

    @cached_property
    def root(self) -> Samples | None:
        """Asked for when it is needed: by few rules."""
        root = self.task.root()
        return None if root is None else checked_samples(root, "root()")

    def check_rule(self, rule: Aggregator) -> None:
        """TaskError for one that can't aggregate what this model shares."""
        local = rule.local_rule(0)
        if isinstance(local, RowRule):
            check_model(self.shared)
            numbered(self.rows)
            return
        averages = self._statistics == "averaged" and bool(self.shared.running)
        if averages and local.keeps_local_model:
            raise TaskError(
                f"the rule {rule.name} opens votes on each coordinate, and running statistics"
                " can't be averaged so",
                "found the group with --statistics local, or with a rule that clips updates",
            )

    def own(self) -> NDArray[np.float64]:
        """Running statistics that are this peer's alone."""
        return self.shared.own()

    def set_own(self, values: NDArray[np.float64]) -> None:
        """As an earlier life had them."""
        self.shared.set_own(values)

    def train(self, rule: LocalRule, round: int, model: Model, kept: Model | None) -> Trained:
        """``rule.steps`` minibatch steps towards lower loss and the ``model`` (d,).

        ``kept``: the last round's (d,), None before the first. Deterministic in its arguments and
        the seed. Raises TaskError if training diverges.
        """
        seed = derived_seed("peerd/learning/round", self.seed, round)
        return self._descend(rule, round, model, kept, self.rows, seed)

    def update(self, rule: LocalRule, round: int, model: Model, local: Model) -> Model:
        """x_i (d,) of a rule without momentum; ``local`` is the last x_i, where that is kept."""
        if rule.momentum:
            raise ValueError("a rule with momentum keeps more than the update: use train")
        return self.train(rule, round, model, local).update

    def root_step(self, rule: LocalRule, round: int, model: Model, group: bytes) -> Model:
        """x_0 − w (d,): what F^C changes on the task's public root data.

        The same at every peer: order and coins come from ``group`` and ``round``. Raises TaskError
        for a task without root data.
        """
        if self.root is None:
            raise TaskError(
                "the task has no public root data, which the group's aggregator compares with",
                "give the task a root() method, or choose another aggregator",
            )
        seed = group_seed(group, round)
        own = self.shared.own()
        with common_kernels():
            trained = self._descend(rule, round, model, None, Held(self.root), seed)
        self.shared.set_own(own)
        change: Model = trained.update - model
        return change

    def _descend(
        self,
        rule: LocalRule,
        round: int,
        model: Model,
        kept: Model | None,
        rows: Rows,
        seed: int,
    ) -> Trained:
        torch.manual_seed(seed)
        batches = torch.Generator().manual_seed(seed)
        centre = torch.from_numpy(np.array(model, dtype=np.float32)).to(self._device)
        start = model if kept is None or not rule.keeps_local_model else kept
        self.shared.fill(start)
        begun = self.shared.vector() if self.shared.rounds else start
        momentum = _Momentum(rule.momentum, kept) if rule.momentum else None
        self.module.train()
        for _ in range(rule.steps):
            self._step(rule, rows.minibatch(rule.batch, batches), centre, momentum)
        update = self._vector(round, start, begun)
        if momentum is not None:
            return Trained(update, momentum.padded(self.parameters))
        return Trained(update, update)

    def _vector(self, round: int, start: Model, begun: Model) -> Model:
        """Where training led from ``start``, which the module holds as ``begun``: what half a
        precision makes of it is no change.
        """
        result = self.shared.vector()
        if begun is not start:
            result = start + (result - begun)
        self.shared.check_fixed()
        if not np.isfinite(result).all():
            raise TaskError(
                f"training diverged in round {round}: the model is no longer finite",
                "lower the learning rate (constant eta), or check the data",
            )
        return np.array(result, dtype=np.float32)

    def _step(
        self, rule: LocalRule, batch: Samples, centre: torch.Tensor, momentum: _Momentum | None
    ) -> None:
        parameters = self.shared.trained
        _, gradients = self.gradients(batch)
        if momentum is not None:
            gradients = momentum.after(gradients, parameters)
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

    def gradients(self, batch: Samples) -> tuple[torch.Tensor, tuple[torch.Tensor | None, ...]]:
        """The loss of ``batch``, and its gradient by each parameter: None where it has none.

        Raises TaskError where the loss has no gradient by any of them.
        """
        # The task's code may have switched gradients off, for an evaluation of its own.
        with torch.enable_grad():
            placed = self.placed(batch)
            loss = checked_loss(self.task.loss(self.module(placed.inputs), placed.targets))
            parameters = self.shared.trained
            gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
        if all(gradient is None for gradient in gradients):
            raise TaskError(
                "the loss does not depend on the model's parameters: it has no gradient by them",
                "compute it from the outputs that it is given",
            )
        return loss, gradients

    def placed(self, batch: Samples) -> Samples:
        """On the device on which the model is."""
        if self._device.type == "cpu":
            return batch
        return Samples(batch.inputs.to(self._device), batch.targets.to(self._device))

    def evaluate(self, model: Model, *, quoting: bool = False) -> Evaluation:
        """Accuracy (the task's metric) and loss of ``model`` on the held-out samples.

        What the task's code does wrong is a warning; ``quoting``: with what its exception says.
        """
        self.shared.fill(model)
        tally = Tally()
        shown = evaluate(self, lambda: self.held_out_rows, tally, quoting=quoting)
        # What quotes is for the owner of the data alone, and is given to nobody who asks later.
        self._seen = None if quoting else (model_hash(model), shown, tally)
        return shown

    def found(self, model: Model, rows: int, classes: int) -> Found:
        """What ``model`` does on ``rows`` held-out rows, as the group's evaluation counts. What was
        evaluated last, for display, is not gone through again.
        """
        if self._seen is None or self._seen[0] != model_hash(model):
            self.evaluate(model)
        assert self._seen is not None
        _, shown, tally = self._seen
        return tally.found(rows, classes, shown)


def first_module(
    task: Task, seed: int, statistics: str, start: Start | None
) -> tuple[torch.nn.Module, list[str]]:
    """The task's model with the numbers of ``start`` in it, and warnings of these. TaskError."""
    torch.manual_seed(seed)
    module = checked_module(task.model())
    return module, [] if start is None else fill_module(module, statistics, start)


class _Momentum:
    """m ← (1 − β)·∇F + β·m over all parameters (equation 5); the first gradient is the first m."""

    def __init__(self, decay: float, kept: Model | None) -> None:
        self._decay = decay
        self._known = kept is not None
        self.value = torch.from_numpy(np.array([] if kept is None else kept, dtype=np.float32))

    def after(
        self,
        gradients: tuple[torch.Tensor | None, ...],
        parameters: list[torch.nn.Parameter],
    ) -> tuple[torch.Tensor, ...]:
        """m after these gradients, in the parameters' shapes."""
        pairs = zip(gradients, parameters, strict=True)
        flat = torch.cat(
            [(torch.zeros_like(p) if g is None else g).reshape(-1) for g, p in pairs]
        ).to(torch.float32)
        if self._known:
            known = self.value[: flat.numel()].to(flat.device)
            flat = known.mul(self._decay).add_(flat, alpha=1 - self._decay)
        self.value, self._known = flat, True
        parts = torch.split(flat, [parameter.numel() for parameter in parameters])
        return tuple(part.view_as(p) for part, p in zip(parts, parameters, strict=True))

    def padded(self, parameters: int) -> Model:
        """m (d,): running statistics have none."""
        padded: Model = np.zeros(parameters, dtype=np.float32)
        padded[: self.value.numel()] = self.value.cpu().numpy()
        return padded


def _whole(rows: Rows, where: str) -> Samples:
    if not isinstance(rows, Held):
        raise TaskError(
            f"{where} streams, and here all rows are needed at once", "give Samples in its place"
        )
    return rows.samples


def _device(name: str) -> torch.device:
    """TaskError for one that this machine lacks."""
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        why = str(error).partition("\n")[0]
        raise TaskError(
            f"device {name!r} can't be used here: {why}", "such as cpu, or cuda:0"
        ) from None
    return device
