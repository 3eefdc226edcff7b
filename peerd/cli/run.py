"""``peerd run``: the daemon, in the foreground."""

from __future__ import annotations

import argparse

from peerd.cli.daemon import add_config_argument, load_config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """``--config`` and ``--restored``."""
    add_config_argument(parser)
    parser.add_argument(
        "--restored",
        action="store_true",
        help="the data directory comes from a backup, or was lost: sign nothing in the rounds in"
        " progress, since this peer may have signed there already",
    )


def main(args: argparse.Namespace) -> int:
    """Run until SIGTERM or SIGINT; the daemon's exit code."""
    config = load_config(args)
    from peerd.runner.daemon import run

    return run(config, restored=args.restored)
