"""Weights of classes: computed of the founder's counts, and what they do to a rare class."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import torch

from peerd.decimals import numbers
from peerd.errors import TaskError
from peerd.laboratory.experiments import baseline as playing
from peerd.laboratory.experiments.baseline import baseline
from peerd.learning.client import Client
from peerd.tasks.class_weights import balanced_weights
from peerd.tasks.examination import Selection, derive_schema
from peerd.tasks.table import Table


@pytest.mark.parametrize(
    ("counts", "weights"),
    [
        ({"a": 50, "b": 50}, {"a": 1.0, "b": 1.0}),
        ({"a": 900, "b": 100}, {"a": 0.56, "b": 5.0}),
        ({"a": 987_654, "b": 12}, {"a": 0.5, "b": 41_000.0}),
        ({"a": 300, "b": 200, "c": 100}, {"a": 0.67, "b": 1.0, "c": 2.0}),
        ({"a": 990, "b": 3}, {"a": 0.51, "b": 50.0}),  # as if it had ten
    ],
)
def test_each_class_weighs_the_same_in_all(
    counts: dict[str, int], weights: dict[str, float]
) -> None:
    assert numbers(balanced_weights(counts, 10)) == weights


def test_a_weight_does_not_tell_of_how_many_rows_a_class_is() -> None:
    assert balanced_weights({"a": 9_000, "b": 105}, 10) == balanced_weights(
        {"a": 9_003, "b": 106}, 10
    )
    assert balanced_weights({"a": 900, "b": 1}, 10) == balanced_weights({"a": 900, "b": 9}, 10)


def rare(path: Path, rows: int = 1200) -> Path:
    """One row in twenty is a fraud; amounts overlap."""
    draw = random.Random(8)
    lines = ["amount,y"]
    for row in range(rows):
        fraud = row % 20 == 0
        lines.append(f"{draw.gauss(1.5 if fraud else 0, 1):.4f},{'fraud' if fraud else 'fine'}")
    path.write_text("\n".join(lines) + "\n")
    return path


def options_of(path: Path, **options: Any) -> dict[str, Any]:
    return {"schema": derive_schema(path, "y", Selection())[0], **options}


@pytest.mark.parametrize(
    ("weights", "says"),
    [
        ("balanced", "not computed yet"),
        ("even", "must be balanced, or give each of the 2 classes"),
        (2, "must be balanced"),
        ([1, 2], "must be balanced"),
        ({"fine": 1}, "must be balanced"),
        ({"fine": 1, "fraud": 2, "other": 3}, "must be balanced"),
        ({"fine": 1, "fraud": 0}, "the weight of class 'fraud' must be a number above 0"),
        ({"fine": 1, "fraud": -1.5}, "the weight of class 'fraud'"),
        ({"fine": True, "fraud": 1}, "the weight of class 'fine'"),
        ({"fine": "1", "fraud": 1}, "the weight of class 'fine'"),
        ({"fine": 1, "fraud": 2e6}, "at most 1000000"),
        ({"fine": 1, "fraud": float("nan")}, "the weight of class 'fraud'"),
    ],
)
def test_weights_that_are_none(weights: Any, says: str, tmp_path: Path) -> None:
    path = rare(tmp_path / "t.csv")
    with pytest.raises(TaskError, match=says):
        Table(options_of(path, class_weights=weights), {"data": str(path)})


def test_numbers_have_no_classes_to_weigh(tmp_path: Path) -> None:
    path = rare(tmp_path / "t.csv")
    schema = derive_schema(path, "amount", Selection(min_rows=1))[0]
    with pytest.raises(TaskError, match="is predicted as a number, by regression, and has no"):
        Table({"schema": schema, "class_weights": {"a": 1, "b": 1}}, {"data": str(path)})


def test_the_loss_is_weighted(tmp_path: Path) -> None:
    path = rare(tmp_path / "t.csv")
    task = Table(options_of(path, class_weights={"fraud": 3, "fine": 1.0}), {"data": str(path)})
    outputs, targets = torch.tensor([[2.0, -1.0], [0.5, 0.0]]), torch.tensor([0, 1])
    each = torch.nn.functional.cross_entropy(outputs, targets, reduction="none")
    assert task.loss(outputs, targets) == pytest.approx(float((each[0] + 3 * each[1]) / 4))
    plain = Table(options_of(path), {"data": str(path)})
    assert plain.loss(outputs, targets) == pytest.approx(float(each.mean()))


@pytest.mark.parametrize("balanced", [False, True])
def test_a_group_finds_a_rare_class_by_it(
    balanced: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = rare(tmp_path / "t.csv")
    options = options_of(path)
    if balanced:
        options["class_weights"] = balanced_weights({"fine": 1140, "fraud": 60}, 10)
    made: list[Client] = []

    class Noted(Client):
        def __init__(self, *given: Any, **named: Any) -> None:
            super().__init__(*given, **named)
            made.append(self)

    monkeypatch.setattr(playing, "Client", Noted)
    baseline(
        "weighted-mean",
        "table",
        options,
        peers=4,
        liars=1,
        attack="sign-flip",
        rounds=8,
        seed=1,
        local={"data": str(path)},
    )
    held = made[0].held_out
    frauds = held.inputs[held.targets == 1]
    made[0].module.eval()
    found = made[0].module(frauds).argmax(dim=1)
    recall = float((found == 1).double().mean())
    assert recall > 0.6 if balanced else recall < 0.4
