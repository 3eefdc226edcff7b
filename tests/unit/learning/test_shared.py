"""What of a module is the group's vector, what is fixed, and what is a peer's own."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from peerd.errors import TaskError
from peerd.learning.client import Client
from peerd.learning.settings import Partition
from peerd.learning.shared import SharedModel
from peerd.learning.task import Samples, Task
from protocols.aggregation import LocalRule, aggregator

STEPS = LocalRule(steps=3, batch=4, rate=0.1, penalty=0.0, keeps_local_model=False)


class Layers(Task):
    """A model by ``make``, on rows that anything can be fitted to."""

    make: Callable[[], nn.Module]
    rows = 12

    def model(self) -> nn.Module:
        return type(self).make()

    def data(self, partition: Partition) -> Samples:
        return Samples(
            torch.linspace(-1, 1, self.rows * 4).reshape(self.rows, 4).to(self.dtype),
            torch.arange(self.rows) % 2,
        )

    def held_out(self) -> Samples:
        return self.data(Partition())

    dtype = torch.float32


def client(
    make: Callable[[], nn.Module], dtype: torch.dtype = torch.float32, **kept: str
) -> Client:
    task = type("Made", (Layers,), {"make": staticmethod(make), "dtype": dtype})
    return Client(task({}, {}), Partition(), 1, 2, **kept)


def plain() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))


def frozen() -> nn.Module:
    model = plain()
    model[0].requires_grad_(False)
    return model


def normal() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.ReLU(), nn.Linear(3, 2))


class Tied(nn.Module):
    """Encodes and decodes with one matrix."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)
        self.second.weight = self.first.weight
        self.last = nn.Linear(4, 2)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.last(self.second(self.first(inputs).relu()).relu())


class Table(nn.Module):
    """A constant, such as positions, and what ``spoil`` does to it while it trains."""

    def __init__(self, spoil: bool = False, start: float = 1.0) -> None:
        super().__init__()
        self.register_buffer("positions", torch.full((4,), start))
        self.layer, self.spoil = nn.Linear(4, 2), spoil

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        if self.spoil and self.training:
            self.positions.add_(1)
        return self.layer(inputs + self.positions)


def test_the_flat_vector_and_the_module_hold_the_same_numbers() -> None:
    module = plain()
    shared, values = SharedModel(module), np.arange(23, dtype=np.float32)
    shared.fill(values)
    assert np.array_equal(shared.flatten(), values)
    assert module[0].bias.tolist() == [12.0, 13.0, 14.0]
    assert (shared.parameters, shared.fixed, shared.own().size) == (23, b"", 0)
    with pytest.raises(TaskError, match="10 for a model of 23"):
        shared.fill(values[:10])


def test_frozen_parameters_are_not_shared_and_not_moved() -> None:
    made = client(frozen)
    assert made.parameters == 8
    before = [each.clone() for each in made.module[0].parameters()]
    trained = made.train(STEPS, 0, made.first_model, None)
    assert not np.array_equal(trained.update, made.first_model)
    assert all(map(torch.equal, before, made.module[0].parameters()))
    assert len(made.fixed) == 32
    assert client(frozen).fixed == made.fixed, "drawn from the group's seed as well"


def test_what_is_fixed_is_bound_by_name_form_and_value() -> None:
    def other() -> nn.Module:
        model = frozen()
        with torch.no_grad():
            model[0].bias[0] += 1e-6
        return model

    def elsewhere() -> nn.Module:
        return nn.Sequential(frozen())

    found = {client(make).fixed for make in (frozen, other, elsewhere, plain, Table)}
    found |= {
        client(lambda: Table(start=2.0)).fixed,
        client(lambda: Table().double(), torch.float64).fixed,
    }
    assert len(found) == 7


def test_a_constant_that_training_changes_is_named() -> None:
    assert client(Table).train(STEPS, 0, client(Table).first_model, None)
    made = client(lambda: Table(spoil=True))
    with pytest.raises(TaskError, match="training changed positions"):
        made.train(STEPS, 0, made.first_model, None)


