"""``peerd simulate``: swarms in one process and virtual time, faults by seed, one oracle."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from peerd.cli.places import check_file
from peerd.cli.pool import add_pool, check_pool, heed_sigterm, pool_of
from peerd.errors import ConfigError

if TYPE_CHECKING:
    from peerd.laboratory.pool.work import Pool
    from peerd.laboratory.simulation.campaign import Part, Plan, Report

MAX_ROUNDS = 50
MAX_PEERS = 100
EPILOG = """\
exit code 1 where a rule was broken; docs/simulation.md says what the rules, faults and operations
are. --replay takes what a violation's "replay" names: "lie 3 HighDegree; crash 0 17 0 300".
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Seeds, faults, and what to write."""
    parser.epilog = EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--seeds", required=True, metavar="A:B", help="from A up to, without, B")
    parser.add_argument("--peers", type=int, help="default: groups of 4 to 7, by the seed")
    parser.add_argument("--aggregator", metavar="NAME", help="default: several, by the seed")
    parser.add_argument("--rounds", type=int, default=2, help="rounds a seed; default: 2")
    parser.add_argument(
        "--faults", default="all", metavar="LIST", help="names, all or none; default: all"
    )
    parser.add_argument(
        "--beyond", action="store_true", help="more liars than the plan covers: safety only"
    )
    add_pool(parser)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report here")
    parser.add_argument("--replay", metavar="OPS", help="these operations, with a trace")


def main(args: argparse.Namespace) -> int:
    """Run and report. 1 where a rule was broken; ConfigError for what can't be run."""
    from peerd.laboratory.simulation.campaign import Plan, Unfinished, campaign, parts_of
    from protocols.plan import PlanError

    seeds = _seeds(args.seeds)
    if not 1 <= args.rounds <= MAX_ROUNDS:
        raise ConfigError(f"--rounds is {args.rounds}; it can be 1 to {MAX_ROUNDS}")
    check_pool(args)
    if args.peers is not None and not 4 <= args.peers <= MAX_PEERS:
        raise ConfigError(f"--peers is {args.peers}; it can be 4 to {MAX_PEERS}")
    check_file("--json", args.json)
    faults, rule = _faults(args.faults), _rule(args.aggregator)
    plan = Plan(args.peers, args.rounds, faults, args.beyond, rule)
    try:
        plan.scenario(seeds[0])
        if args.replay is not None:
            return _replay(plan, seeds[0], args.replay)
        parts = parts_of(plan, seeds)
        report = campaign(parts, _pool(args, parts), _tell)
    except PlanError as error:
        raise ConfigError(str(error)) from None
    except Unfinished as unfinished:
        if unfinished.report.seeds:
            _write(unfinished.report, args.json)
            left = ", ".join(f"{seeds.start}:{seeds.stop}" for seeds in unfinished.left)
            print(f"peerd: not all seeds were run; left are {left}", file=sys.stderr)
        raise unfinished.why from None
    _write(report, args.json)
    return 1 if report.violations else 0


def _pool(args: argparse.Namespace, parts: Sequence[Part]) -> Pool:
    """As asked for; this process alone where others would have nothing to do."""
    from peerd.laboratory.pool.work import Alone

    few = args.processes == 1 or len(parts) == 1
    heed_sigterm()
    return Alone() if few and args.cluster is None else pool_of(args)


def _seeds(text: str) -> range:
    first, colon, last = text.partition(":")
    if not (colon and first.isdecimal() and last.isdecimal() and int(first) < int(last)):
        raise ConfigError(f"--seeds {text!r} is no range of seeds", "write A:B, such as 0:100")
    return range(int(first), int(last))


def _faults(text: str) -> frozenset[str]:
    from peerd.laboratory.simulation.dice import FAULTS

    if text in ("all", "none"):
        return FAULTS if text == "all" else frozenset()
    names = frozenset(name.strip() for name in text.split(","))
    unknown = sorted(names - FAULTS)
    if unknown:
        raise ConfigError(f"{unknown[0]!r} is no fault", f"there are {', '.join(sorted(FAULTS))}")
    return names


def _rule(name: str | None) -> str | None:
    from peerd.laboratory.simulation.groups import RULES

    if name is not None and name not in RULES:
        known = ", ".join(sorted(RULES))
        raise ConfigError(f"--aggregator {name}: groups are simulated with {known}")
    return name


def _replay(plan: Plan, seed: int, text: str) -> int:
    from dataclasses import replace

    from peerd.laboratory.simulation.operations import OperationError, parse
    from peerd.laboratory.simulation.scenario import run, world_of
    from peerd.laboratory.simulation.story import Story

    try:
        scenario = replace(plan.scenario(seed), operations=tuple(parse(text)))
        world = world_of(scenario)
    except OperationError as error:
        raise ConfigError(str(error)) from None
    story = Story(world)
    verdict = run(scenario, world)
    sys.stdout.write("\n".join([*story.lines, ""]))
    print(f"trace {verdict.digest}; * marks peers that are not honest")
    print(f"broken: {verdict.what}" if verdict.rule else "no rule is broken")
    return 1 if verdict.rule else 0


def _write(report: Report, path: Path | None) -> None:
    if path is not None:
        text = json.dumps(report.document(), indent=2, allow_nan=False) + "\n"
        path.write_text(text, encoding="utf-8")
    rate = 3600 * report.rounds / max(report.cpu_seconds, 0.001)
    print(
        f"{report.seeds} seeds, {report.rounds} rounds, {report.cpu_seconds:.0f} s of CPU "
        f"({rate:.0f} rounds an hour), {sum(report.faults.values())} faults, "
        f"{len(report.violations)} violations"
    )
    for found in report.violations:
        print(f"seed {found['seed']}: {found['what']}\n  {found['replay']}")


def _tell(report: Report) -> None:
    if sys.stderr.isatty():
        print(
            f"\r{report.seeds} seeds, {len(report.violations)} violations", end="", file=sys.stderr
        )
