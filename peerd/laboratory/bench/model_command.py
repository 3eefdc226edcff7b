"""``peerd bench model``: what it takes, and how it is told."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from peerd.cli.output import print_json, size
from peerd.cli.rule_arguments import rule_request
from peerd.errors import ConfigError

MODELLED = 1000
LATENCY_MS, BANDWIDTH = 50.0, 12_500_000.0
"""Of a link by default: 100 Mbit/s."""


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """``--latency`` and ``--bandwidth``."""
    parser.add_argument(
        "--latency",
        type=float,
        default=LATENCY_MS,
        metavar="MS",
        help=f"of a model: one way; default: {LATENCY_MS:.0f}",
    )
    parser.add_argument(
        "--bandwidth",
        type=float,
        default=BANDWIDTH,
        metavar="BYTES",
        help=f"of a model: a second, of each peer's link; default: {BANDWIDTH:.0f}",
    )


def tell_model(args: argparse.Namespace, adversary: Fraction) -> int:
    """Compute and print. Raises ConfigError."""
    from peerd.laboratory.bench.model import RoundModel

    if not args.latency >= 0 or not args.bandwidth > 0:
        raise ConfigError("--latency must be 0 or more, and --bandwidth more than 0")
    peers = MODELLED if args.peers is None else args.peers
    name, constants = rule_request(args)
    model = RoundModel.create(name, constants, peers, args.params, adversary)
    document = model.document(args.latency / 1000, args.bandwidth)
    if args.json:
        print_json(document)
    else:
        print(_text(document))
    return 0


def _text(told: Mapping[str, Any]) -> str:
    plan = ", ".join(f"{name} {value}" for name, value in told["plan"].items())
    lines = [
        f"model, {told['aggregator']}: {told['peers']} peers, {told['params']} parameters",
        f"plan       {plan}",
        f"wall       {told['wall_seconds']:.1f} s at {1000 * told['latency_seconds']:.0f} ms and "
        f"{size(told['bandwidth_bytes'])} a second; training left out",
        f"cpu        {told['cpu_seconds_daemon']:.2f} s a daemon, give or take "
        f"{100 * told['error']:.0f} %",
        f"sent       {size(told['bytes_sent'])} in {told['frames_sent']:.0f} frames; "
        f"by a member of the committee {size(told['bytes_sent_seat'])}",
    ]
    lines += [
        f"  {name:<20}{spent['frames']:10.1f} frames  {size(spent['bytes'])}"
        for name, spent in told["messages"].items()
    ]
    return "\n".join(lines)
