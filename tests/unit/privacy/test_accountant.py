"""What rounds cost, how many fit, and how much noise they need."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.privacy import (
    MAX_ROUNDS,
    ORDERS,
    Budget,
    Mechanism,
    Phase,
    PrivacyError,
    epsilon_of,
    fits,
    least_noise,
    rounds_within,
)
from protocols.privacy.divergence import round_curve

VECTORS = Path(__file__).resolve().parents[2] / "vectors/gaussian_privacy.json"
BUDGET = Budget(Fraction(2), Fraction(1, 10**6))
STEP = Fraction(1, 1000)


def mechanism(noise: str | Fraction = "1", rate: str = "1/100", slack: str = "0") -> Mechanism:
    plain = Mechanism(Fraction(1), 64 * 64, Fraction(rate), Fraction(slack))
    return plain.with_noise(Fraction(noise))


@pytest.mark.parametrize(
    ("noise", "rate", "rounds", "delta", "gaussian"), json.loads(VECTORS.read_text())
)
def test_it_is_the_sampled_gaussian_where_the_grid_is_fine(
    noise: str, rate: str, rounds: int, delta: str, gaussian: float
) -> None:
    """dp-accounting's numbers (gaussian_oracle.py), as tight, and never below."""
    for clip, most in ((32, 1.01), (1 << 20, 1.00001)):
        fine = Mechanism(Fraction(1), clip * clip, Fraction(rate))
        phases = [Phase(fine.with_noise(Fraction(noise)), rounds)]
        found = epsilon_of(phases, Fraction(delta))
        assert gaussian <= found <= gaussian * most + 1e-6


def test_numbers_that_every_machine_gets() -> None:
    """Recomputed by all who sign: a change of one digit is a change of the accountant's name."""
    curve = round_curve(mechanism())
    assert str(curve[0]) == "0.000171879783073878797614762679546038411223115088902548451508067"
    assert (
        str(curve[ORDERS.index(24)])
        == "7.19753472135838400228398099256826619063043662532683038644714"
    )
    assert rounds_within(BUDGET, mechanism()) == 510
    assert least_noise(BUDGET, 1000, mechanism()) == Fraction(1097, 1000)


@given(st.integers(300, 4000), st.sampled_from(["1", "1/3", "1/100"]), st.integers(1, 60))
@settings(max_examples=15)
def test_rounds_and_epsilon_are_inverse(noise: int, rate: str, tenths: int) -> None:
    budget = Budget(Fraction(tenths, 10), Fraction(1, 10**6))
    asked = mechanism(noise * STEP, rate, "1/1152921504606846976")
    rounds = rounds_within(budget, asked)
    assert 0 <= rounds < MAX_ROUNDS
    if rounds:
        assert epsilon_of([Phase(asked, rounds)], budget.delta) <= budget.epsilon
    assert not fits([Phase(asked, rounds + 1)], budget)


@given(st.integers(1, 3000), st.sampled_from(["1", "1/20", "1/1000"]))
@settings(max_examples=6)
def test_rounds_and_noise_are_inverse(rounds: int, rate: str) -> None:
    noise = least_noise(BUDGET, rounds, mechanism(rate=rate))
    assert rounds_within(BUDGET, mechanism(noise, rate)) >= rounds
    if noise > STEP:
        assert rounds_within(BUDGET, mechanism(noise - STEP, rate)) < rounds


@given(st.integers(300, 3000), st.integers(1, 99), st.integers(1, 500), st.integers(1, 50))
@settings(max_examples=25)
def test_more_of_anything_costs_more(noise: int, percent: int, rounds: int, more: int) -> None:
    def cost(noise: int, percent: int, rounds: int) -> Fraction:
        phase = Phase(mechanism(noise * STEP, f"{percent}/100"), rounds)
        try:
            return epsilon_of([phase], BUDGET.delta)
        except PrivacyError:
            return Fraction(1000)

    plain = cost(noise, percent, rounds)
    assert cost(noise, percent, rounds + more) >= plain
    assert cost(noise + more, percent, rounds) <= plain
    assert cost(noise, min(100, percent + more), rounds) >= plain


@given(st.integers(0, 400), st.integers(0, 400))
@settings(max_examples=25)
def test_phases_add_up(first: int, second: int) -> None:
    """Of one mechanism: as many rounds at once. Of two: more than either."""
    one, other = mechanism(), mechanism("3/2", "1/50")
    delta = BUDGET.delta
    halves = [Phase(one, first), Phase(one, second)]
    assert epsilon_of(halves, delta) == epsilon_of([Phase(one, first + second)], delta)
    both = [Phase(one, first), Phase(other, second)]
    assert epsilon_of(both, delta) == epsilon_of(both[::-1], delta)
    assert epsilon_of(both, delta) >= max(epsilon_of([each], delta) for each in both)


