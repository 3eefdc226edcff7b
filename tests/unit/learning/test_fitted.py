"""Tasks that train by themselves: arrays in, arrays out, whatever they do in between."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import torch

from peerd.errors import TaskError
from peerd.learning import FittedTask, Partition
from peerd.learning.fitted import FittedClient
from peerd.learning.task import Arrays
from protocols.aggregation import LocalRule, aggregator

RULE = LocalRule(steps=1, batch=1, rate=0.1, penalty=0.0, keeps_local_model=False)
FIRST: list[np.ndarray[Any, Any]] = [
    np.arange(6, dtype=np.float64).reshape(2, 3),
    np.array(7),  # a counter
    np.ones(2, dtype=np.float16),
]


class Doubling(FittedTask):
    """Doubles what it gets; ``made`` may spoil it."""

    made: Callable[[Arrays], Any] = staticmethod(lambda arrays: [2 * each for each in arrays])
    begins: Callable[[], Any] = staticmethod(lambda: FIRST)

    def first(self) -> Arrays:
        begun: Arrays = self.begins()
        return begun

    def fit(self, arrays: Arrays, partition: Partition, round: int) -> Arrays:
        self.seen = [each.copy() for each in arrays]
        fitted: Arrays = self.made(arrays)
        return fitted

    def evaluate(self, arrays: Arrays, partition: Partition) -> Mapping[str, float]:
        return {"accuracy": float(arrays[0].sum())}


def client(**spoilt: Any) -> FittedClient:
    task = type("Spoilt", (Doubling,), {name: staticmethod(each) for name, each in spoilt.items()})
    return FittedClient(task({}, {}), Partition(1, 4), seed=3, model_seed=5)


def test_floats_of_every_width_are_shared_as_float32_and_counters_are_not() -> None:
    made = client()
    assert made.first_model.tolist() == [0, 1, 2, 3, 4, 5, 1, 1]
    assert made.first_model.dtype == np.float32
    trained = made.train(RULE, 0, made.first_model, None)
    assert trained.update.tolist() == [0, 2, 4, 6, 8, 10, 2, 2]
    seen = made.task.seen  # type: ignore[attr-defined]
    assert [each.dtype for each in seen] == [np.float64, np.int64, np.float16]
    assert seen[1] == 7
    assert made.evaluate(trained.update).accuracy == 30.0


def test_what_a_task_does_to_its_arguments_stays_there() -> None:
    def spoil(arrays: Arrays) -> Arrays:
        for each in arrays:
            each[...] = 9
        return arrays

    made = client(made=spoil)
    before = made.first_model.copy()
    made.train(RULE, 0, made.first_model, None)
    assert (made.first_model == before).all()
    assert made.train(RULE, 1, made.first_model, None).update.tolist() == [9] * 8


SPOILT: dict[str, tuple[Callable[[Arrays], Any], str]] = {
    "one too few": (lambda arrays: arrays[:-1], "gave 2 arrays, not 3"),
    "one too many": (lambda arrays: [*arrays, arrays[0]], "gave 4 arrays, not 3"),
    "another shape": (lambda a: [a[0].T, a[1], a[2]], r"array 0 has shape \(3, 2\), not \(2, 3\)"),
    "not a number": (lambda a: [a[0] * np.nan, a[1], a[2]], "array 0 is no longer finite"),
    "too large for float32": (lambda a: [a[0] + 1e300, a[1], a[2]], "array 0"),
    "complex": (lambda a: [a[0] + 1j, a[1], a[2]], "complex128, which is no number"),
    "texts": (lambda a: [a[0].astype(str), a[1], a[2]], "which is no number"),
    "objects": (lambda a: [a[0].astype(object), a[1], a[2]], "which is no number"),
    "nothing": (lambda a: None, "gave no list of arrays"),
    "ragged": (lambda a: [[[1], [2, 3]], a[1], a[2]], "array 0"),
    "a dictionary": (lambda a: dict(enumerate(a)), "gave no list of arrays"),
}


@pytest.mark.parametrize("kind", SPOILT)
def test_what_can_not_be_shared_is_named(kind: str) -> None:
    spoil, said = SPOILT[kind]
    made = client(made=spoil)
    with pytest.raises(TaskError, match=said):
        made.train(RULE, 0, made.first_model, None)


def test_torch_tensors_are_arrays_too() -> None:
    made = client(made=lambda a: [torch.ones(2, 3, requires_grad=True), torch.tensor(1), a[2]])
    assert made.train(RULE, 0, made.first_model, None).update.tolist() == [1] * 8


@pytest.mark.parametrize(
    ("begun", "said"),
    [([], "nothing to share"), ([np.array(3)], "nothing to share"), (None, "no list of arrays")],
)
def test_a_first_model_without_floats(begun: Any, said: str) -> None:
    with pytest.raises(TaskError, match=said):
        client(begins=lambda: begun)


@pytest.mark.parametrize(
    ("changed", "said"),
    [({"keeps_local_model": True}, "keeps each peer's own model"), ({"momentum": 0.9}, "momentum")],
)
def test_a_rule_that_says_which_steps_to_take_is_refused(changed: Any, said: str) -> None:
    rule = LocalRule(
        **{
            "steps": 1,
            "batch": 1,
            "rate": 0.1,
            "penalty": 0.0,
            "keeps_local_model": False,
            **changed,
        }
    )
    made = client()
    with pytest.raises(TaskError, match=said):
        made.train(rule, 0, made.first_model, None)
    with pytest.raises(TaskError, match="root data"):
        made.root_step(RULE, 0, made.first_model, b"")


def test_whatever_a_task_draws_from_is_seeded() -> None:
    def draw(arrays: Arrays) -> Arrays:
        return [
            np.full((2, 3), random.random() + np.random.random() + float(torch.rand(()))),
            arrays[1],
            arrays[2],
        ]

    one, other = client(made=draw), client(made=draw)
    first = one.train(RULE, 0, one.first_model, None).update
    assert (other.train(RULE, 0, other.first_model, None).update == first).all()
    assert (one.train(RULE, 1, one.first_model, None).update != first).any()


@pytest.mark.parametrize(
    ("rule", "constants", "said"),
    [
        ("rsa", {}, "keeps each peer's own model"),
        ("centered-clipping", {}, "has momentum"),
        ("centered-clipping-l2", {}, "has momentum"),
        ("fltrust", {}, "compares with root data"),
        ("weighted-mean", {}, None),
        ("centered-clipping", {"momentum": "0"}, None),
        ("centered-clipping-l2", {"momentum": "0"}, None),
    ],
)
def test_which_rules_go_with_it_is_what_the_page_says(
    rule: str, constants: dict[str, int | str], said: str | None
) -> None:
    if said is None:
        client().check_rule(aggregator(rule, constants))
        return
    with pytest.raises(TaskError, match=said):
        client().check_rule(aggregator(rule, constants))
