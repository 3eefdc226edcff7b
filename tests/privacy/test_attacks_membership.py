"""Membership inference finds who was learnt by heart, and nobody where nothing was learnt."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from peerd.laboratory.experiments.privacy.membership import (
    ALONE,
    SWARM,
    School,
    draw_members,
    infer,
    judged,
    lira,
)
from peerd.learning.task import Samples

MEMORISED = replace(ALONE, pool=80, share=0.5, rounds=300, hidden=128)
MODELS = 8


@pytest.fixture(scope="module")
def memorised() -> tuple[np.ndarray, np.ndarray]:
    """Scores and members of models that learnt random labels by heart."""
    school = School(MEMORISED, 1)
    labels = torch.randint(0, 10, (len(school.everything),), generator=torch.manual_seed(1))
    school.everything = Samples(school.everything.inputs, labels)
    members = draw_members(MEMORISED, MODELS, 1)
    models = [school.train(flags, index) for index, flags in enumerate(members)]
    return np.stack([school.scores(model) for model in models]), members


def area(document: dict[str, object]) -> float:
    found = document["auc"]
    assert isinstance(found, dict)
    return float(found["mean"])


def test_both_attacks_find_what_was_memorised(memorised: tuple[np.ndarray, np.ndarray]) -> None:
    """The control: a model that can know its members only by heart."""
    scores, members = memorised
    assert area(judged(scores, members)) > 0.9
    ratios = np.stack([lira(scores, members, index) for index in range(MODELS)])
    assert area(judged(ratios, members)) > 0.9


def test_members_of_another_model_are_not_found(memorised: tuple[np.ndarray, np.ndarray]) -> None:
    """The same scores held against flags that have nothing to do with them: chance."""
    scores, _ = memorised
    strangers = draw_members(MEMORISED, MODELS, 2)
    found = [area(judged(scores, strangers))]
    found.append(area(judged(
        np.stack([lira(scores, strangers, index) for index in range(MODELS)]), strangers
    )))  # fmt: skip
    # 8 models of 40 members and 40 others: a standard error of about 0.023
    assert all(abs(each - 0.5) < 0.1 for each in found)


def test_a_model_that_has_learnt_nothing_has_no_members() -> None:
    school = School(MEMORISED, 3)
    members = draw_members(MEMORISED, MODELS, 3)
    scores = np.stack([school.scores(school.client.first_model)] * MODELS)
    assert abs(area(judged(scores, members)) - 0.5) < 0.1


def test_a_swarm_gives_less_away_than_a_peer_alone() -> None:
    alone = infer(replace(ALONE, rounds=300), 6, 0)
    swarm = infer(replace(SWARM, pool=288, rounds=15), 6, 0)
    assert isinstance(alone["lira"], dict) and isinstance(swarm["lira"], dict)
    assert area(alone["lira"]) > area(swarm["lira"]) + 0.05


def test_every_image_is_in_as_many_models() -> None:
    members = draw_members(ALONE, 12, 5)
    assert members.shape == (12, ALONE.pool)
    assert (members.sum(axis=0) == 3).all()
    assert not np.array_equal(members, draw_members(ALONE, 12, 6))


def test_an_image_without_a_shadow_on_one_side_is_an_error() -> None:
    scores = np.zeros((3, 4))
    members = np.zeros((3, 4), bool)
    members[0] = True
    with pytest.raises(ValueError, match="no shadow"):
        lira(scores, members, 0)


def test_the_ratio_is_that_of_two_normal_densities() -> None:
    from scipy.stats import norm

    rng = np.random.default_rng(7)
    scores, members = rng.standard_normal((40, 3)), draw_members(replace(ALONE, pool=3), 40, 7)
    shadows = np.arange(40) != 0
    sides = []
    for chosen in (members & shadows[:, None], ~members & shadows[:, None]):
        means = [scores[chosen[:, i], i].mean() for i in range(3)]
        errors = [((scores[chosen[:, i], i] - means[i]) ** 2).sum() for i in range(3)]
        spread = np.sqrt(sum(errors) / (chosen.sum() - 3))
        sides.append(norm.logpdf(scores[0], means, spread))
    assert np.allclose(lira(scores, members, 0), sides[0] - sides[1])


def test_a_pool_larger_than_the_data_is_refused() -> None:
    with pytest.raises(ValueError, match="a pool of 2000"):
        School(replace(ALONE, pool=2000), 0)
