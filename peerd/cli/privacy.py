"""``peerd privacy``: how much noise a promise about people needs, and for how many rounds."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from fractions import Fraction
from math import isqrt

from peerd.cli import privacy_report
from peerd.cli.output import print_json, progress
from peerd.cli.privacy_text import MEMBER, RECORD, WHICH_GROUPS, PrivacyPlan, SitesRow, told
from peerd.cli.promise import exact, stated_budget
from peerd.errors import ConfigError
from protocols.aggregation.noise import SLACK
from protocols.plan import PlanError, minimum_cohort, plan_swarm
from protocols.privacy import (
    ACCOUNTANT,
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

LARGEST_CLIP = 1 << 32
DEFAULT_CLIP = 1024


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
    _add_plan(verbs.add_parser("plan", help="find the least noise, or the most rounds"))
    privacy_report.add_arguments(
        verbs.add_parser("report", help="what a group has spent of its budget, and what is left")
    )


def main(args: argparse.Namespace) -> int:
    """Run the verb."""
    return privacy_report.main(args) if args.verb == "report" else _print_plan(args)


def _print_plan(args: argparse.Namespace) -> int:
    """ConfigError for nonsense, and where no noise would do."""
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
        f" many rounds some noise allows. {WHICH_GROUPS}"
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
        help="find the rounds that it allows: its standard deviation over what a record moves the"
        " sum by, such as 1.1",
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
    budget = stated_budget(args.epsilon, args.delta)
    whole, noise = _whole("--rounds", args.rounds, MAX_ROUNDS), _noise(args.noise)
    clip = _whole("--clip", args.clip, LARGEST_CLIP) or DEFAULT_CLIP
    mechanism = Mechanism(Fraction(1), clip * clip, _rate(args.unit, args.rate), SLACK)
    return Asked(args.unit, budget, mechanism, whole, noise)


def _rate(unit: str, text: str | None) -> Fraction:
    if text is None:
        return Fraction(1)
    rate = exact("--rate", text, "such as 0.01 or 1/100")
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
    noise = exact("--noise", text, "such as 1.1")
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
        most=cohort / honest,
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
