"""F^C is equation 1 (paper §B.4.1), computed again here by hand for a linear model."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from peerd.errors import TaskError
from peerd.learning.client import Client
from peerd.learning.settings import Partition
from peerd.learning.task import Samples, Task
from peerd.learning.trained import MAX_LOSS
from protocols.aggregation import LocalRule

INPUTS = np.array([[1.0, 2.0], [-1.0, 0.5], [0.0, 3.0]], dtype=np.float32)
TARGETS = np.array([[1.0], [0.0], [2.0]], dtype=np.float32)


class Line(Task):
    """Least squares with two weights: the gradient is 2/n Xᵀ(Xw − y)."""

    def model(self) -> torch.nn.Module:
        return torch.nn.Linear(2, 1, bias=False)

    def data(self, partition: Partition) -> Samples:
        return Samples(torch.from_numpy(INPUTS), torch.from_numpy(TARGETS))

    def held_out(self) -> Samples:
        return self.data(Partition())

    def loss(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.mse_loss(outputs, targets)

    def metric(self, outputs: torch.Tensor, targets: torch.Tensor) -> float:
        return float((outputs > 0).double().mean())


def vector(*values: float) -> NDArray[np.float32]:
    return np.array(values, dtype=np.float32)


def by_hand(
    rule: LocalRule, model: NDArray[np.float32], local: NDArray[np.float32]
) -> NDArray[np.float64]:
    x = local.astype(np.float64)
    for _ in range(rule.steps):
        gradient = 2 / 3 * INPUTS.T @ (INPUTS @ x - TARGETS[:, 0])
        x = x - rule.rate * (gradient + rule.penalty * np.sign(x - model))
    return x


@pytest.mark.parametrize("steps", [1, 4])
def test_equation_1(steps: int) -> None:
    rule = LocalRule(steps=steps, batch=3, rate=0.05, penalty=0.3, keeps_local_model=True)
    model, local = vector(0.5, -0.25), vector(-0.5, 1.0)
    result = Client(Line({}, {}), Partition(), 1, 1).update(rule, 0, model, local)
    assert result.dtype == np.float32
    assert result == pytest.approx(by_hand(rule, model, local), abs=1e-6)


def test_without_a_model_of_its_own_the_peer_starts_from_the_common_one() -> None:
    rule = LocalRule(steps=2, batch=3, rate=0.05, penalty=0.0, keeps_local_model=False)
    model, local = vector(0.5, -0.25), vector(-0.5, 1.0)
    result = Client(Line({}, {}), Partition(), 1, 1).update(rule, 0, model, local)
    assert result == pytest.approx(by_hand(rule, model, model), abs=1e-6)


@pytest.mark.parametrize("steps", [1, 3])
def test_equation_5_over_two_rounds(steps: int) -> None:
    """x_i = w − η m_i; the first gradient is the first m, which goes on to the next round."""
    beta, rate = 0.75, 0.05
    rule = LocalRule(steps, 3, rate, 0.0, keeps_local_model=False, momentum=beta)
    client = Client(Line({}, {}), Partition(), 1, 1)
    m: NDArray[np.float64] | None = None
    kept = None
    for round, model in enumerate([vector(0.5, -0.25), vector(0.1, 0.3)]):
        x = model.astype(np.float64)
        for _ in range(steps):
            gradient = 2 / 3 * INPUTS.T @ (INPUTS @ x - TARGETS[:, 0])
            m = gradient if m is None else (1 - beta) * gradient + beta * m
            x = x - rate * m
        trained = client.train(rule, round, model, kept)
        kept = trained.kept
        assert trained.update == pytest.approx(x, abs=1e-6)
        assert kept == pytest.approx(m, abs=1e-5)


def test_momentum_needs_what_the_last_round_left() -> None:
    rule = LocalRule(1, 3, 0.05, 0.0, keeps_local_model=False, momentum=0.5)
    with pytest.raises(ValueError, match="use train"):
        Client(Line({}, {}), Partition(), 1, 1).update(rule, 0, vector(0, 0), vector(0, 0))


class Rooted(Line):
    def root(self) -> Samples:
        return Samples(torch.from_numpy(INPUTS[:2]), torch.from_numpy(TARGETS[:2]))


def test_the_root_step_is_the_same_at_every_peer_and_another_in_another_round_or_group() -> None:
    rule = LocalRule(3, 1, 0.05, 0.0, keeps_local_model=False)
    model = vector(0.5, -0.25)
    clients = [Client(Rooted({}, {}), Partition(), peer, 1) for peer in (1, 2)]
    clients[0].train(rule, 7, model, None)  # what was trained before makes no difference
    steps = {
        (group, round): client.root_step(rule, round, model, group).tobytes()
        for client in clients
        for group in (b"a", b"b")
        for round in range(4)
    }
    for key, step in steps.items():
        again = clients[0].root_step(rule, key[1], model, key[0])
        assert again.tobytes() == step
    assert len(set(steps.values())) > 1


def test_the_root_step_descends_on_the_root_data_alone() -> None:
    rule = LocalRule(1, 3, 0.05, 0.0, keeps_local_model=False)
    model = vector(0.5, -0.25)
    step = Client(Rooted({}, {}), Partition(), 1, 1).root_step(rule, 0, model, b"g")
    gradient = INPUTS[:2].T @ (INPUTS[:2] @ model.astype(np.float64) - TARGETS[:2, 0])
    assert step == pytest.approx(-0.05 * gradient, abs=1e-6)


def test_a_task_without_root_data_says_so() -> None:
    rule = LocalRule(1, 3, 0.05, 0.0, keeps_local_model=False)
    with pytest.raises(TaskError, match="no public root data"):
        Client(Line({}, {}), Partition(), 1, 1).root_step(rule, 0, vector(0, 0), b"g")


def test_minibatches_depend_on_seed_and_round_only() -> None:
    rule = LocalRule(steps=3, batch=1, rate=0.05, penalty=0.1, keeps_local_model=True)
    model = vector(0.5, -0.25)
    client = Client(Line({}, {}), Partition(), 1, 1)
    results = {
        (seed, round): Client(Line({}, {}), Partition(), seed, 1)
        .update(rule, round, model, model)
        .tobytes()
        for seed in (1, 2)
        for round in (0, 1, 2)
    }
    assert len(set(results.values())) > 1
    for round in (2, 0, 1):
        assert client.update(rule, round, model, model).tobytes() == results[1, round]


def test_the_first_model_depends_on_the_group_and_not_on_the_peer() -> None:
    first = [Client(Line({}, {}), Partition(), peer, 7).first_model for peer in (1, 2)]
    assert np.array_equal(first[0], first[1])
    assert not np.array_equal(first[0], Client(Line({}, {}), Partition(), 1, 8).first_model)


def test_training_that_diverges_is_an_error_and_not_an_update() -> None:
    rule = LocalRule(steps=200, batch=3, rate=1000.0, penalty=0.1, keeps_local_model=True)
    with pytest.raises(TaskError, match="diverged in round 4"):
        Client(Line({}, {}), Partition(), 1, 1).update(rule, 4, vector(1, 1), vector(1, 1))


def test_evaluation_covers_every_held_out_row_and_is_finite() -> None:
    client = Client(Line({}, {}), Partition(), 1, 1)
    found = client.evaluate(vector(1.0, 0.0))
    assert found.accuracy == pytest.approx(1 / 3)
    assert found.loss == pytest.approx(float(((INPUTS[:, :1] - TARGETS) ** 2).mean()))
    assert found.warnings == ()
    diverged = client.evaluate(vector(np.inf, np.nan))
    assert diverged.loss is None
    assert diverged.warnings == ("loss is unknown: loss() gave nan, which is no finite number",)
    assert diverged.known() == (diverged.accuracy, MAX_LOSS)


def test_samples_that_do_not_match_are_refused() -> None:
    with pytest.raises(TaskError, match="3 inputs have 2 targets"):
        Samples(torch.zeros(3, 1), torch.zeros(2))
    with pytest.raises(TaskError, match="no sample"):
        Samples(torch.zeros(0, 1), torch.zeros(0))


class Measured(Line):
    """Measures by name; what it says is ``told``."""

    told: object = None
    seen: tuple[int, int] = (0, 0)

    def metrics(self, outputs: torch.Tensor, targets: torch.Tensor) -> dict[str, float]:
        type(self).seen = (len(outputs), len(targets))
        if isinstance(self.told, Exception):
            raise self.told
        return self.told  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("told", "known", "said"),
    [
        ({"auc": 0.75, "f1": np.float32(0.5)}, {"auc": 0.75, "f1": 0.5}, ()),
        ({"auc": float("nan"), "f1": 0.5}, {"f1": 0.5}, ("auc is unknown: metrics() gave nan",)),
        ({"auc": torch.zeros(3)}, {}, ("auc is unknown: metrics() gave a Tensor of shape (3,)",)),
        ({7: 0.5, "x" * 99: 1}, {"7": 0.5, "x" * 40: 1.0}, ()),
        ({}, {}, ()),
        (None, {}, ("metrics() failed: TypeError",)),
        ([1, 2], {}, ("metrics() failed: TypeError",)),
        (ValueError("a row"), {}, ("metrics() failed: ValueError",)),
    ],
)
def test_metrics_by_name_are_of_all_rows_and_never_end_anything(
    told: object, known: dict[str, float], said: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("peerd.learning.measure.EVALUATION_ROWS", 2)
    monkeypatch.setattr(Measured, "told", told)
    client = Client(Measured({}, {}), Partition(), 0, 0)
    found = client.evaluate(client.first_model)
    assert Measured.seen == (3, 3)
    assert found.metrics == known
    assert len(found.warnings) == len(said)
    assert all(line.startswith(start) for line, start in zip(found.warnings, said, strict=True))
    assert found.accuracy is not None
