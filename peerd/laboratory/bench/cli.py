"""``peerd bench``: what a role, a whole round of daemons, or its bytes come to."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Mapping
from fractions import Fraction
from math import floor
from pathlib import Path
from typing import Any

import peerd
from peerd.cli.output import print_json, progress, quiet_logs, size
from peerd.cli.rule_arguments import add_rule_arguments, rule_request
from peerd.errors import ConfigError
from peerd.laboratory.bench.liars_command import (
    FEW_PARAMETERS,
    FEW_ROUNDS,
    GROUP,
    add_liars_arguments,
    tell_liars,
)
from peerd.laboratory.bench.model_command import add_model_arguments, tell_model
from protocols.plan import PlanError, rational

ROLES = ("member", "dealer", "open")
ROUND, WIRE, MODEL, LIARS = "round", "wire", "model", "liars"
DAEMON_ROLES = (ROUND, WIRE)
PEERS, DAEMONS = 1000, 8
PARAMETERS = 100_000
ROUNDS = 6
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Measure one role's work for one round, on real messages and one thread. The member's "
        "input is 16 dealings and copies of them; an opening has as many liars as the plan bears. "
        "A round is that of real daemons on this machine, none of which lies: medians over the "
        "rounds after the first, of a daemon's mean. Wire is the bytes of such a round by kind of "
        "message, beside what docs/protocol.md §7 says; exit code 1 where a formula is off. A "
        "model computes what a round would cost a peer of a group too large for this machine. "
        "Liars are simulated, and the others' work is measured beside a round of nobody who lies."
    )
    parser.add_argument("role", choices=(*ROLES, *DAEMON_ROLES, MODEL, LIARS))
    add_rule_arguments(parser)
    parser.add_argument(
        "--peers", type=int, help=f"default: {PEERS}; of daemons {DAEMONS}, of liars {GROUP}"
    )
    parser.add_argument(
        "--params", type=int, help=f"default: {PARAMETERS}; of liars {FEW_PARAMETERS}"
    )
    parser.add_argument("--adversary", default="0.1", metavar="BETA", help="default: 0.1")
    parser.add_argument(
        "--rounds",
        type=int,
        metavar="R",
        help=f"of daemons, default: {ROUNDS}; of liars, default: {FEW_ROUNDS}",
    )
    parser.add_argument(
        "--no-training", action="store_true", help="of a round: a step costs next to nothing"
    )
    add_model_arguments(parser)
    add_liars_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def main(args: argparse.Namespace) -> int:
    """Measure in a process in which BLAS has one thread. Raises ConfigError."""
    try:
        adversary = rational(args.adversary)
    except PlanError as error:
        raise ConfigError(f"--adversary: {error}") from None
    if args.role == LIARS:
        return tell_liars(args, adversary)
    args.params = PARAMETERS if args.params is None else args.params
    if args.role in DAEMON_ROLES:
        return _daemons(args, adversary)
    if args.role == MODEL:
        return tell_model(args, adversary)
    args.peers = PEERS if args.peers is None else args.peers
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


def _daemons(args: argparse.Namespace, adversary: Fraction) -> int:
    from peerd.laboratory.bench import round, wire
    from peerd.laboratory.swarm.screen import Screen

    name, constants = rule_request(args)
    peers = DAEMONS if args.peers is None else args.peers
    bears, trains = floor(adversary * peers), not args.no_training
    rounds = ROUNDS if args.rounds is None else args.rounds
    asked = round.Asked(name, constants, peers, args.params, bears, rounds, trains)
    quiet_logs()
    measure, text = (
        (wire.measure, _wire_text) if args.role == WIRE else (round.measure, _round_text)
    )
    measured = measure(asked, Screen(sys.stderr, live=False))
    if args.json:
        print_json(measured)
    else:
        print(text(measured))
    return _compared(measured) if args.role == WIRE else 0


def _compared(measured: Mapping[str, Any]) -> int:
    """Exit code 1, and the kinds of message, where docs/protocol.md §7 is wrong about a size."""
    off = [kind for kind, each in measured["messages"].items() if each["off"]]
    if off:
        kinds = ", ".join(off)
        print(f"peerd bench: another size than docs/protocol.md §7 says: {kinds}", file=sys.stderr)
    return 1 if off else 0


def _wire_text(measured: Mapping[str, Any]) -> str:
    plan = ", ".join(f"{name} {value}" for name, value in measured["plan"].items())
    over = measured["overhead"]
    lines = [
        f"wire, {measured['aggregator']}: {measured['peers']} daemons, {measured['params']} "
        f"parameters; means of a daemon and round over {measured['rounds']} rounds",
        f"plan       {plan}",
        f"sent       {size(measured['bytes_sent'])} at the socket, "
        f"{measured['bytes_a_parameter']} B a parameter",
        f"overhead   {size(over['framing'])} around frames, {size(over['below'])} below (yamux, "
        f"Noise, acknowledgements, discovery): {over['ratio']} times the messages",
        f"{'message':<22}{'count':>9}{'bytes':>12}{'by formula':>12}{'ratio':>9}{'off':>6}",
    ]
    rows = {**measured["messages"], "all": measured["total"]}
    lines += [
        f"{kind:<22}{each['count']:>9.1f}{each['bytes']:>12}{each['formula_bytes']:>12}"
        f"{each['ratio']:>9.4f}{each['off']:>6}"
        for kind, each in rows.items()
    ]
    return "\n".join(lines)


def _round_text(measured: Mapping[str, Any]) -> str:
    trained = "training" if measured["training"] else "no training"
    plan = ", ".join(f"{name} {value}" for name, value in measured["plan"].items())
    worker = measured["cpu_seconds_worker"]
    lines = [
        f"round, {measured['aggregator']}: {measured['peers']} daemons, {measured['params']} "
        f"parameters, {trained}, {measured['rounds']} rounds",
        f"plan       {plan}",
        f"wall       {measured['wall_seconds']:.3f} s",
        f"cpu        {measured['cpu_seconds_daemon']:.3f} s a daemon, "
        + ("of its worker unknown" if worker is None else f"{worker:.3f} s its worker"),
        f"memory     {size(measured['peak_bytes_daemon'])} a daemon at most",
        f"sent       {size(measured['bytes_sent'])} in {measured['frames_sent']:.0f} frames, "
        f"{measured['writes']:.0f} writes; {measured['thread_hops']:.0f} thread hops",
    ]
    lines += [
        f"  {name:<50}{spent['wall_seconds']:7.3f} s  cpu {spent['cpu_seconds']:.3f} s"
        for name, spent in measured["phases"].items()
    ]
    lines += [
        f"  {name:<50}{spent['frames']:7.1f} frames  {size(spent['bytes'])}"
        for name, spent in measured["messages"].items()
    ]
    return "\n".join(lines)


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
