"""``peerd demo``: a swarm with defaults, and the story of what happened."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from peerd.cli.places import check_new_directory
from peerd.cli.swarm import add_common_arguments, parse_options, report, run, write_document
from peerd.extras import need

DEFAULT_OUT = Path("demo-out")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """``--out``, and the swarm's sizes with other defaults."""
    parser.add_argument("--peers", type=int, default=8, metavar="N")
    parser.add_argument("--rounds", type=int, default=20, metavar="R")
    parser.add_argument("--liars", type=int, default=2, metavar="B")
    parser.add_argument("--attack", default="sign-flip,bad-share", metavar="NAME[,NAME…]")
    add_common_arguments(parser)
    parser.add_argument(
        "--out", type=Path, default=DEFAULT_OUT, metavar="DIR", help=f"default: {DEFAULT_OUT}"
    )
    parser.set_defaults(kill=[], absent=None, gone=None, clients=None, weights=None)
    parser.set_defaults(no_evaluation=False, epsilon=None, privacy_delta=None)


def main(args: argparse.Namespace) -> int:
    """Run, then tell."""
    need("peerd demo", "matplotlib")
    options = parse_options(args)
    directory = args.out / time.strftime("%Y%m%d-%H%M%S")
    check_new_directory("--out", directory)
    outcome = run(options, keep=directory, compare=True)
    write_document(outcome, directory / "result.json")
    from peerd.laboratory.swarm.plot import plot
    from peerd.laboratory.swarm.story import tell

    plot(outcome.document, directory / "accuracy.png")
    code = report(options, outcome)
    print()
    print("\n".join(tell(outcome.document, directory, outcome.audited)))
    return code