def test_tied_weights_are_one_part_of_the_vector() -> None:
    made = client(Tied)
    assert made.parameters == 16 + 4 + 4 + 10
    made.train(STEPS, 0, made.first_model, None)
    assert made.module.second.weight is made.module.first.weight


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_parameters_of_any_width_are_shared_as_float32(dtype: torch.dtype) -> None:
    made = client(lambda: plain().to(dtype), dtype)
    assert made.first_model.dtype == np.float32
    start = made.first_model + np.float32(1e-4)  # no value of half a precision
    still = LocalRule(steps=1, batch=4, rate=1e-12, penalty=0.0, keeps_local_model=False)
    assert np.abs(made.train(still, 0, start, None).update - start).max() < 1e-7, (
        "nothing was learnt"
    )
    moved = made.train(STEPS, 0, start, None).update - start
    assert 1e-3 < np.abs(moved).max() < 1


def test_running_statistics_are_refused_unless_the_group_says_what_becomes_of_them() -> None:
    with pytest.raises(TaskError, match=r"1.num_batches_tracked \(of BatchNorm1d\)") as caught:
        client(normal)
    assert "--statistics" in str(caught.value)


def test_local_statistics_stay_here_and_move_with_what_is_trained() -> None:
    made = client(normal, statistics="local")
    assert made.parameters == 15 + 6 + 8
    assert made.own().tolist() == [0, 0, 0, 1, 1, 1, 0]
    made.train(STEPS, 0, made.first_model, None)
    moved = made.own()
    assert moved[-1] == STEPS.steps
    assert moved[:3].any()
    made.evaluate(made.first_model)
    assert (made.own() == moved).all()
    again = client(normal, statistics="local")
    again.set_own(moved)
    assert (again.own() == moved).all()
    again.set_own(moved[:2])
    assert (again.own() == moved).all(), "those of another model are left alone"


def test_averaged_statistics_are_the_last_part_of_the_vector() -> None:
    made = client(normal, statistics="averaged")
    assert made.parameters == 15 + 6 + 8 + 6
    assert made.first_model[-6:].tolist() == [0, 0, 0, 1, 1, 1]
    update = made.train(STEPS, 0, made.first_model, None).update
    assert (update[-6:] != made.first_model[-6:]).all()
    assert (made.train(STEPS, 0, made.first_model, None).update == update).all(), "from the group's"
    below = update.copy()
    below[-1] = -3
    made.evaluate(below)
    assert made.module[1].running_var[2] == 0


def test_with_momentum_statistics_have_none() -> None:
    rule = LocalRule(steps=2, batch=4, rate=0.1, penalty=0.0, keeps_local_model=False, momentum=0.9)
    made = client(normal, statistics="averaged")
    first = made.train(rule, 0, made.first_model, None)
    assert first.kept.shape == (made.parameters,)
    assert not first.kept[-6:].any()
    assert first.kept[:-6].any()
    assert made.train(rule, 1, first.update, first.kept).kept.shape == (made.parameters,)


def test_averaged_statistics_need_a_rule_that_averages() -> None:
    made = client(normal, statistics="averaged")
    made.check_rule(aggregator("weighted-mean", {}))
    with pytest.raises(TaskError, match="votes on each coordinate"):
        made.check_rule(aggregator("rsa", {}))
    client(plain, statistics="averaged").check_rule(aggregator("rsa", {}))
    client(normal, statistics="local").check_rule(aggregator("rsa", {}))


class Complex(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.turn = nn.Parameter(torch.ones(2, dtype=torch.complex64))


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "nothing to train": (nn.ReLU, "0 parameters"),
    "all frozen": (
        lambda: plain().requires_grad_(False),
        "no trainable parameter: all 4 are frozen",
    ),
    "complex": (Complex, "turn is of torch.complex64"),
    "lazy": (lambda: nn.LazyLinear(2), "weight isn't known before its first input"),
    "nan": (lambda: nn.Linear(2, 2).apply(lambda m: m.bias.data.fill_(np.nan)), "bias is nan"),
    "no module": (lambda: "model", "gave str, and no torch.nn.Module"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_can_not_be_trained_is_named(kind: str) -> None:
    make, said = REFUSED[kind]
    with pytest.raises(TaskError, match=said):
        SharedModel(make())


@pytest.mark.parametrize("device", ["warp", "cuda:0", "mps", "meta:x", ""])
def test_a_device_that_is_not_here(device: str) -> None:
    if device == "cuda:0" and torch.cuda.is_available():
        pytest.skip("it is here")
    with pytest.raises(TaskError, match="can't be used here"):
        client(plain, device=device)
