"""``peerd bench``: what a member, a dealer or an opening costs for one round."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

import peerd
from peerd.cli.output import print_json, progress, size
from peerd.cli.rule_arguments import add_rule_arguments, rule_request
from peerd.errors import ConfigError
from protocols.plan import PlanError, rational

ROLES = ("member", "dealer", "open")
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Measure one role's work for one round, on real messages and one thread. The member's "
        "input is 16 dealings and copies of them; an opening has as many liars as the plan bears."
    )
    parser.add_argument("role", choices=ROLES)
    add_rule_arguments(parser)
    parser.add_argument("--peers", type=int, default=1000, help="default: 1000")
    parser.add_argument("--params", type=int, default=100_000, help="default: 100000")
    parser.add_argument("--adversary", default="0.1", metavar="BETA", help="default: 0.1")
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def main(args: argparse.Namespace) -> int:
    """Measure in a process in which BLAS has one thread. Raises ConfigError."""
    try:
        adversary = rational(args.adversary)
    except PlanError as error:
        raise ConfigError(f"--adversary: {error}") from None
    if any(os.environ.get(name) != value for name, value in ONE_THREAD.items()):
        return _again_on_one_thread(args)
    from peerd.laboratory.bench.measure import run

    name, constants = rule_request(args)
    with progress(f"measuring one {args.role}"):
        measured = run(args.role, name, args.peers, args.params, adversary, constants)
    if args.json:
        print_json(measured)
    else:
        print(_text(measured))
    return 0


def _again_on_one_thread(args: argparse.Namespace) -> int:
    """BLAS reads its number of threads when numpy is first imported, which is behind us here."""
    command = [sys.executable, "-m", "peerd.cli.main", "bench", args.role]
    command += ["--aggregator", args.aggregator, "--peers", str(args.peers)]
    command += [word for constant in args.constant for word in ("--constant", constant)]
    command += ["--params", str(args.params), "--adversary", args.adversary]
    command += ["--json"] if args.json else []
    # this very peerd: ``-m`` alone would take a directory that is called peerd where one stands
    home = str(Path(peerd.__file__).parent.parent)
    paths = os.pathsep.join([home, *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, **ONE_THREAD, "PYTHONPATH": paths}
    return subprocess.run(command, env=environment, check=False).returncode


def _text(measured: dict[str, object]) -> str:
    plan, phases = measured["plan"], measured["phases"]
    assert isinstance(plan, dict)
    assert isinstance(phases, dict)
    lines = [
        f"{measured['role']}, {measured['aggregator']}: {measured['peers']} peers, "
        f"{measured['params']} parameters",
        "plan       " + ", ".join(f"{name} {value}" for name, value in plan.items()),
        f"cpu        {measured['cpu_seconds']:.3f} s   wall {measured['wall_seconds']:.3f} s",
    ]
    lines += [f"  {name:<14}{spent['cpu_seconds']:.3f} s" for name, spent in phases.items()]
    for name in ("peak_bytes", "bytes_in", "bytes_out"):
        value = measured[name]
        assert isinstance(value, int)
        lines.append(f"{name.replace('_', ' '):<11}{size(value)}")
    return "\n".join(lines)