def test_a_successor_inherits_what_was_spent() -> None:
    spent = [Phase(mechanism(), 100)]
    rest = rounds_within(BUDGET, mechanism(), spent)
    assert rest == rounds_within(BUDGET, mechanism()) - 100
    quieter = mechanism("9/10")
    there = rounds_within(BUDGET, quieter, spent)
    assert 0 <= there < rounds_within(BUDGET, quieter)
    more = least_noise(BUDGET, 300, mechanism(), spent)
    assert more > least_noise(BUDGET, 300, mechanism())
    assert rounds_within(BUDGET, mechanism(), [Phase(mechanism(), 10**6)]) == 0


def test_slack_is_paid_in_both_worlds() -> None:
    """(1 + e^ε) times, each round: δ counts what differs in the one world and in the other."""
    slack, rounds = Fraction(1, 10**9), 100
    paid = [Phase(mechanism(slack=str(slack)), rounds)]
    epsilon = epsilon_of(paid, BUDGET.delta)
    factor = 1 + Fraction(2.718281828 ** float(epsilon))
    left = BUDGET.delta - factor * rounds * slack
    plain = epsilon_of([Phase(mechanism(), rounds)], left)
    assert abs(plain - epsilon) <= Fraction(2, 10**6)
    assert epsilon > epsilon_of([Phase(mechanism(), rounds)], BUDGET.delta - rounds * slack)


def test_slack_that_delta_cannot_pay() -> None:
    heavy = mechanism(slack="1/1000000")
    assert rounds_within(BUDGET, heavy) == 0
    with pytest.raises(PrivacyError, match="doesn't pay for what 1 rounds are off"):
        least_noise(BUDGET, 1, heavy)
    with pytest.raises(PrivacyError, match="no epsilon up to 100"):
        epsilon_of([Phase(heavy, 1)], BUDGET.delta)


def test_ends_of_the_range() -> None:
    forever = mechanism("1000", "1/1000000")
    assert rounds_within(Budget(Fraction(50), Fraction(1, 100)), forever) == MAX_ROUNDS
    with pytest.raises(PrivacyError, match="no noise up to 1000 times"):
        least_noise(Budget(Fraction(1, 1000), BUDGET.delta), 10**9, mechanism(rate="1"))
    with pytest.raises(PrivacyError, match="no epsilon up to 100"):
        epsilon_of([Phase(mechanism("1/1000"), 1)], BUDGET.delta)
    assert epsilon_of([], BUDGET.delta) >= 0
    assert not fits([Phase(mechanism("1/1000"), 1)], Budget(Fraction(100), BUDGET.delta))


@pytest.mark.parametrize(
    ("build", "what"),
    [
        (lambda: mechanism("0"), "variance must be above 0, not 0"),
        (lambda: mechanism(rate="0"), "rate must be in"),
        (lambda: mechanism(rate="3/2"), "rate must be in"),
        (lambda: mechanism(slack="1"), "slack must be in"),
        (lambda: Mechanism(Fraction(9), 0), "squared norm must be an integer >= 1, not 0"),
        (lambda: Mechanism(Fraction(9), True), "squared norm must be an integer >= 1, not True"),
        (lambda: Phase(mechanism(), -1), "rounds must be an integer >= 0, not -1"),
        (lambda: Budget(Fraction(0), Fraction(1, 2)), "epsilon must be above 0"),
        (lambda: Budget(Fraction(101), Fraction(1, 2)), "epsilon must be above 0"),
        (lambda: Budget(Fraction(1), Fraction(1)), "delta must be above 0"),
        (lambda: epsilon_of([], Fraction(0)), "delta must be above 0"),
    ],
)
def test_nonsense_is_refused(build: object, what: str) -> None:
    assert callable(build)
    with pytest.raises(PrivacyError, match=what):
        build()


def test_a_float_is_refused() -> None:
    with pytest.raises(TypeError, match="a float is another"):
        Budget(2.0, Fraction(1, 2))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="a float is another"):
        Mechanism(Fraction(1), 1, 0.5)  # type: ignore[arg-type]


def test_a_larger_budget_never_allows_less() -> None:
    """What slack costs grows with e^epsilon: at 50 it is more than any delta."""
    mechanism = Mechanism(Fraction(1024**2), 1024**2, Fraction(1, 4), Fraction(1, 2**58))
    delta, rounds, noise = Fraction(1, 10**5), [], []
    for epsilon in (1, 8, 20, 30, 50, 100):
        budget = Budget(Fraction(epsilon), delta)
        rounds.append(rounds_within(budget, mechanism))
        noise.append(least_noise(budget, 30, mechanism))
    assert rounds == sorted(rounds) and rounds[0] < rounds[1] < rounds[-1]
    assert noise == sorted(noise, reverse=True)
