"""What attacks do to a model: a robust rule bounds it, the plain mean does not."""

from __future__ import annotations

from functools import cache

import pytest

from peerd.laboratory.experiments.attacks import attack_spec
from peerd.laboratory.experiments.cell import CLEAR, LIFTED, Cell, Descent
from peerd.laboratory.experiments.play import play
from peerd.laboratory.experiments.rules import checked_rule

POISONED = (
    ("sign-flip", {}),
    ("bit-flip", {}),
    ("ipm", {"epsilon": 10}),
    ("alie", {}),
    ("min-max", {}),
    ("min-sum", {}),
    ("mimic", {"warm_up": 5}),
    ("gaussian", {}),
    ("label-flip", {}),
    ("free-riding", {}),
)
LOUD = {"sign-flip", "ipm"}
CONSTANTS = {"tau": "1/5", "eta": "1/2", "local_steps": 2, "momentum": "9/10"}


@cache
def accuracy(form: str, name: str, attack: str, liars: int, **parameters: float) -> float:
    """After 25 rounds of 10 peers on digits."""
    cell = Cell(
        task="digits",
        options={},
        partition="iid",
        peers=10,
        liars=liars,
        rounds=25,
        seed=1,
        attack=attack_spec(attack, parameters),
        rule=checked_rule(form, name, CONSTANTS if form == LIFTED else {}, name),
        descent=Descent(2, 32, 0.5, 0.9),
        evaluate_every=25,
    )
    return play(cell).evaluations[-1].accuracy


@pytest.mark.parametrize(("attack", "parameters"), POISONED, ids=[name for name, _ in POISONED])
def test_clipping_stays_near_its_honest_run_and_the_mean_does_not(
    attack: str, parameters: dict[str, float]
) -> None:
    """Two liars of ten. The mean is shown beside it where the liars outweigh the honest."""
    rule = "centered-clipping-l2"
    assert accuracy(LIFTED, rule, attack, 2, **parameters) > accuracy(LIFTED, rule, "none", 0) - 0.1
    if attack in LOUD:
        assert accuracy(CLEAR, "mean", "none", 0) > 0.9
        assert accuracy(CLEAR, "mean", attack, 2, **parameters) < 0.5
