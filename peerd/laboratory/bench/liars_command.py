"""``peerd bench liars``: what it takes, and how it is told."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from peerd.cli.output import print_json, size
from peerd.cli.pool import check_pool
from peerd.cli.rule_arguments import rule_request
from peerd.errors import ConfigError

GROUP = 24
FEW_PARAMETERS = 10_000
"""At which a round's arithmetic is neither drowned nor all."""
FEW_ROUNDS = 2
"""Who is convicted in the first is gone in the second: who is not may cost the more in it."""


def add_liars_arguments(parser: argparse.ArgumentParser) -> None:
    """``--lie`` and ``--processes``."""
    parser.add_argument(
        "--lie",
        action="append",
        metavar="NAME",
        help="of liars: this adversary alone, and as often as given; default: the whole catalogue",
    )
    parser.add_argument(
        "--processes",
        type=int,
        metavar="N",
        help="of liars: at once; default: one a core that may be used",
    )


def tell_liars(args: argparse.Namespace, adversary: Fraction) -> int:
    """Measure and print. Raises ConfigError, and as ``liars.measure``."""
    from peerd.cli.pool import pool_of
    from peerd.laboratory.bench.liars import CATALOGUE, Run, measure

    check_pool(args)
    lies = tuple(dict.fromkeys(args.lie or CATALOGUE))
    if unknown := [name for name in lies if name not in CATALOGUE]:
        known = f"known ones: {', '.join(CATALOGUE)}"
        raise ConfigError(f"--lie {unknown[0]}: no such adversary", known)
    args.cluster = None  # seconds of different machines can't be compared
    peers = GROUP if args.peers is None else args.peers
    params = FEW_PARAMETERS if args.params is None else args.params
    rounds = FEW_ROUNDS if args.rounds is None else args.rounds
    run = Run.create(*rule_request(args), peers, params, adversary, rounds)
    document = measure(run, lies, pool_of(args), _tell)
    if args.json:
        print_json(document)
    else:
        print(_text(document))
    return 0


def _tell(done: int, total: int, title: str) -> None:
    print(f"{done}/{total}  {title}", file=sys.stderr, flush=True)


def _text(told: Mapping[str, Any]) -> str:
    plan = ", ".join(f"{name} {value}" for name, value in told["plan"].items())
    rows = [{"adversary": "nobody", "ratio": 1.0, "ratio_attempt": 1.0, **told["honest"]}]
    lines = [
        f"liars, {told['aggregator']}: {told['liars']} of {told['peers']} peers, "
        f"{told['params']} parameters; an honest peer's worst of {told['rounds']} rounds",
        f"plan       {plan}",
        f"{'adversary':<22}{'ratio':>7}{'an attempt':>12}{'attempts':>10}{'cpu':>10}"
        f"{'frames':>8}{'bytes':>11}{'statements':>12}{'signatures':>12}",
    ]
    lines += [
        f"{row['adversary']:<22}{row['ratio']:>7.2f}{row['ratio_attempt']:>12.2f}"
        f"{row['attempts']:>10.0f}{row['cpu_seconds']:>8.3f} s{row['frames']:>8.0f}"
        f"{size(row['bytes']):>11}{row['statements']:>12.0f}{row['signatures']:>12.0f}"
        for row in (*told["adversaries"], *rows)
    ]
    return "\n".join(lines)
