"""How the constants were chosen: by what the sites reach on training rows that are left out.

By the sites that add as much noise as a group of four does: it has no curator to compare with. Each
fold of the training rows is left out once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import product
from statistics import fmean

from peerd.laboratory.experiments.accuracy.compare import DELTA, EPSILONS, SIZED, Piece
from peerd.laboratory.experiments.accuracy.course import Course
from peerd.laboratory.experiments.accuracy.folds import FOLDS
from protocols.privacy import Budget

ETAS = ("1", "2", "4", "6", "8", "12")
FIRST_SEED = 101
"""No seed that is reported."""

Choice = tuple[str, int, str]
"""Course, ε, η."""


def tried(courses: Sequence[Course]) -> list[tuple[Choice, Piece]]:
    """All runs, ten of each choice."""
    found = []
    for course, epsilon in product(courses, EPSILONS):
        noise = course.noise(Budget(Fraction(epsilon), DELTA))
        for eta, fold in product(ETAS, range(FOLDS)):
            given = {**course.constants, "eta": eta}
            chosen = replace(course, constants=given, etas={}).folded(fold)
            piece = Piece(chosen, SIZED, epsilon, noise, FIRST_SEED + fold)
            found.append(((course.name, epsilon, eta), piece))
    return found


def ranked(accuracies: Mapping[Choice, Sequence[float]]) -> list[tuple[Choice, float]]:
    """Each choice with its mean accuracy; by course and ε, the best first."""
    means = [(choice, fmean(values)) for choice, values in accuracies.items()]
    return sorted(means, key=lambda each: (each[0][:2], -each[1]))
