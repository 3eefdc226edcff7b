"""dp-sgd's dealings, attacked: nothing to be found under noise, and all of it without."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from peerd.laboratory.experiments.privacy.gradients import PEERS, PLAN, Setting, secured, view_of
from peerd.laboratory.experiments.privacy.membership import NOISED as COURSES
from peerd.laboratory.experiments.privacy.membership import School, draw_members, infer
from peerd.laboratory.experiments.privacy.rows import (
    AT_ONCE,
    HONEST,
    NOISED,
    RULE,
    SUM,
    summed,
)
from peerd.laboratory.experiments.privacy.victims import Victims
from peerd.laboratory.experiments.privacy.view import dealing_of
from protocols.proof import Verdict, check

VICTIMS = Victims(hidden=16, steps=100)
ROWS = VICTIMS.draw(16, HONEST)
LOUD = [name for name in NOISED if name not in (SUM, AT_ONCE)]


def test_a_row_without_noise_is_found_in_the_sum() -> None:
    row = secured(VICTIMS, Setting(SUM, HONEST, PLAN.threshold, opened=True), ROWS, "sum")
    assert row["at_chance"] is False
    attacks = row["attacks"]
    assert isinstance(attacks, list)
    assert all(attack["identified"]["mean"] > 0.9 for attack in attacks)


@pytest.mark.parametrize("rule", LOUD)
def test_under_noise_it_is_not(rule: str) -> None:
    row = secured(VICTIMS, Setting(rule, HONEST, PLAN.threshold, opened=True), ROWS, "sum")
    assert row["at_chance"] is True
    assert row["rests_on"] == "sum"


def test_t_seats_of_a_dealing_give_nothing() -> None:
    row = secured(VICTIMS, Setting(LOUD[-1], 1, PLAN.threshold, opened=False), ROWS, "closed")
    assert row["at_chance"] is True
    assert row["rests_on"] == "noise"


@pytest.mark.parametrize("rule", LOUD[:1])
def test_the_opened_sum_is_rows_and_the_noise_that_is_accounted(rule: str) -> None:
    """What liars put in is taken out again, and they add no noise."""
    dealt = NOISED[rule]
    view = view_of(VICTIMS, Setting(rule, HONEST, PLAN.threshold, opened=True), ROWS[0], 3)
    clear = sum(summed(VICTIMS, RULE, [int(row)]) for row in ROWS[0])
    assert view.opened is not None
    left = view.opened[: VICTIMS.model.size] - clear
    noise = float(dealt.multiplier) * RULE.steps  # type: ignore[attr-defined]
    assert abs(left.std() / noise - 1) < 0.1


@pytest.mark.parametrize("rule", [SUM, LOUD[0]])
def test_what_is_attacked_is_what_a_committee_accepts(rule: str) -> None:
    dealt = NOISED[rule]
    shape = dealt.shape(VICTIMS, PLAN, PEERS)
    rng = np.random.default_rng(8)
    for values in (dealt.values(VICTIMS, [5]), dealt.noise(VICTIMS, rng)):
        assert shape.relation.violations(shape.field.p, values) == []
        context, dealing = dealing_of(shape, values, 1, 0)
        package = dealing.packages[5]
        assert check(shape, 5, context, dealing.root, dealing.proof, package) is Verdict.VALID


def test_a_row_is_clipped_and_read_as_its_gradient() -> None:
    dealt = NOISED[SUM]
    read, gradient = dealt.update(VICTIMS, [7]), VICTIMS.gradient([7]).astype(np.float64)
    assert np.linalg.norm(gradient) > 1
    assert 0.98 < np.linalg.norm(read) <= 1
    assert float(read @ gradient) / (np.linalg.norm(read) * np.linalg.norm(gradient)) > 0.999


def test_models_are_trained_with_the_noise_of_their_course() -> None:
    short = [replace(course, rounds=6, pool=400) for course in COURSES]
    members = draw_members(short[0], 2, 1)[0]
    models = [School(course, 1).train(members, 1) for course in short]
    again = School(short[-1], 1).train(members, 1)
    assert np.array_equal(again, models[-1])
    distance = [np.linalg.norm(model - models[0]) for model in models[1:]]
    assert 0 < distance[0] < distance[1] < distance[2]


def test_members_are_asked_for_as_of_any_course() -> None:
    found = infer(replace(COURSES[-1], rounds=3, pool=200), 4, 0)
    assert found["course"] == "dp-sgd, ε = 1" and found["members"] == 100
