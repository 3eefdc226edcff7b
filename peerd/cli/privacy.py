"""``peerd privacy``: how much noise a promise about people needs, and for how many rounds."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass
from fractions import Fraction
from math import isqrt

from peerd.cli.output import print_json, progress
from peerd.cli.privacy_text import MEMBER, PLANS_ONLY, RECORD, PrivacyPlan, SitesRow, told
from peerd.errors import ConfigError
from protocols.plan import PlanError, minimum_cohort, plan_swarm, rational
from protocols.privacy import (
    ACCOUNTANT,
    LARGEST_EPSILON,
    MAX_ROUNDS,
    NOISE_GRID,
    Budget,
    Mechanism,
    Phase,
    PrivacyError,
    epsilon_of,
    least_noise,
    rounds_within,
)

LARGEST_DELTA = Fraction(1, 100)
LARGEST_CLIP = 1 << 32
DEFAULT_CLIP = 1024
ROUND_SLACK = Fraction(1, 1 << 59)
"""2^-60 for tails and tables of 2^40 values of noise, 2^-60 for a padded batch that overflows."""

POWER = re.compile(r"([0-9]{1,9})e-([0-9]{1,2})", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Asked:
    """The options, as exact numbers. One of ``rounds`` and ``noise`` is None."""

    unit: str
    budget: Budget
    mechanism: Mechanism
    rounds: int | None
    noise: Fraction | None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verbs."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    _add_plan(
        verbs.add_parser(
            "plan", help="find the least noise, or the most rounds; no rule adds noise yet"
        )
    )


def main(args: argparse.Namespace) -> int:
    """Print the plan. ConfigError for nonsense, and where no noise would do."""
    try:
        asked = _asked(args)
        sites = _sites(args.sites, args.liars)
        with progress("accounting"):
            plan = _plan(asked, sites)
    except (PrivacyError, PlanError) as error:
        raise ConfigError(str(error)) from None
    if args.json:
        print_json(plan)
    else:
        print(told(plan))
    return 0


def _add_plan(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "How much noise keeps what a group opens within (epsilon, delta) for some rounds, or how"
        f" many rounds some noise allows. {PLANS_ONLY}"
    )
    parser.add_argument(
        "--unit",
        choices=(RECORD, MEMBER),
        required=True,
        help="whom it is about: one row of one site, or all that a site deals",
    )
    parser.add_argument("--epsilon", required=True, metavar="E", help="such as 2; at most 100")
    parser.add_argument("--delta", required=True, metavar="D", help="such as 1e-6; at most 0.01")
    parser.add_argument(
        "--rate",
        metavar="Q",
        help="a record's chance to be in a round's secret sample, such as 0.01; default: 1",
    )
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--rounds", type=int, metavar="R", help="find the least noise for them")
    which.add_argument(
        "--noise",
        metavar="Z",
        help="find the rounds that it allows: its standard deviation over the norm that a record is"
        " clipped to, such as 1.1",
    )
    parser.add_argument(
        "--clip",
        type=int,
        default=DEFAULT_CLIP,
        metavar="C",
        help="that norm, in steps of the integers that are dealt; a small one costs a little more;"
        f" default: {DEFAULT_CLIP}",
    )
    parser.add_argument("--sites", type=int, metavar="S", help="that share the noise")
    parser.add_argument(
        "--liars", type=int, metavar="B", help="of them, that may withhold theirs; default: 1"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def _asked(args: argparse.Namespace) -> Asked:
    epsilon = _number("--epsilon", args.epsilon, f"more than 0, at most {LARGEST_EPSILON}")
    if not 0 < epsilon <= LARGEST_EPSILON:
        raise ConfigError(
            f"--epsilon {args.epsilon}: it must be more than 0 and at most {LARGEST_EPSILON}",
            "1 is strong, 8 is weak, and beyond that little is promised",
        )
    delta = _number("--delta", args.delta, "such as 1e-6")
    if not 0 < delta <= LARGEST_DELTA:
        raise ConfigError(
            f"--delta {args.delta}: it must be more than 0 and at most 0.01",
            "it is a chance that nothing is promised: take less than 1 over the number of records",
        )
    whole, noise = _whole("--rounds", args.rounds, MAX_ROUNDS), _noise(args.noise)
    clip = _whole("--clip", args.clip, LARGEST_CLIP) or DEFAULT_CLIP
    mechanism = Mechanism(Fraction(1), clip * clip, _rate(args.unit, args.rate), ROUND_SLACK)
    return Asked(args.unit, Budget(epsilon, delta), mechanism, whole, noise)


def _rate(unit: str, text: str | None) -> Fraction:
    if text is None:
        return Fraction(1)
    rate = _number("--rate", text, "such as 0.01 or 1/100")
    if not 0 < rate <= 1:
        raise ConfigError(f"--rate {text}: a chance is more than 0 and at most 1")
    if unit == MEMBER and rate != 1:
        raise ConfigError(
            f"--rate {text} with --unit {MEMBER}: everybody sees which members deal, so that no"
            " secret sample hides one",
            f"leave it out, or ask for --unit {RECORD}",
        )
    return rate


def _noise(text: str | None) -> Fraction | None:
    if text is None:
        return None
    noise = _number("--noise", text, "such as 1.1")
    if not 0 < noise <= NOISE_GRID or (noise * NOISE_GRID).denominator != 1:
        raise ConfigError(
            f"--noise {text}: it must be thousandths, more than 0 and at most {NOISE_GRID}",
            "such as 1.1 or 0.938",
        )
    return noise


def _whole(option: str, value: int | None, largest: int) -> int | None:
    if value is not None and not 1 <= value <= largest:
        raise ConfigError(f"{option} {value}: it must be 1 to {largest}")
    return value


def _number(option: str, text: str, what: str) -> Fraction:
    """A rational, or one with a power of ten such as 1e-6, exactly."""
    power = POWER.fullmatch(text)
    try:
        return Fraction(int(power[1]), 10 ** int(power[2])) if power else rational(text)
    except PlanError as error:
        raise ConfigError(f"{option}: {error}", what) from None


def _sites(sites: int | None, liars: int | None) -> SitesRow | None:
    """All of them deal, so that the liars among those who deal are all liars."""
    if sites is None:
        if liars is not None:
            raise ConfigError("--liars is of how many?", "add --sites")
        return None
    if liars is not None and liars < 1:
        raise ConfigError(f"--liars {liars}: every group allows for one at least")
    plan = plan_swarm(sites, liars or 1)
    cohort = minimum_cohort(sites, plan.threshold)
    honest = cohort - plan.threshold
    return SitesRow(
        sites=sites,
        liars=plan.threshold,
        cohort=cohort,
        share=1 / honest,
        least=1.0,
        honest=(sites - plan.threshold) / honest,
        most=sites / honest,
    )


def _plan(asked: Asked, sites: SitesRow | None) -> PrivacyPlan:
    budget, mechanism = asked.budget, asked.mechanism
    noise = asked.noise
    if noise is None:
        assert asked.rounds is not None
        rounds, noise = asked.rounds, least_noise(budget, asked.rounds, mechanism)
    else:
        rounds = rounds_within(budget, mechanism.with_noise(noise))
        if rounds == 0:
            raise ConfigError(
                f"--noise {float(noise):g} allows no round within epsilon {float(budget.epsilon):g}"
                f" and delta {float(budget.delta):g}",
                "--rounds 1 in its place says the least noise that would do",
            )
    spent = epsilon_of([Phase(mechanism.with_noise(noise), rounds)], budget.delta)
    return PrivacyPlan(
        unit=asked.unit,
        noise_multiplier=float(noise),
        rounds=rounds,
        epsilon=float(spent),
        budget=float(budget.epsilon),
        delta=float(budget.delta),
        rate=float(mechanism.rate),
        clip=isqrt(mechanism.squared_norm),
        slack=float(mechanism.slack),
        accountant=ACCOUNTANT,
        sites=sites,
    )
