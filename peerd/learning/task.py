"""What a user writes to have a model trained: a subclass of Task.

    class Churn(Task):
        def model(self):
            return torch.nn.Sequential(torch.nn.Linear(20, 32), torch.nn.ReLU(),
                                       torch.nn.Linear(32, 2))

        def data(self, partition):
            return Samples(inputs, targets)      # this peer's training rows

        def held_out(self):
            return Samples(inputs, targets)      # never trained on

It is named in the configuration as ``package.module:Churn``, and is built and called in the
training worker only. The loss is cross-entropy and the metric accuracy unless overridden.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from numpy.typing import NDArray

from peerd.errors import TaskError
from peerd.learning.settings import Options, Partition

if TYPE_CHECKING:
    import torch

if TYPE_CHECKING:
    from typing import TypeAlias

    from torch.utils.data import DataLoader, Dataset

    Given: TypeAlias = "Samples | Dataset[Any] | DataLoader[Any]"

Arrays = Sequence[NDArray[Any]]
Batch = tuple[Any, Any]
"""Inputs (m, …) and targets (m,), tensors or arrays; None for targets that nobody asked for."""


@dataclass(frozen=True, slots=True)
class Samples:
    """``inputs`` (n, …) and ``targets`` (n, …): row i of one belongs to row i of the other."""

    inputs: torch.Tensor
    targets: torch.Tensor

    def __post_init__(self) -> None:
        if len(self.inputs) != len(self.targets):
            raise TaskError(
                f"{len(self.inputs)} inputs have {len(self.targets)} targets",
                "give one target for each row of the inputs",
            )
        if not len(self.inputs):
            raise TaskError("there is no sample to learn from: 0 rows", "check the task's data")

    def __len__(self) -> int:
        return len(self.inputs)


class BaseTask:
    """``options`` are the group's (same at every peer, signed in the genesis), ``local`` this
    peer's own (paths to its data). A subclass checks them in its constructor and raises TaskError
    with one line that says what to change.
    """

    def __init__(self, options: Options, local: Options) -> None:
        self.options = options
        self.local = local

    def unknown_options(self, known_options: set[str], known_local: set[str]) -> None:
        """Refuses what this task doesn't know, so that a typing mistake is not a silent default."""
        for given, known, where in (
            (self.options, known_options, "task option"),
            (self.local, known_local, "local task option"),
        ):
            for key in given:
                if key not in known:
                    listed = ", ".join(sorted(known)) or "none"
                    raise TaskError(f"unknown {where} {key!r}", f"known ones: {listed}")

    # -- of a model that is used (peerd model predict, evaluate): no daemon calls these ----------

    def classes(self) -> Sequence[str] | None:
        """What the outputs (n, classes) are called, in their order. None, unless overridden: two
        outputs or more are classes 0, 1, …, and one is a value.
        """
        return None

    def label(self) -> str:
        """What a predicted value is called."""
        return "value"

    def read(self, path: Path, labelled: bool) -> Iterable[Batch]:
        """The rows of a file in their order, in parts as large as memory likes: inputs (m, …), and
        targets (m,) where ``labelled``, else None. A row without a label has the class -100, or the
        value NaN. Values are in the label's own unit. Raises TaskError for a file that doesn't fit.
        """
        raise TaskError(
            f"the task {type(self).__name__} reads no files",
            "give it a method read(path, labelled): docs/models.md",
        )


