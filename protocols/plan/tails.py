"""Exact tail probabilities. No float decides anything here; log2 is for people to read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import comb, inf, log2


@dataclass(frozen=True, slots=True)
class Tail:
    """A probability as an exact ratio of integers (not reduced: they are thousands of bits)."""

    numerator: int
    denominator: int

    def below(self, exponent: int, divisor: int = 1) -> bool:
        """Is it < 2^-exponent / divisor?"""
        return (self.numerator * divisor) << exponent < self.denominator

    def log2(self, times: int = 1) -> float:
        """log2 of ``times`` x the probability (a union bound); -inf if it can't happen."""
        if self.numerator == 0:
            return -inf
        return log2(self.numerator * times) - log2(self.denominator)


def hypergeometric_tail(pool: int, marked: int, sample: int, above: int) -> Tail:
    """Pr[X > above], X the marked ones among ``sample`` drawn from ``pool`` without replacement."""
    terms = _hypergeometric_terms(pool, marked, sample, above + 1)
    return Tail(sum(terms), comb(pool, sample))


def binomial_tail(trials: int, chance: Fraction, at_least: int) -> Tail:
    """Pr[X >= at_least] for X ~ Bin(trials, chance)."""
    terms = _binomial_terms(trials, chance, at_least)
    return Tail(sum(terms), chance.denominator**trials)


def binomial_below(trials: int, chance: Fraction, at_least: int, exponent: int) -> bool:
    """Is Pr[X >= at_least] < 2^-exponent? Cheap where it is not."""
    terms = _binomial_terms(trials, chance, at_least)
    return not _reaches(terms, chance.denominator**trials, exponent, 1)


def least_bound(
    pool: int, marked: int, sample: int, exponent: int, divisor: int = 1, start: int = 0
) -> int:
    """Least x >= start with Pr[X > x] < 2^-exponent / divisor, X as in hypergeometric_tail.

    With ``sample + 1`` the answer is the same or one more, so that a scan over samples passes
    its last answer as ``start``.
    """
    limit = comb(pool, sample)
    bound = start
    while _reaches(
        _hypergeometric_terms(pool, marked, sample, bound + 1), limit, exponent, divisor
    ):
        bound += 1
    return bound


def _reaches(terms: Iterator[int], limit: int, exponent: int, divisor: int) -> bool:
    """Is sum(terms) / limit >= 2^-exponent / divisor? Stops as soon as the sum shows it."""
    total = 0
    scale = divisor << exponent
    for term in terms:
        total += term
        if total * scale >= limit:
            return True
    return False


def _hypergeometric_terms(pool: int, marked: int, sample: int, first: int) -> Iterator[int]:
    """C(marked, x) C(pool - marked, sample - x) for x = first, first + 1, … while not zero."""
    rest = pool - marked
    x = max(first, sample - rest, 0)
    last = min(marked, sample)
    if x > last:
        return
    term = comb(marked, x) * comb(rest, sample - x)
    while True:
        yield term
        if x == last:
            return
        # the quotient of neighbouring terms; the product is divisible, exactly
        term = term * (marked - x) * (sample - x) // ((x + 1) * (rest - sample + x + 1))
        x += 1


def _binomial_terms(trials: int, chance: Fraction, first: int) -> Iterator[int]:
    """C(trials, x) hit^x miss^(trials - x) for x = first, first + 1, … while not zero."""
    hit, miss = chance.numerator, chance.denominator - chance.numerator
    x = max(0, first)
    if x > trials or (hit == 0 and x > 0):
        return
    term = comb(trials, x) * hit**x * miss ** (trials - x)
    while True:
        yield term
        if x == trials:
            return
        term = term * (trials - x) * hit // ((x + 1) * miss)
        x += 1
