"""Training with noise in the laboratory: the curator's and the sites' are one mechanism."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import product

import numpy as np
import pytest

from peerd.errors import ConfigError, TaskError
from peerd.laboratory.experiments.accuracy import compare
from peerd.laboratory.experiments.accuracy.compare import (
    CENTRAL,
    COUNTED,
    DIGITS,
    EPSILONS,
    FAR,
    FLIPPED,
    FREE,
    LYING,
    NOISY,
    QUIET,
    SIZED,
    TUMOURS,
    Piece,
    gaps,
    interval,
    pieces,
    play,
    table,
)
from peerd.laboratory.experiments.accuracy.course import train
from peerd.laboratory.experiments.baseline import baseline
from peerd.laboratory.experiments.cell import CLEAR, LIFTED
from peerd.laboratory.experiments.private_rounds import LARGEST_VARIANCE, Shares, noise_of
from peerd.laboratory.experiments.rules import checked_rule
from peerd.learning.client import Client
from peerd.learning.loading import load_torch_task
from peerd.learning.private.rates import rate_of, threshold
from peerd.learning.settings import Partition
from protocols.hashing import digest
from protocols.privacy import Budget, fits
from protocols.privacy.mechanism import Phase

SHORT = replace(TUMOURS, rounds=8)


@pytest.mark.parametrize("course", [DIGITS, TUMOURS], ids=lambda course: course.name)
def test_the_noise_is_what_the_budget_needs(course: compare.Course) -> None:
    budget = Budget(Fraction(2), compare.DELTA)
    rule = replace(course.rule(), noise=course.noise(budget))
    assert fits([Phase(rule.mechanism(1), course.rounds)], budget)
    less = replace(rule, noise=rule.noise - Fraction(1, 1000))
    assert not fits([Phase(less.mechanism(1), course.rounds)], budget)


@pytest.mark.parametrize("course", [DIGITS, TUMOURS], ids=lambda course: course.name)
def test_curator_and_sites_take_the_same_step_and_sample_at_the_same_rate(
    course: compare.Course,
) -> None:
    rule, pooled = course.rule(), course.pooled()
    assert (pooled.rate, pooled.clip, pooled.steps, pooled.eta) == (
        rule.rate, rule.clip, rule.steps, rule.eta,
    )  # fmt: skip
    task = load_torch_task(course.task, course.options, {})
    first = Client(task, Partition(), 1, 1)
    model, total = first.first_model, np.arange(first.parameters, dtype=np.int64)
    one, many = pooled.apply(model, total, 1, 0), rule.apply(model, total, course.sites, 0)
    assert np.array_equal(one, many)
    for index in range(course.sites):
        site = Client(task, Partition(index, course.sites), 1, 1)
        rows = len(site.samples)
        assert rate_of(threshold(rule.rate, rule.rows, rows)) == rule.rate
    whole = len(first.samples)
    assert rate_of(threshold(rule.rate, pooled.rows, whole)) == rule.rate


def test_noise_in_parts_has_the_variance_of_the_whole() -> None:
    variance = Fraction(5 * LARGEST_VARIANCE, 2)
    values = noise_of(variance, 40_000, digest("tests/noise")).astype(np.float64)
    assert abs(values.var() / float(variance) - 1) < 0.05
    assert abs(values.mean()) < 5 * (float(variance) / 40_000) ** 0.5


def test_sites_share_the_variance(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def noted(variance: Fraction, count: int, entropy: bytes) -> np.ndarray:
        seen.append((variance, entropy))
        return np.zeros(count, dtype=np.int64)

    monkeypatch.setattr("peerd.laboratory.experiments.private_rounds.noise_of", noted)
    short = replace(TUMOURS, rounds=3)
    train(short, replace(short.rule(), radius=Fraction(1)), Shares(4, 3, 2, Fraction(3)), 1)
    assert {variance for variance, _ in seen} == {Fraction((3 * 1024) ** 2, 2)}
    assert len({entropy for _, entropy in seen}) == len(seen) == 9


def test_a_run_is_deterministic_and_learns() -> None:
    quiet = Piece(SHORT, QUIET, None, None, 1)
    assert play(quiet) == play(quiet) > 0.9
    assert play(replace(quiet, arm=FREE)) > 0.9
    loud = {play(Piece(SHORT, CENTRAL, 1, Fraction(40), seed)) for seed in (1, 2)}
    assert len(loud) == 2 and max(loud) < play(quiet)


def test_a_liar_pushes_no_further_than_the_radius_says() -> None:
    lied = {arm: play(replace(Piece(SHORT, arm, 8, Fraction(2), 1))) for arm in LYING}
    assert lied[FLIPPED] > 0.85 > lied[FAR]


def test_all_pieces_are_there() -> None:
    found = pieces([SHORT], 3)
    assert len(found) == len({piece.title for piece in found}) == 3 * (5 * len(EPSILONS) + 2)
    assert {piece.seed for piece in found[: len(found) // 3]} == {1}


def test_the_table_says_means_and_intervals() -> None:
    mean, half = interval([0.9, 0.92, 0.94])
    assert mean == pytest.approx(0.92) and half == pytest.approx(4.303 * 0.02 / 3**0.5)
    noisy = product((*NOISY, *LYING), EPSILONS)
    results = {(SHORT.name, arm, each): [0.9, 0.92, 0.94] for arm, each in noisy}
    results |= {(SHORT.name, SIZED, 1): [0.88, 0.9, 0.92]}
    results |= {(SHORT.name, arm, None): [0.95, 0.95, 0.95] for arm in (QUIET, FREE)}
    lines = table(results, [SHORT]).splitlines()
    assert len(lines) == 2 + 3 + 2
    one = "| 92.0 ± 5.0 | 92.0 ± 5.0 | 90.0 ± 5.0 | 92.0 ± 5.0 | 92.0 ± 5.0 |"
    assert lines[2].endswith(one) and len({line.count("|") for line in lines}) == 1
    below = dict(gaps(results, [SHORT]))
    assert below[f"tumours, {SIZED}, epsilon 1"] == pytest.approx(2)
    assert below[f"tumours, {COUNTED}, epsilon 8"] == pytest.approx(0)


# -- what plays other rules refuses this one -------------------------------------------------------


@pytest.mark.parametrize("form", [LIFTED, CLEAR])
def test_cells_have_no_rule_of_rows(form: str) -> None:
    with pytest.raises((TaskError, ConfigError), match="dp-sgd"):
        checked_rule(form, "dp-sgd", {}, "private")


def test_nor_have_baselines() -> None:
    with pytest.raises(TaskError, match="dp-sgd sums the clipped gradients"):
        baseline("dp-sgd", "digits", {}, peers=2, liars=0, attack=None, rounds=1, seed=1)
