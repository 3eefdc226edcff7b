"""``peerd run``: the daemon, in the foreground."""

from __future__ import annotations

import argparse

from peerd.cli.daemon import add_config_argument, load_config
from peerd.runner.operators.told import Told


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """``--config``, ``--restored`` and ``--intact``."""
    add_config_argument(parser)
    said = parser.add_mutually_exclusive_group()
    said.add_argument(
        "--restored",
        action="store_const",
        const=True,
        help="the data directory comes from a backup, or was lost: sign nothing in the rounds in"
        " progress, since this peer may have signed there already",
    )
    said.add_argument(
        "--intact",
        action="store_const",
        const=False,
        dest="restored",
        help="the data directory was never emptied, copied or put back: sign with it, although too"
        " few of the others were there when the round began, and remember it",
    )


def main(args: argparse.Namespace) -> int:
    """Run until SIGTERM or SIGINT; the daemon's exit code."""
    told = Told()
    told.note()
    try:
        config = load_config(args)
        from peerd.runner.daemon import run

        return run(config, restored=args.restored, file=args.config, told=told)
    finally:
        told.end()
