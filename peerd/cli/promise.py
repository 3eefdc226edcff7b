"""What a founder promises of people: its options, and what the genesis comes to hold."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from peerd.errors import ConfigError

if TYPE_CHECKING:
    from peerd.group import Genesis
    from peerd.group.privacy import Privacy
    from protocols.aggregation import Aggregator
    from protocols.privacy import Budget

PRIVACY_DELTA = "--privacy-delta"
ROUNDS = "--privacy-rounds"
NOISE = "noise"
"""The constant of a rule that says how much it adds: its multiplier, in thousandths."""
HINT = "or say how much noise: --constant noise=1.1"
_POWER = re.compile(r"([0-9]{1,9})e-([0-9]{1,2})", re.ASCII | re.IGNORECASE)

Constants = Mapping[str, int | str]


@dataclass(frozen=True, slots=True)
class Promise:
    """``rounds``: how many are to be had; None: as many as the stated noise allows."""

    budget: Budget
    rounds: int | None = None


def add_promise_arguments(parser: argparse._ActionsContainer, delta: str = PRIVACY_DELTA) -> None:
    """``--epsilon`` and ``delta``: where another --delta is milliseconds, it has a longer name."""
    parser.add_argument(
        "--epsilon",
        metavar="E",
        help="of a rule that adds noise, such as dp-sgd: what all rounds together may tell of a "
        "person, such as 2; the group stops where it is spent",
    )
    parser.add_argument(
        delta,
        dest="privacy_delta",
        metavar="D",
        help="the chance that nothing is promised, such as 1e-6",
    )


def add_rounds_argument(parser: argparse._ActionsContainer) -> None:
    """``--privacy-rounds``, of a group."""
    parser.add_argument(
        ROUNDS,
        type=int,
        metavar="R",
        help="with --epsilon: for how many rounds the noise is to do, and the least that does is "
        "found; or fewer than a noise that is stated allows",
    )


def stated_promise(args: argparse.Namespace, rounds: int | None) -> Promise | None:
    """None where neither option is given. ConfigError for one alone, and for nonsense."""
    if args.epsilon is None and args.privacy_delta is None:
        return None
    if args.epsilon is None or args.privacy_delta is None:
        raise ConfigError(
            "epsilon and delta make one promise: one of them is missing", "such as 2 and 1e-6"
        )
    return Promise(stated_budget(args.epsilon, args.privacy_delta), rounds)


def checked_rounds(args: argparse.Namespace) -> int | None:
    """``--privacy-rounds``. ConfigError where it is no number of rounds."""
    from protocols.privacy import MAX_ROUNDS

    rounds: int | None = args.privacy_rounds
    if rounds is not None and not 1 <= rounds <= MAX_ROUNDS:
        raise ConfigError(f"{ROUNDS} {rounds}: it must be 1 to {MAX_ROUNDS}")
    return rounds


def stated_budget(epsilon: str, delta: str) -> Budget:
    """ConfigError for what is no promise."""
    from peerd.group.privacy import LARGEST_DELTA
    from protocols.privacy import LARGEST_EPSILON, Budget

    found = exact("--epsilon", epsilon, f"more than 0, at most {LARGEST_EPSILON}")
    if not 0 < found <= LARGEST_EPSILON:
        raise ConfigError(
            f"--epsilon {epsilon}: it must be more than 0 and at most {LARGEST_EPSILON}",
            "1 is strong, 8 is weak, and beyond that little is promised",
        )
    rarely = exact("--delta", delta, "such as 1e-6")
    if not 0 < rarely <= LARGEST_DELTA:
        raise ConfigError(
            f"--delta {delta}: it must be more than 0 and at most 0.01",
            "it is a chance that nothing is promised: take less than 1 over the number of records",
        )
    return Budget(found, rarely)


def exact(option: str, text: str, what: str) -> Fraction:
    """A rational, or one with a power of ten such as 1e-6, exactly. ConfigError."""
    from protocols.plan import PlanError, rational

    power = _POWER.fullmatch(text)
    try:
        return Fraction(int(power[1]), 10 ** int(power[2])) if power else rational(text)
    except PlanError as error:
        raise ConfigError(f"{option}: {error}", what) from None


def promising(promise: Promise | None, rule: Aggregator) -> Aggregator:
    """The rule, with some noise where a promise asks for it and the rule may have it: how much is
    found later (``settled``). ConfigError as ``check_promise``.
    """
    from protocols.aggregation import AggregationError, aggregator
    from protocols.aggregation.contract import private

    if promise is not None and private(rule) is None:
        with suppress(AggregationError):  # it has no such constant, as check_promise says
            rule = aggregator(rule.name, {**rule.constants(), NOISE: "1"})
    check_promise(promise, rule)
    return rule


def check_promise(promise: Promise | None, rule: Aggregator) -> None:
    """ConfigError where one of promise and noise is there alone."""
    from protocols.aggregation.contract import private

    if promise is None and private(rule) is not None:
        raise _unpromised(rule)
    if promise is not None and private(rule) is None:
        raise ConfigError(
            f"--epsilon: the rule {rule.name} adds no noise, and can promise nothing",
            "name one that does: --aggregator dp-sgd for records, or centered-clipping-l2 or"
            " weighted-mean for members",
        )


def _unpromised(rule: Aggregator) -> ConfigError:
    return ConfigError(
        f"--aggregator {rule.name} adds noise: for which promise is not said",
        f"add --epsilon and {PRIVACY_DELTA} (--delta of peerd swarm)",
    )


def settled(
    promise: Promise, name: str, constants: Constants, parameters: int, *, noise_stated: bool
) -> tuple[dict[str, int | str], Privacy]:
    """The rule's constants and the genesis's promise: the least noise that the rounds need; or, if
    the noise is stated, as many rounds as it allows, or those that are asked for. ConfigError where
    the two don't fit.
    """
    from peerd.cli.rule_arguments import typed_rule
    from peerd.group.privacy import Privacy
    from protocols.aggregation.contract import AggregationError, private
    from protocols.privacy import PrivacyError, least_noise
    from protocols.record.budget import most_rounds

    noisy = private(typed_rule(name, constants))
    assert noisy is not None, "check_promise"
    try:
        mechanism, budget, rounds = noisy.mechanism(parameters), promise.budget, promise.rounds
    except AggregationError as error:
        raise ConfigError(f"--constant: {error}") from None
    found = dict(constants)
    if not noise_stated:
        if rounds is None:
            raise ConfigError(f"{ROUNDS} is missing: for how many is the noise to do?", HINT)
        try:
            found[NOISE] = str(least_noise(budget, rounds, mechanism))
        except PrivacyError as error:
            raise ConfigError(f"{rounds} rounds: {error}") from None
        return found, Privacy(noisy.unit, budget.epsilon, budget.delta, rounds)
    most = most_rounds(budget, mechanism)
    if most < (rounds or 1):
        raise ConfigError(
            f"--constant {NOISE}={constants[NOISE]} allows {most} rounds within epsilon"
            f" {budget.epsilon} and delta {budget.delta}, fewer than {rounds or 1}",
            "more noise, fewer rounds, or leave the noise out: the least that does is found",
        )
    return found, Privacy(noisy.unit, budget.epsilon, budget.delta, rounds or most)


def successor_promise(
    args: argparse.Namespace, old: Genesis, values: Mapping[str, Any]
) -> dict[str, Any]:
    """What of a successor's ``values`` its promise changes. ConfigError where the group's ends, and
    nobody says so; and as ``settled``.
    """
    from peerd.cli.rule_arguments import typed_rule
    from protocols.aggregation.contract import private

    name = values.get("aggregator", old.aggregator)
    constants = values.get("constants", old.constants)
    rule, rounds = typed_rule(name, constants), checked_rounds(args)
    stated = stated_promise(args, rounds)
    if private(rule) is None:
        check_promise(stated, rule)
        if old.privacy is None or args.no_privacy:
            return {} if old.privacy is None else {"privacy": None}
        raise ConfigError(
            f"the rule {rule.name} adds no noise: what the group promises to people would end",
            "--no-privacy says that it is to",
        )
    if args.no_privacy:
        raise ConfigError(
            f"--no-privacy: the rule {rule.name} adds noise for a promise", "name another rule"
        )
    if stated is None and rounds is None and "constants" not in values:
        return {}  # a group that adds noise already goes on as it is
    before = None if old.privacy is None else old.privacy.budget
    budget = before if stated is None else stated.budget
    if budget is None:
        raise _unpromised(rule)
    said = {word.partition("=")[0].strip() for word in args.constant}
    keeps = name == old.aggregator and rounds is None
    found, privacy = settled(
        Promise(budget, rounds),
        name,
        constants,
        old.parameters,
        noise_stated=NOISE in said or keeps,
    )
    return {"constants": found, "privacy": privacy}
