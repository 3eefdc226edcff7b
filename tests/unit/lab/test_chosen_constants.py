"""Constants are chosen on rows that are neither trained on nor reported."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import torch

from peerd.laboratory.experiments.accuracy.choice import ETAS, FIRST_SEED, ranked, tried
from peerd.laboratory.experiments.accuracy.compare import DIGITS, EPSILONS, SITES, STUDENT, TUMOURS
from peerd.laboratory.experiments.accuracy.folds import FOLDS, Folded
from peerd.laboratory.experiments.accuracy.frequencies import KEPT, LowDigits, cosines
from peerd.laboratory.experiments.accuracy.tumours import Tumours
from peerd.learning.settings import Partition
from peerd.learning.task import Samples
from peerd.tasks.digits import SIDE


def rows_of(samples: object) -> set[bytes]:
    assert isinstance(samples, Samples)
    return {row.numpy().tobytes() for row in samples.inputs}


def test_each_training_row_is_left_out_once_and_no_reported_row_ever() -> None:
    plain = Tumours({}, {})
    everything, reported = rows_of(plain.data(Partition())), rows_of(plain.held_out())
    left_out: list[bytes] = []
    for fold in range(FOLDS):
        task = Folded(plain, fold, SITES)
        trained = set().union(*(rows_of(task.data(Partition(i, SITES))) for i in range(SITES)))
        judged = rows_of(task.held_out())
        assert not trained & judged and trained | judged == everything
        assert not judged & reported
        left_out += judged
    assert sorted(left_out) == sorted(everything)


def test_a_fold_is_divided_by_the_rows_that_it_has() -> None:
    folded = TUMOURS.folded(3)
    assert folded.rule().lot == TUMOURS.rule().lot * Fraction(9, 10) and folded.fold == 3


def test_each_epsilon_has_its_eta() -> None:
    given = [DIGITS.at(epsilon).rule().eta for epsilon in EPSILONS]
    assert given == sorted(given) and len(set(given)) > 1
    assert {str(eta) for eta in given} <= set(ETAS)
    assert set(TUMOURS.etas) == set(DIGITS.etas) == set(EPSILONS)
    assert replace(TUMOURS, etas={}).at(1).rule() == TUMOURS.rule()


def test_all_choices_are_tried_on_each_fold_with_seeds_that_are_not_reported() -> None:
    found = tried([replace(TUMOURS, rounds=3)])
    assert len(found) == len(EPSILONS) * len(ETAS) * FOLDS
    assert {piece.course.fold for _, piece in found} == set(range(FOLDS))
    assert min(piece.seed for _, piece in found) == FIRST_SEED > max(STUDENT)
    for (_, epsilon, eta), piece in found:
        assert piece.course.rule().eta == Fraction(eta) and piece.epsilon == epsilon


def test_the_best_choice_is_first() -> None:
    given = {("a", 1, "1"): [0.5, 0.6], ("a", 1, "2"): [0.7, 0.9], ("a", 2, "1"): [0.9, 0.9]}
    assert [choice for choice, _ in ranked(given)] == [
        ("a", 1, "2"), ("a", 1, "1"), ("a", 2, "1"),
    ]  # fmt: skip


def test_low_frequencies_are_a_part_of_an_orthonormal_transform() -> None:
    whole = cosines(SIDE, SIDE).astype(np.float64)
    assert np.allclose(whole @ whole.T, np.eye(SIDE), atol=1e-6)
    assert np.array_equal(cosines(SIDE, KEPT), cosines(SIDE, SIDE)[:KEPT])
    task = LowDigits({}, {})
    held = task.held_out()
    assert held.inputs.shape == (360, KEPT**2)
    flat = torch.full((1, SIDE * SIDE), 2.0) @ torch.from_numpy(
        np.kron(cosines(SIDE, KEPT), cosines(SIDE, KEPT)).T
    )
    assert abs(float(flat[0, 0]) - 2 * SIDE) < 1e-4 and float(flat[0, 1:].abs().max()) < 1e-4
