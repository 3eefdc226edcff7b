"""Tasks that do what a task must not, one small class each; the tests say what must come of each.

The worker imports this file by its name: it stands alone.
"""

from __future__ import annotations

import random
import warnings
from typing import Any

import numpy as np
import torch

from peerd.learning import Samples, Task

ROWS = 12
SECRET = "Erika Mustermann"


class Calm(Task):
    """Four columns, three classes; nothing is wrong."""

    def model(self) -> Any:
        return torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.Tanh(), torch.nn.Linear(5, 3))

    def data(self, partition: Any) -> Any:
        rows = torch.arange(ROWS * 4, dtype=torch.float32).reshape(ROWS, 4) / ROWS
        return Samples(rows, torch.arange(ROWS) % 3)

    def held_out(self) -> Any:
        return Calm.data(self, None)


def metric_of(value: Any) -> type[Task]:
    """A task whose metric gives ``value``, or calls it where it can be called."""

    class Metric(Calm):
        def metric(self, outputs: Any, targets: Any) -> Any:
            return value(outputs) if callable(value) else value

    return Metric


def raising(error: BaseException) -> Any:
    def method(*_: Any) -> Any:
        raise error

    return method


class Speechless(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


EXCEPTIONS: dict[str, BaseException] = {
    "exception": ValueError(f"could not convert string to float: {SECRET!r}"),
    "speechless": Speechless(),
    "surrogates": ValueError("\ud800"),
    "controls": ValueError("\x1b[31m\n\n"),
    "long": ValueError("x" * 10**6),
    "system-exit": SystemExit(3),
    "keyboard": KeyboardInterrupt(),
    "generator-exit": GeneratorExit(),
    "base": BaseException("base"),
    "group": BaseExceptionGroup("several", [KeyboardInterrupt(), ValueError()]),
    "memory": MemoryError(),
    "recursion": RecursionError(),
    "stop": StopIteration(),
}

# name → what the metric gives; what the warning must say
UNKNOWN: dict[str, tuple[Any, str]] = {
    "nan": (float("nan"), "nan, which is no finite number"),
    "inf": (float("inf"), "inf, which is no finite number"),
    "-inf": (-float("inf"), "-inf, which is no finite number"),
    "numpy-nan": (np.float32("nan"), "nan, which is no finite number"),
    "tensor-nan": (torch.tensor(float("nan")), "nan, which is no finite number"),
    "tensor-many": (torch.ones(3), "a Tensor of shape (3,)"),
    "tensor-none": (torch.ones(0), "a Tensor of shape (0,)"),
    "tensor-meta": (torch.ones((), device="meta"), "NotImplementedError"),
    "tensor-complex": (torch.tensor(1j), "a complex, and not a number"),
    "array-many": (np.ones((2, 2)), "a ndarray of shape (2, 2)"),
    "multi-label": (lambda outputs: outputs > 0, "of shape (12, 3)"),
    "bool": (True, "a bool"),
    "numpy-bool": (np.True_, "a bool"),
    "tensor-bool": (torch.tensor(True), "a bool"),
    "string": (SECRET, "a str"),
    "numpy-string": (np.str_("0.5"), "a str"),
    "bytes": (b"0.5", "a bytes"),
    "none": (None, "None"),
    "dict": ({"auc": 0.5}, "a dict"),
    "tuple": ((0.5, 0.5), "a tuple"),
    "list": ([0.5], "a list"),
    "object": (object(), "an object"),
    "complex": (1j, "a complex"),
    "huge": (10**400, "OverflowError"),
    "class": (lambda outputs: Calm, "a ABCMeta"),
}
KNOWN: dict[str, Any] = {
    "float": 0.5,
    "numpy-float": np.float64(0.5),
    "numpy-half": np.float16(0.5),
    "array-0d": np.array(0.5),
    "array-one": np.array([0.5]),
    "tensor-0d": torch.tensor(0.5),
    "tensor-one": torch.tensor([[0.5]]),
    "tensor-half": torch.tensor(0.5, dtype=torch.bfloat16),
    "tensor-with-gradient": torch.tensor(0.5, requires_grad=True),
}

METRICS = {f"metric-{name}": metric_of(value) for name, (value, _) in UNKNOWN.items()}
METRICS_KNOWN = {f"known-{name}": metric_of(value) for name, value in KNOWN.items()}
RAISING = {
    f"{method}-{name}": type("Raising", (Calm,), {method: raising(error)})
    for method in ("metric", "held_out", "model", "data", "loss")
    for name, error in EXCEPTIONS.items()
}


def changed(**methods: Any) -> type[Task]:
    """Calm, with other methods."""
    return type("Changed", (Calm,), methods)


def rows_with(inputs: Any = None, targets: Any = None) -> Any:
    """Calm's data after a change in place, or in one's own words."""

    def data(self: Task, partition: Any = None) -> Any:
        given = Calm.data(self, None)  # type: ignore[arg-type]
        for part, change in ((given.inputs, inputs), (given.targets, targets)):
            if change is not None:
                change(part)
        return given

    return data


def put(value: float, *places: Any) -> Any:
    def change(part: torch.Tensor) -> None:
        for place in places:
            part[place] = value

    return change


def frozen(*indices: int) -> Any:
    def model(self: Task) -> Any:
        module = Calm.model(self)  # type: ignore[arg-type]
        for index in indices:
            module[index].requires_grad_(False)
        return module

    return model


def unseeded(draw: Any) -> Any:
    def model(self: Task) -> Any:
        module = Calm.model(self)  # type: ignore[arg-type]
        with torch.no_grad():
            module[2].bias.add_(draw())
        return module

    return model


def drawing(draw: Any) -> type[Task]:
    """A task that draws when it is built: all its own models are alike."""

    class Drawing(Calm):
        def __init__(self, options: Any, local: Any) -> None:
            super().__init__(options, local)
            self.drawn = float(draw())

        def model(self) -> Any:
            return unseeded(lambda: self.drawn)(self)

    return Drawing


def made(module: Any) -> Any:
    return lambda self: module()


def regression(targets: Any, loss: Any) -> dict[str, Any]:
    return {
        "data": lambda self, partition=None: Samples(Calm.data(self, None).inputs, targets()),
        "loss": lambda self, outputs, targets: loss(outputs, targets),
    }


class RootAtZero(torch.autograd.Function):
    """A finite value whose gradient is infinite."""

    @staticmethod
    def forward(ctx: Any, given: torch.Tensor) -> torch.Tensor:
        return given * 0

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> torch.Tensor:
        return grads[0] * float("inf")


OWN_LOSS = {"loss": lambda self, o, t: torch.nn.functional.cross_entropy(o, t)}
LINEAR = torch.nn.Linear
NAN = float("nan")
_GENERATOR = np.random.default_rng()
_COUNT = iter(range(10**6))


# name → the task; what the line must say
class Looked(torch.nn.Module):
    """Its gradient says of a few rows alone that they are not 0."""

    def __init__(self) -> None:
        super().__init__()
        self.table = torch.nn.Embedding(5, 3, sparse=True)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return torch.as_tensor(self.table(inputs[:, 0].abs().long() % 5))


UNTRAINABLE: dict[str, tuple[type[Task], str]] = {
    "sparse": (changed(model=lambda s: Looked()), "is sparse in table.weight"),
    "all-frozen": (changed(model=frozen(0, 2)), "no trainable parameter: all 4 are frozen"),
    "half": (changed(model=lambda s: Calm.model(s).half()), "the model failed on the inputs of"),
    "double": (
        changed(model=lambda s: Calm.model(s).double()),
        "the model failed on the inputs of",
    ),
    "complex": (changed(model=made(lambda: LINEAR(4, 3, dtype=torch.cfloat))), "torch.complex64"),
    "lazy": (changed(model=made(lambda: torch.nn.LazyLinear(3))), "before its first input"),
    "meta": (changed(model=made(lambda: LINEAR(4, 3, device="meta"))), "on meta"),
    "no-parameters": (changed(model=made(torch.nn.ReLU)), "the model has 0 parameters"),
    "no-module": (changed(model=made(dict)), "model() gave dict"),
    "no-model": (changed(model=made(lambda: None)), "model() gave NoneType"),
    "batch-norm": (changed(model=made(lambda: torch.nn.BatchNorm1d(4))), "BatchNorm"),
    "nan-model": (changed(model=unseeded(lambda: NAN)), "2.bias is nan or infinite"),
    "unseeded-random": (
        changed(model=unseeded(random.random)),
        "unseeded: two that model()",
    ),
    "unseeded-numpy": (changed(model=unseeded(_GENERATOR.random)), "differ in 2.bias"),
    "unseeded-count": (changed(model=unseeded(lambda: next(_COUNT))), "differ in 2.bias"),
    "unseeded-size": (changed(model=made(lambda: LINEAR(4, 3 + next(_COUNT)))), "differ in size"),
    "label-too-large": (
        changed(data=rows_with(targets=put(3, 5, 6))),
        "data(): 2 of 12 rows have a label out of range (label 3); the model has 3 outputs, for"
        " the labels 0…2",
    ),
    "label-negative": (changed(data=rows_with(targets=put(-1, 11))), "(label -1)"),
    "labels-both": (changed(data=rows_with(targets=put(-2, 1), inputs=put(0, 1))), "1 of 12 rows"),
    "label-own-loss": (
        changed(data=rows_with(targets=put(7, 3)), **OWN_LOSS),
        "1 of 12 rows have a label out of range (label 7)",
    ),
    "nan-input": (
        changed(data=rows_with(inputs=put(NAN, (0, 2), (4, 2), (4, 1)))),
        "inputs are nan or infinite in 2 of 12 rows, counted from 0: column 1 (1 rows), 2 (2 rows)",
    ),
    "inf-input": (changed(data=rows_with(inputs=put(-float("inf"), (3, 0)))), "column 0 (1 rows)"),
    "nan-image": (
        changed(
            data=lambda s, p: Samples(torch.full((3, 2, 2), NAN), torch.zeros(3, dtype=torch.long))
        ),
        "in 3 of 3 rows, counted from 0: column [0, 0] (3 rows), [0, 1] (3 rows)",
    ),
    "nan-target": (
        changed(**regression(lambda: torch.full((ROWS, 3), NAN), torch.nn.functional.mse_loss)),
        "targets are nan or infinite in 12 of 12 rows",
    ),
    "loss-rows": (
        changed(loss=lambda s, o, t: torch.nn.functional.cross_entropy(o, t, reduction="none")),
        "a tensor of shape (12,), and not one number (a scalar)",
    ),
    "loss-float": (changed(loss=lambda s, o, t: float(o.mean())), "a float, which has no gradient"),
    "loss-none": (changed(loss=lambda s, o, t: None), "None, which has no gradient"),
    "loss-dict": (
        changed(loss=lambda s, o, t: {"loss": o.mean()}),
        "a dict, which has no gradient",
    ),
    "loss-int": (changed(loss=lambda s, o, t: t.sum()), "torch.int64"),
    "loss-complex": (changed(loss=lambda s, o, t: (o * 1j).mean()), "torch.complex64"),
    "loss-detached": (changed(loss=lambda s, o, t: o.detach().mean()), "the loss has no gradient"),
    "loss-elsewhere": (
        changed(loss=lambda s, o, t: torch.ones((), requires_grad=True) * 2),
        "does not depend on the model's parameters",
    ),
    "loss-nan": (changed(loss=lambda s, o, t: o.mean() * NAN), "the loss on data() is nan"),
    "loss-inf": (changed(loss=lambda s, o, t: o.mean().exp() / 0), "the loss on data() is inf"),
    "gradient-inf": (
        changed(loss=lambda s, o, t: RootAtZero.apply(o).mean()),
        "the gradient on data() is nan or infinite in 0.weight",
    ),
    "loss-shapes": (
        changed(data=lambda s, p: Samples(torch.ones(5, 4), torch.ones(5))),
        "outputs (5, 3) float32, targets (5,) float32",
    ),
    "wrong-width": (
        changed(data=lambda s, p: Samples(torch.ones(5, 6), torch.zeros(5, dtype=torch.long))),
        "the model failed on the inputs of data(), (5, 6) float32: RuntimeError",
    ),
    "no-rows": (
        changed(data=lambda s, p: Samples(torch.ones(0, 4), torch.ones(0))),
        "there is no sample to learn from: 0 rows",
    ),
    "lengths": (
        changed(data=lambda s, p: Samples(torch.ones(5, 4), torch.ones(4))),
        "5 inputs have 4 targets",
    ),
    "no-samples": (changed(data=lambda s, p: (torch.ones(5, 4), torch.ones(5))), "gave a tuple"),
    "no-data": (changed(data=lambda s, p: None), "data() gave None"),
    "numpy-data": (
        changed(data=lambda s, p: Samples(np.ones((5, 4)), np.ones(5))),  # type: ignore[arg-type]
        "inputs that are a ndarray",
    ),
}

# name → the task; what the warning must say. All of these train.
WARNED: dict[str, tuple[type[Task], str]] = {
    "held-out-empty": (
        changed(held_out=lambda s: Samples(torch.ones(0, 4), torch.ones(0))),
        "held_out() failed: there is no sample to learn from: 0 rows",
    ),
    "held-out-none": (changed(held_out=lambda s: None), "held_out() gave None"),
    "held-out-nan": (
        changed(held_out=rows_with(inputs=put(NAN, (0, 3)))),
        "held_out(): inputs",
    ),
    "held-out-label": (changed(held_out=rows_with(targets=put(9, 0))), "held_out(): 1 of 12 rows"),
    "held-out-width": (
        changed(held_out=lambda s: Samples(torch.ones(5, 6), torch.zeros(5, dtype=torch.long))),
        "the model failed",
    ),
    "metric-nan": (metric_of(NAN), "accuracy is unknown: metric() gave nan"),
    "metric-exit": (RAISING["metric-system-exit"], "metric() failed: SystemExit"),
    "unused": (changed(model=lambda s: _spare(s)), "data() does not depend on spare"),
}
FINE: dict[str, type[Task]] = {
    "calm": Calm,
    "one-object": changed(model=lambda s: _one(s)),
    "drawn-by-torch": drawing(lambda: torch.rand(())),
    "one-row": changed(
        data=lambda s, p: Samples(torch.ones(1, 4), torch.zeros(1, dtype=torch.long))
    ),
    "ignored-label": changed(data=rows_with(targets=put(-100, 0))),
    "loss-of-shape-1": changed(loss=lambda s, o, t: o.mean().reshape(1)),
    "regression": changed(
        **regression(lambda: torch.ones(ROWS, 3), torch.nn.functional.mse_loss),
        held_out=lambda s: Samples(torch.ones(2, 4), torch.ones(2, 3)),
        metric=lambda s, o, t: 0.5,
    ),
    "no-gradients-left-on": changed(
        metric=lambda s, o, t: (torch.set_grad_enabled(False) and None) or 0.5
    ),
}


def _spare(task: Any) -> Any:
    """As many parameters as Calm's, most of which nothing is computed from."""
    module = torch.nn.Sequential(LINEAR(4, 3))
    module.register_parameter("spare", torch.nn.Parameter(torch.zeros(43 - 15)))
    return module


def _one(task: Any) -> Any:
    if not hasattr(task, "net"):
        task.net = Calm.model(task)
    return task.net


TASKS: dict[str, type[Task]] = {
    "unseeded-task": drawing(random.random),
    **METRICS,
    **METRICS_KNOWN,
    **RAISING,
    **{name: task for name, (task, _) in {**UNTRAINABLE, **WARNED}.items()},
    **FINE,
}


class Hostile(Calm):
    """The task that an option names: the group's, or this peer's own."""

    def __new__(cls, options: Any, local: Any) -> Any:
        warnings.simplefilter("ignore")
        return TASKS[local.get("name", options["name"])](options, local)
