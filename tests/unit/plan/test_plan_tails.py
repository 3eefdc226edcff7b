"""Tails against enumeration and against their definitions."""

from fractions import Fraction
from itertools import combinations
from math import comb, inf

import pytest

from protocols.plan import (
    PAPER_RULES,
    PlanError,
    binomial_tail,
    hypergeometric_tail,
    least_bound,
    paper_committee,
    rational,
)


def test_hypergeometric_tail_by_enumeration() -> None:
    for pool in range(1, 9):
        for marked in range(pool + 1):
            for sample in range(pool + 1):
                draws = [sum(x < marked for x in d) for d in combinations(range(pool), sample)]
                for above in range(-1, sample + 1):
                    tail = hypergeometric_tail(pool, marked, sample, above)
                    assert tail.denominator == comb(pool, sample)
                    assert tail.numerator == sum(count > above for count in draws)


def test_binomial_tail_against_its_definition() -> None:
    chance = Fraction(3, 7)
    for trials in range(7):
        for at_least in range(trials + 2):
            tail = binomial_tail(trials, chance, at_least)
            exact = sum(
                (
                    comb(trials, x) * chance**x * (1 - chance) ** (trials - x)
                    for x in range(at_least, trials + 1)
                ),
                Fraction(0),
            )
            assert Fraction(tail.numerator, tail.denominator) == exact


def test_least_bound_is_least_and_can_be_scanned() -> None:
    bound = 0
    for sample in range(1, 80):
        bound = least_bound(200, 30, sample, 20, 3, bound)
        assert hypergeometric_tail(200, 30, sample, bound).below(20, 3)
        assert bound == 0 or not hypergeometric_tail(200, 30, sample, bound - 1).below(20, 3)
        assert bound == least_bound(200, 30, sample, 20, 3)


def test_a_smaller_pool_is_worse() -> None:
    tails = [hypergeometric_tail(pool, 10, 30, 6) for pool in range(60, 101)]
    values = [Fraction(t.numerator, t.denominator) for t in tails]
    assert values == sorted(values, reverse=True)
    # a silent liar leaves the pool and the liars: that is no gain for them
    for pool in range(60, 100):
        fewer = hypergeometric_tail(pool - 1, 9, 30, 6)
        same = hypergeometric_tail(pool, 10, 30, 6)
        assert Fraction(fewer.numerator, fewer.denominator) < Fraction(
            same.numerator, same.denominator
        )


def test_log2_of_the_impossible() -> None:
    assert hypergeometric_tail(10, 2, 10, 2).log2() == -inf
    half = hypergeometric_tail(2, 1, 1, 0)
    assert half.log2() == -1
    assert half.log2(times=4) == 1
    assert half.below(0)
    assert not half.below(1)


DROPOUTS = ["0", "0.05", "0.10", "0.15"]


@pytest.mark.parametrize(
    ("rule", "sizes"),
    [
        ("paper-half", [46, 53, 60, 69]),
        ("paper-half-strict", [49, 53, 61, 69]),
        ("paper-third", [120, 157, 218, 326]),
        ("paper-third-strict", [124, 157, 218, 326]),
    ],
)
def test_sizes_of_appendix_b_1_1(rule: str, sizes: list[int]) -> None:
    found = [
        paper_committee(PAPER_RULES[rule], Fraction(1, 10), rational(q)).committee for q in DROPOUTS
    ]
    assert found == sizes


def test_the_loose_reading_does_not_reach_forty_bits() -> None:
    loose = paper_committee(PAPER_RULES["paper-half"], Fraction(1, 10), Fraction(0))
    strict = paper_committee(PAPER_RULES["paper-half-strict"], Fraction(1, 10), Fraction(0))
    assert loose.failure.log2() == pytest.approx(-36.8, abs=0.05)
    assert not loose.failure.below(40)
    assert strict.failure.below(40)


@pytest.mark.parametrize(("adversary", "dropout"), [("0.5", "0"), ("0.1", "0.9"), ("0.49", "0")])
def test_paper_rule_refuses_what_no_committee_meets(adversary: str, dropout: str) -> None:
    with pytest.raises(PlanError):
        paper_committee(PAPER_RULES["paper-half"], rational(adversary), rational(dropout))


@pytest.mark.parametrize("text", ["0.29", ".29", "29/100", "0029/100"])
def test_rational_is_exact(text: str) -> None:
    assert rational(text) == Fraction(29, 100)


@pytest.mark.parametrize(
    "text", ["", "-0.1", "1e-1", "nan", "1/0", "0.1 ", "1_0", "٣", "1/2/3", "0." + "1" * 40]
)
def test_rational_refuses_what_is_not_plain(text: str) -> None:
    with pytest.raises(PlanError):
        rational(text)
