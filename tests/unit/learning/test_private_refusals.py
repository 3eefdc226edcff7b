"""What can't be trained row by row is refused, with what it is and what to do."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import IterableDataset

from peerd.errors import TaskError
from peerd.learning.fitted import FittedClient
from peerd.learning.inspection import inspect
from peerd.learning.private.sums import RowSums
from peerd.learning.settings import Partition
from peerd.learning.steps import steps_of
from peerd.learning.task import FittedTask
from protocols.aggregation import aggregator
from protocols.aggregation.contract import Aggregator, RowRule
from tests.unit.learning.private_tasks import RULE, Averaging, Small, client, plain


def rule(**constants: int | str) -> Aggregator:
    return aggregator("dp-sgd", {"rate": "1/2", "rows": 40, **constants})


@pytest.mark.parametrize("statistics", ["averaged", "local"])
def test_running_statistics(statistics: str) -> None:
    peer = client(Averaging, statistics)
    with pytest.raises(TaskError, match=r"running statistics.*1\.running_mean.*GroupNorm"):
        peer.check_rule(rule())
    with pytest.raises(TaskError, match="running statistics"):
        RowSums(peer, RULE)


def test_batch_normalisation_without_them() -> None:
    def make() -> nn.Module:
        return nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3, track_running_stats=False))

    peer = client(make=staticmethod(make))
    with pytest.raises(TaskError, match=r"1 \(BatchNorm1d\).*others of its batch"):
        peer.check_rule(rule())


class Centred(nn.Module):
    """Batch normalisation that nobody knows by name."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 2)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        outputs = self.layer(inputs)
        return outputs - outputs.mean(dim=0)


class DroppedAndCentred(Centred):
    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return super().forward(nn.functional.dropout(inputs, 0.3, self.training))


class Flattened(Centred):
    """One output for a whole batch."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.layer(inputs).softmax(dim=0)


@pytest.mark.parametrize("make", [Centred, DroppedAndCentred, Flattened])
def test_rows_that_depend_on_each_other_in_the_rehearsal(make: Callable[[], nn.Module]) -> None:
    peer = client(make=staticmethod(make))
    peer.check_rule(rule())
    with pytest.raises(TaskError, match="depends on the others of its batch"):
        inspect(peer, peer.task, rule())


@pytest.mark.parametrize(
    "make",
    [
        plain,
        lambda: nn.Sequential(nn.Dropout(0.2), plain()),
        lambda: nn.Sequential(nn.Linear(4, 4), nn.GroupNorm(2, 4), nn.LayerNorm(4)),
    ],
)
def test_a_sound_model_is_not_refused(make: Callable[[], nn.Module]) -> None:
    peer = client(make=staticmethod(make))
    peer.check_rule(rule())
    assert inspect(peer, peer.task, rule()) == []


def test_rows_that_come_as_they_like() -> None:
    class Endless(IterableDataset[Any]):
        def __iter__(self) -> Any:
            while True:
                yield torch.ones(4), torch.tensor(1)

    peer = client(data=lambda self, partition: Endless())
    with pytest.raises(TaskError, match="streams, and the group's rule draws each row"):
        peer.check_rule(rule())


class Alone(FittedTask):
    def first(self) -> list[np.ndarray]:
        return [np.zeros(3, dtype=np.float32)]

    def fit(self, arrays: Any, partition: Partition, round: int) -> Any:
        return arrays

    def evaluate(self, arrays: Any, partition: Partition) -> dict[str, float]:
        return {}


def test_a_task_that_trains_by_itself() -> None:
    peer = FittedClient(Alone({}, {}), Partition(), 1, 2)
    with pytest.raises(TaskError, match="clips the gradient of each row, and this task trains by"):
        peer.check_rule(rule())


def test_what_takes_minibatch_steps() -> None:
    with pytest.raises(TaskError, match="the rule dp-sgd sums the clipped gradients"):
        steps_of(rule(), 0)
    assert steps_of(aggregator("rsa", {}), 0).steps > 0


def test_a_site_without_rows() -> None:
    with pytest.raises(TaskError, match="0 rows"):
        client(count=0)


# -- what is said, and not refused -----------------------------------------------------------------


def test_a_site_with_many_rows_is_told_its_own_rate() -> None:
    peer = client(count=200)
    (line,) = inspect(peer, peer.task, rule(rows=50))
    assert "200 rows are many for the group's constant rows = 50" in line
    assert "in place of 0.5" in line and "2^-60" in line


def test_a_weight_that_a_row_alone_does_not_have_is_told() -> None:
    def loss(self: Small, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return nn.functional.cross_entropy(outputs, targets, weight=torch.tensor([1.0, 9.0]))

    peer = client(loss=loss)
    (line,) = inspect(peer, peer.task, rule())
    assert "class weights" in line


def test_rows_without_a_gradient_are_counted_and_not_quoted() -> None:
    """Finite as they are, with a loss that is not."""

    def loss(self: Small, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        # at 0 the root has no slope, and nan is what its product with 0 gives
        off = torch.where(targets == 1, outputs[:, 0] * 0, outputs[:, 0] ** 2 + 1)
        return off.sqrt().mean()

    peer = client(loss=loss)
    sums = RowSums(peer, RowRule(Fraction(1), Fraction(1), 1024, 40))
    peer.shared.fill(peer.first_model)
    (line,) = [each for each in sums.inspect() if "nan" in each]
    ones = int((peer.rows.samples.targets == 1).sum())  # type: ignore[attr-defined]
    assert line.startswith(f"{ones} of the first 40 rows of data() have a gradient that is nan")
