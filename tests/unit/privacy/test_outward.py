"""Every rounding makes epsilon larger, by almost nothing, and alike on every machine."""

from __future__ import annotations

import _pydecimal
import ast
import decimal
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import mpmath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.privacy import ORDERS, Mechanism, Phase, epsilon_of
from protocols.privacy.accountant import _left, _slack
from protocols.privacy.divergence import round_curve, skellam_divergence
from protocols.privacy.outward import DIGITS, INFINITE, at_least, at_most, exp_up, log_up

ROOT = Path(__file__).resolve().parents[3]
PRECISE = mpmath.mp.clone()
PRECISE.dps = 150
ULPS = PRECISE.mpf(10) ** (3 - DIGITS)
"""What one operation may be off by, relatively."""
OWN = PRECISE.mpf(10) ** -100
"""What mpmath's own rounding may be off by."""


def precise(value: Fraction | Decimal) -> mpmath.mpf:
    exact = Fraction(value)
    return PRECISE.mpf(exact.numerator) / exact.denominator


rationals = st.fractions(Fraction(1, 10**9), 10**5, max_denominator=10**12)


@given(rationals)
def test_a_bound_is_one_and_close(value: Fraction) -> None:
    assert at_most(value) <= value <= at_least(value)
    assert Fraction(at_least(value)) - Fraction(at_most(value)) <= value / 10 ** (DIGITS - 2)
    exact = PRECISE.exp(precise(at_least(value)))
    assert exact < precise(exp_up(at_least(value))) < exact * (1 + ULPS)
    log = PRECISE.log(precise(at_least(value)))
    assert log < precise(log_up(at_least(value))) < log + abs(log) * ULPS + OWN


def test_what_is_past_use_is_infinite() -> None:
    assert exp_up(Decimal(1_000_000)) < INFINITE
    assert exp_up(Decimal(1_000_001)) == log_up(INFINITE) == INFINITE


@pytest.mark.parametrize("rate", ["1/1000", "1/30", "2/3", "1"])
@pytest.mark.parametrize("noise", ["3/10", "1", "17/5"])
def test_a_curve_is_the_formula_in_more_digits_and_no_lower(noise: str, rate: str) -> None:
    q = Fraction(rate)
    mechanism = Mechanism(Fraction(1), 1600, q).with_noise(Fraction(noise))

    def term(order: int, j: int) -> mpmath.mpf:
        tau = skellam_divergence(j, mechanism.variance, mechanism.squared_norm) if j > 1 else 0
        power = PRECISE.exp(precise(Fraction((j - 1) * tau)))
        ways = PRECISE.binomial(order, j) * precise(1 - q) ** (order - j) * precise(q) ** j
        return ways * power

    for order in ORDERS[::6]:
        exact = PRECISE.log(PRECISE.fsum(term(order, j) for j in range(order + 1))) / (order - 1)
        found = precise(round_curve(mechanism)[ORDERS.index(order)])
        assert exact - OWN <= found <= exact + PRECISE.mpf(10) ** -50 + exact * ULPS


@pytest.mark.parametrize(("noise", "rounds"), [("1", 3), ("5", 700)])
def test_epsilon_is_the_formula_rounded_up(noise: str, rounds: int) -> None:
    delta = Fraction(1, 10**6)
    mechanism = Mechanism(Fraction(1), 1600).with_noise(Fraction(noise))

    def epsilon(order: int) -> mpmath.mpf:
        tau = skellam_divergence(order, mechanism.variance, mechanism.squared_norm)
        shrunk = PRECISE.log(1 - PRECISE.mpf(1) / order)
        return precise(rounds * tau) + shrunk - PRECISE.log(precise(delta) * order) / (order - 1)

    exact = min(map(epsilon, ORDERS))
    assert exact - OWN <= precise(epsilon_of([Phase(mechanism, rounds)], delta)) < exact + 1e-6


def test_what_is_left_of_delta_is_rounded_down() -> None:
    third, heavy = Fraction(1, 3), Mechanism(Fraction(9), 1, slack=Fraction(1, 3 * 10**9))
    assert _left(_slack([]), third, Fraction(1)) < third
    exact = precise(third) - (1 + PRECISE.e) * 7 * precise(heavy.slack)
    found = precise(_left(_slack([Phase(heavy, 7)]), third, Fraction(1)))
    assert exact - PRECISE.mpf(10) ** -58 < found < exact


def test_pythons_own_decimals_round_alike() -> None:
    """Where ``_decimal`` isn't built, ``decimal`` is ``_pydecimal``: another implementation."""
    assert decimal.Decimal is not _pydecimal.Decimal
    context = _pydecimal.Context(prec=DIGITS)
    for text in ("0.0001", "0.73", "3", "41.5", "997.25", "1E-40"):
        theirs = _pydecimal.Decimal(text)
        assert str(exp_up(Decimal(text))) == str(context.next_plus(context.exp(theirs)))
        assert str(log_up(Decimal(text))) == str(context.next_plus(context.ln(theirs)))


def test_the_threads_own_context_changes_nothing() -> None:
    mechanism = Mechanism(Fraction(77), 81, Fraction(1, 7))
    whole = round_curve(mechanism), epsilon_of([Phase(mechanism, 9)], Fraction(1, 1000))
    with decimal.localcontext(decimal.Context(prec=3, rounding=decimal.ROUND_FLOOR)):
        round_curve.cache_clear()
        phases = [Phase(mechanism, 9)]
        assert whole == (round_curve(mechanism), epsilon_of(phases, Fraction(1, 1000)))


@pytest.mark.parametrize(
    "path", sorted((ROOT / "protocols/privacy").glob("*.py")), ids=lambda path: path.name
)
def test_no_float_is_in_it(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant):
            assert not isinstance(node.value, float | complex), node.lineno
        if isinstance(node, ast.Name | ast.Attribute):
            name = node.id if isinstance(node, ast.Name) else node.attr
            assert name not in {"float", "float64", "float32"}, node.lineno
        if isinstance(node, ast.ImportFrom) and node.module == "math":
            assert {alias.name for alias in node.names} <= {"comb", "ceil"}