class Task(BaseTask, ABC):
    """A model, its data, a loss and a metric."""

    common_held_out: ClassVar[bool] = False
    """Whether ``held_out`` gives the same rows at every peer, as those of a public data set."""
    has_metric = True
    """False where nothing is right or wrong (a regression): then accuracy is null without a
    warning, and ``metrics`` say how good the model is.
    """

    @abstractmethod
    def model(self) -> torch.nn.Module:
        """A fresh model. Torch's generator is seeded before the call: equal at every peer."""

    @abstractmethod
    def data(self, partition: Partition) -> Given:
        """This peer's training rows: Samples; or, if they don't fit in memory, one of torch's.

        A map-style ``Dataset`` of items (input, target), with a length: each step draws its rows.
        An ``IterableDataset`` of such items, or a ``DataLoader`` of batches (inputs, targets): a
        step takes what comes next, from the beginning again where it ends; a loader's batches are
        as large as it makes them. Items become a batch by torch's ``default_collate``.
        """

    @abstractmethod
    def held_out(self) -> Given:
        """Rows that no peer trains on, in the same forms; of one that streams 100,000 at most."""

    def root(self) -> Samples | None:
        """Public samples, the same at every peer, for rules that compare with them (FLTrust).

        None, unless overridden: then the group can't choose such a rule.
        """
        return None

    def loss(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Mean loss of a batch: cross-entropy of class scores (n, classes)."""
        import torch

        return torch.nn.functional.cross_entropy(outputs, targets)

    def metric(self, outputs: torch.Tensor, targets: torch.Tensor) -> float:
        """Share of rows (0…1) whose highest score is the target; a NaN score is wrong."""
        return float(Task.correct(self, outputs, targets).double().mean())

    def correct(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Which rows are right, bool (n,): what the group's own evaluation counts over all sites.

        By default those whose highest score is the target. A task with a ``metric`` of its own
        and without this is counted by its loss alone. Raises TaskError for targets that are no one
        class a row, such as those of several labels.
        """
        if outputs.ndim < 2 or targets.shape != (len(outputs), *outputs.shape[2:]):
            raise TaskError(
                f"outputs {tuple(outputs.shape)} and targets {tuple(targets.shape)} are not scores"
                " of classes and one class a row",
                "write metric() and correct() for what the targets are",
            )
        finite = outputs.isfinite().all(dim=1)
        return (outputs.argmax(dim=1) == targets) & finite

    def metrics(self, outputs: torch.Tensor, targets: torch.Tensor) -> Mapping[str, float]:
        """Further numbers by name, of all held-out rows at once (an AUC is no mean of parts): none
        unless overridden.
        """
        return {}

    def probabilities(self, outputs: torch.Tensor) -> torch.Tensor:
        """(n, classes), each row's sum 1, of a classifier's outputs: softmax of scores (n,
        classes); where one score (n, 1) is that of the second of two classes, its sigmoid.
        """
        import torch

        if outputs.shape[1] > 1:
            return outputs.softmax(dim=1)
        return torch.cat([(-outputs).sigmoid(), outputs.sigmoid()], dim=1)

    def values(self, outputs: torch.Tensor) -> torch.Tensor:
        """(n,), in the label's own unit, of what a regression's model gives, (n, 1) or (n,). The
        targets of ``held_out()`` are put through it too, as (n, 1).
        """
        return outputs.reshape(len(outputs))


class FittedTask(BaseTask, ABC):
    """A model as arrays, and code of one's own that trains and evaluates it: a Flower client, a
    scikit-learn estimator. Its class is named as any task's.

    peerd gives it the group's model, and takes what it comes to: how it gets there is its own. So
    only rules that take any update go with it: RSA and the rules with momentum or root data need
    peerd's own steps.

    NumPy's, Python's and torch's generators are seeded ahead of each call: the group's seed for
    ``first``, so that all peers begin with one model, this peer's and the round's for ``fit``.
    """

    @abstractmethod
    def first(self) -> Arrays:
        """The first model, equal at every peer. Of any float dtype, the group shares float32; what
        is no float (a counter) stays what it is here.
        """

    @abstractmethod
    def fit(self, arrays: Arrays, partition: Partition, round: int) -> Arrays:
        """The arrays after training on this peer's rows: as many, of the same shapes."""

    @abstractmethod
    def evaluate(self, arrays: Arrays, partition: Partition) -> Mapping[str, float]:
        """Named numbers of ``arrays`` on rows that were not trained on; ``accuracy`` and ``loss``
        are shown as such.
        """

    def predict(self, arrays: Arrays, inputs: Any) -> NDArray[Any]:
        """Probabilities (n, classes), or values (n,) in the label's own unit, of the model
        ``arrays`` for ``inputs`` (n, …), which are part of what ``read`` gave.
        """
        raise TaskError(
            f"the task {type(self).__name__} trains by itself, and does not say how it predicts",
            "give it the methods predict(arrays, inputs) and read(path, labelled): docs/models.md",
        )
