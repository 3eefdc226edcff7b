"""The same training by one curator, by sites, and without noise: many seeds, and a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import product
from statistics import fmean, stdev

from peerd.laboratory.experiments.accuracy.course import Course, train
from peerd.laboratory.experiments.private_rounds import Shares, forging
from peerd.laboratory.pool.work import Work
from protocols.privacy import Budget

DELTA = Fraction(1, 10**5)
EPSILONS = (1, 2, 8)
CENTRAL, COUNTED, SIZED = "one curator", "4 sites, all counted on", "4 sites, 2 counted on"
FLIPPED, FAR = "one of 4 flips signs", "with `radius` = 1"
LYING = (FLIPPED, FAR)
QUIET, FREE = "no noise", "no noise, no clipping"
NOISY = (CENTRAL, COUNTED, SIZED)
SITES = 4
HONEST, NOISY_SITES = 2, 3
"""Of four sites one may be missing and one may withhold its noise: so 2 are counted on, and the
noise of 3 is added, whoever is there.
"""
STUDENT = {3: 4.303, 5: 2.776, 10: 2.262, 20: 2.093}
"""By the number of seeds: half an interval of 95 %, in deviations of the mean."""

DIGITS = Course(
    "digits",
    "peerd.laboratory.experiments.accuracy.frequencies:LowDigits",
    SITES,
    20,
    {"rate": "1", "clip": "1", "steps": 1024, "rows": 360, "lot": "360", "eta": "8"},
    etas={1: "4", 2: "6", 8: "12"},
)
TUMOURS = Course(
    "tumours",
    "peerd.laboratory.experiments.accuracy.tumours:Tumours",
    SITES,
    10,
    {"rate": "1", "clip": "1", "steps": 1024, "rows": 100, "lot": "100", "eta": "2"},
    etas={1: "2", 2: "6", 8: "2"},
)
COURSES = (DIGITS, TUMOURS)
FREE_CLIP, FREE_STEPS = Fraction(64), 1 << 16
"""What no gradient here is longer than, in steps of a thousandth."""


@dataclass(frozen=True)
class Piece:
    """One run. ``noise``: the multiplier z, None for none."""

    course: Course
    arm: str
    epsilon: int | None
    noise: Fraction | None
    seed: int

    @property
    def title(self) -> str:
        """For whoever waits."""
        budget = "" if self.epsilon is None else f", epsilon {self.epsilon}"
        return f"{self.course.name}, {self.arm}{budget}, seed {self.seed}"


def pieces(courses: Sequence[Course], seeds: int) -> list[Piece]:
    """All runs, the first seed's first."""
    found: list[Piece] = []
    for course in courses:
        budgets = {each: Budget(Fraction(each), DELTA) for each in EPSILONS}
        noise = {each: course.noise(budget) for each, budget in budgets.items()}
        shared = product((*NOISY, *LYING), EPSILONS)
        arms = [(course.at(each), arm, each, noise[each]) for arm, each in shared]
        free = [(course, arm, None, None) for arm in (QUIET, FREE)]
        found += [Piece(*arm, seed) for seed in range(1, seeds + 1) for arm in (*arms, *free)]
    return sorted(found, key=lambda piece: piece.seed)


def play(piece: Piece) -> float:
    """Accuracy (0…1) on the held-out rows."""
    course, rule = piece.course, piece.course.rule()
    if piece.arm == CENTRAL:
        return train(course, course.pooled(), Shares(1, 1, 1, piece.noise), piece.seed)
    if piece.arm == FREE:
        rule = replace(rule, clip=FREE_CLIP, steps=FREE_STEPS, radius=FREE_CLIP)
    elif piece.arm == FAR:
        rule = replace(rule, radius=Fraction(1))
    noisy, counted = (SITES, SITES) if piece.arm == COUNTED else (NOISY_SITES, HONEST)
    lie = forging("sign-flip", rule.limit) if piece.arm in LYING else None
    shares = Shares(SITES, noisy, counted, piece.noise, liars=frozenset({SITES - 1}), lie=lie)
    return train(course, rule, shares, piece.seed)


def work(todo: Sequence[Piece]) -> Work:
    """For a pool."""
    return Work(play, todo, [piece.title for piece in todo], __name__)


Results = Mapping[tuple[str, str, int | None], Sequence[float]]
"""Accuracies by course, arm and ε, one a seed."""


def interval(values: Sequence[float]) -> tuple[float, float]:
    """The mean, and half of its interval of 95 %, by Student's distribution."""
    return fmean(values), STUDENT[len(values)] * stdev(values) / len(values) ** 0.5


def table(results: Results, courses: Sequence[Course] = COURSES) -> str:
    """Markdown: a row a course and ε."""
    head = ["", "ε", "noise z", *NOISY, *LYING]
    lines = [head, ["---"] * len(head)]
    for course, epsilon in product(courses, EPSILONS):
        cells = [_shown(results[course.name, arm, epsilon]) for arm in (*NOISY, *LYING)]
        noise = course.noise(Budget(Fraction(epsilon), DELTA))
        lines.append([course.name, str(epsilon), f"{float(noise):.2f}", *cells])
    for course, arm in product(courses, (QUIET, FREE)):
        lines.append(
            [f"{course.name}, {arm}", "", "", "", _shown(results[course.name, arm, None])]
            + [""] * (1 + len(LYING))
        )
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _shown(values: Sequence[float]) -> str:
    mean, half = interval(values)
    return f"{100 * mean:.1f} ± {100 * half:.1f}"


def gaps(results: Results, courses: Sequence[Course] = COURSES) -> Iterator[tuple[str, float]]:
    """How many points a federated run is below the central one, in the mean."""
    for course, arm, epsilon in product(courses, NOISY[1:], EPSILONS):
        one = fmean(results[course.name, CENTRAL, epsilon])
        other = fmean(results[course.name, arm, epsilon])
        yield f"{course.name}, {arm}, epsilon {epsilon}", 100 * (one - other)
