"""Canaries: what is proven is not contradicted, a fault is seen, and the bound is a bound."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from peerd.laboratory.experiments.privacy.canaries import (
    MECHANISMS,
    Errors,
    Mechanism,
    Rounds,
    audit,
    chosen,
    most,
)

FEW = 200


def quietly(line: str) -> None: ...


def test_no_more_than_what_is_proven_and_something() -> None:
    found: dict[str, Any] = audit(Mechanism(8, rounds=4), 4, FEW, 1, quietly)
    assert 0 < found["at_least"] < 8
    assert found["auc"]["mean"] > 0.75


def test_noise_that_is_withheld_is_seen() -> None:
    found: dict[str, Any] = audit(Mechanism(1, rounds=4, withheld=True), 4, FEW, 1, quietly)
    assert found["at_least"] > 1


@pytest.mark.parametrize("rate", ["1", "1/2"])
def test_a_canary_is_a_norm_in_one_number_and_noise_is_what_is_proven(rate: str) -> None:
    """The sums of one round, as the scores see them: mean rate where it is there, variance z²."""
    mechanism = Mechanism(8, rate, rounds=1)
    rounds, seen = Rounds(mechanism, FEW, 2), []
    rounds._ratio = lambda each: seen.append(each) or each  # type: ignore[method-assign, func-returns-value, assignment, return-value]
    there = np.arange(FEW) % 3 > 0
    for run in range(30):
        rounds.scores(there, run)
    table, noise = np.stack(seen), float(mechanism.rule().noise)
    share = float(mechanism.rule().rate)
    error = noise / table[:, ~there].size ** 0.5
    assert abs(table[:, ~there].mean()) < 4 * error
    assert abs(table[:, there].mean() - share) < 4 * (error + share * (1 - share) / 60)
    assert abs(table[:, ~there].std() / noise - 1) < 0.05


def test_all_epsilons_are_audited_and_a_fault_beside() -> None:
    assert {each.epsilon for each in MECHANISMS} == {1, 2, 8}
    assert any(each.withheld for each in MECHANISMS)
    assert any(each.rule().rate < 1 for each in MECHANISMS)
    assert replace(MECHANISMS[0], withheld=True).rule() == MECHANISMS[0].rule()


@pytest.mark.parametrize(("hits", "trials"), [(0, 10), (3, 100), (250, 2500), (99, 100)])
def test_the_bound_is_clopper_and_pearsons(hits: int, trials: int) -> None:
    from scipy.stats import beta

    assert most(hits, trials) == pytest.approx(beta.ppf(0.975, hits + 1, trials - hits), rel=1e-6)


def test_where_all_are_wrong_nothing_is_known() -> None:
    assert most(7, 7) == 1
    assert Errors(50, 25, 50, 25).epsilon() == 0
    assert Errors(1000, 0, 1000, 0).epsilon() == pytest.approx(np.log((1 - 1e-5) / 0.00368), 0.01)


def test_a_randomised_answer_has_its_epsilon() -> None:
    """Three of four are said as they are: ε = ln 3, and the bound is below and near."""
    rng = np.random.default_rng(3)
    there = rng.random(40_000) < 0.5
    scores = np.where(rng.random(len(there)) < 0.75, there, ~there) + 0.0
    found = Errors.of(scores, there, chosen(scores[:1000], there[:1000])).epsilon()
    assert np.log(3) - 0.06 < found < np.log(3)
