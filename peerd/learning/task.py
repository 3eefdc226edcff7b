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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

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


class Task(BaseTask, ABC):
    """A model, its data, a loss and a metric."""

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
        finite = outputs.isfinite().all(dim=1)
        right = (outputs.argmax(dim=1) == targets) & finite
        return float(right.double().mean())

    def metrics(self, outputs: torch.Tensor, targets: torch.Tensor) -> Mapping[str, float]:
        """Further numbers by name, of all held-out rows at once (an AUC is no mean of parts): none
        unless overridden.
        """
        return {}


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
