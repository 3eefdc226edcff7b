"""What a site counts of its held-out rows for the group's own evaluation."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from peerd.learning.client import Client
from peerd.learning.settings import Options, Partition
from peerd.learning.tally import counts_hits
from peerd.learning.task import Samples, Task
from protocols.aggregation.evaluation import Counts, Evaluation

ROWS = 120
IDENTITY = np.eye(3, dtype=np.float32).reshape(-1)


class Shown(Task):
    """The inputs are the scores, as the model that the tests give leaves them."""

    def __init__(self, options: Options = {}, local: Options = {}) -> None:  # noqa: B006
        super().__init__(options, local)
        drawn = np.random.default_rng(1)
        self.scores = torch.from_numpy(drawn.standard_normal((ROWS, 3)).astype(np.float32))
        self.labels = torch.from_numpy(drawn.integers(0, 3, ROWS))
        self.asked = 0

    def model(self) -> torch.nn.Module:
        return torch.nn.Linear(3, 3, bias=False)

    def data(self, partition: Partition) -> Samples:
        return Samples(self.scores, self.labels)

    def held_out(self) -> Samples:
        self.asked += 1
        return Samples(self.scores, self.labels)


def client(task: Task) -> Client:
    return Client(task, Partition(), 1, 1)


def by_hand(task: Shown) -> tuple[int, list[int], list[int]]:
    right = (task.scores.argmax(dim=1) == task.labels).numpy()
    labels = task.labels.numpy()
    rows = [int((labels == each).sum()) for each in range(3)]
    return int(right.sum()), rows, [int(right[labels == each].sum()) for each in range(3)]


def test_it_counts_all_rows_and_each_class() -> None:
    task = Shown()
    found = client(task).found(IDENTITY, ROWS, 3)
    right, rows, of_class = by_hand(task)
    assert (found.rows, found.hits, found.classes, found.counted) == (ROWS, True, 3, True)
    assert (found.right, found.class_rows, found.class_right) == (right, rows, of_class)
    group = Evaluation((ROWS,), classes=3, loss_bits=8)
    counts = found.counts(group, ROWS)
    assert counts is not None and counts.right == right and counts.class_rows == tuple(rows)
    assert not group.relation().violations(65521, group.encode(0, counts), group.public_inputs(0))
    assert found.loss == pytest.approx(
        float(torch.nn.functional.cross_entropy(task.scores, task.labels)), abs=1e-6
    )


def test_one_pass_serves_the_display_and_the_group() -> None:
    seen = []
    task = Shown()
    own = client(task)
    own.module.register_forward_hook(lambda *_: seen.append(1))
    shown = own.evaluate(IDENTITY)
    found = own.found(IDENTITY, ROWS, 3)
    assert len(seen) == 1
    assert shown.accuracy == pytest.approx(found.right / ROWS)
    own.found(IDENTITY * 2, ROWS, 3)
    assert len(seen) == 2


def test_of_more_rows_than_the_genesis_names_the_same_ones_are_counted_each_time() -> None:
    first, second = (client(Shown()).found(IDENTITY, 60, 3) for _ in range(2))
    assert first == second
    assert sum(first.class_rows) <= 60 and first.right <= 60


def test_who_has_too_few_rows_or_other_classes_counts_nothing() -> None:
    for rows, classes in [(ROWS + 1, 3), (ROWS, 4), (0, 3)]:
        found = client(Shown()).found(IDENTITY, rows, classes)
        assert not found.counted
        assert found.counts(Evaluation((max(rows, 50),), classes=classes), rows) is None
    assert client(Shown()).found(IDENTITY, ROWS, 0).counted


def test_a_rare_class_counts_as_one_without_rows() -> None:
    task = Shown()
    task.labels[:] = 0
    task.labels[:9], task.labels[9:19] = 1, 2
    found = client(task).found(IDENTITY, ROWS, 3)
    assert found.class_rows == [ROWS - 19, 0, 10]
    assert found.class_right[1] == 0


class OwnMetric(Shown):
    def metric(self, outputs: torch.Tensor, targets: torch.Tensor) -> float:
        return -3.0


class OwnHits(OwnMetric):
    def correct(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return outputs[:, 0] > 0


class Broken(Shown):
    def correct(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        raise SystemExit("no")


class NoMask(Shown):
    def correct(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return outputs


class Sequences(Shown):
    """Scores (n, classes, length) and targets (n, length): no one word a row."""

    def held_out(self) -> Samples:
        return Samples(self.scores[:, :, None].repeat(1, 1, 3), self.labels[:, None].repeat(1, 3))

    def model(self) -> torch.nn.Module:
        return torch.nn.Linear(3, 3, bias=False)


class Ignored(Shown):
    """Targets below 0 are rows that the loss leaves out."""

    def held_out(self) -> Samples:
        labels = self.labels.clone()
        labels[:20] = -100
        return Samples(self.scores, labels)


@pytest.mark.parametrize(
    ("task", "hits"), [(OwnMetric, False), (OwnHits, True), (Broken, False), (NoMask, False)]
)
def test_rows_are_right_only_where_the_task_says_so(task: type[Shown], hits: bool) -> None:
    found = client(task()).found(IDENTITY, ROWS, 0)
    assert found.hits is hits and found.counted
    assert counts_hits(task()) is (task is not OwnMetric)
    by_loss = Evaluation((ROWS,), accuracy=False, loss_bits=8)
    assert found.counts(by_loss, ROWS) == Counts(1, ROWS, loss=by_loss.steps(found.loss))
    by_hits = found.counts(Evaluation((ROWS,)), ROWS)
    assert (by_hits is not None) is hits


def test_targets_of_several_numbers_are_no_classes() -> None:
    found = client(Sequences()).found(IDENTITY, ROWS, 0)
    assert not found.hits and found.classes == 0


def test_rows_that_are_left_out_of_the_loss_are_of_no_class() -> None:
    found = client(Ignored()).found(IDENTITY, ROWS, 3)
    assert sum(found.class_rows) == ROWS - 20
    group = Evaluation((ROWS,), classes=3)
    counts = found.counts(group, ROWS)
    assert counts is not None
    group.encode(0, counts)


def test_an_evaluation_that_fails_counts_nothing() -> None:
    class Gone(Shown):
        def held_out(self) -> Samples:
            raise RuntimeError("no file")

    found = client(Gone()).found(IDENTITY, ROWS, 3)
    assert (found.rows, found.counted) == (0, False)


def test_a_target_that_is_no_class_asks_for_no_memory() -> None:
    class Hashed(Shown):
        def held_out(self) -> Samples:
            labels = self.labels.clone()
            labels[:20] = 1 << 50
            return Samples(self.scores, labels)

        def loss(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
            return outputs.mean()

    found = client(Hashed()).found(IDENTITY, ROWS, 3)
    assert found.counted and sum(found.class_rows) == ROWS - 20
