"""``peerd run``: the daemon, in the foreground."""

from __future__ import annotations

import argparse

from peerd.cli.daemon import add_config_argument, load_config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """``--config``."""
    add_config_argument(parser)


def main(args: argparse.Namespace) -> int:
    """Run until SIGTERM or SIGINT; the daemon's exit code."""
    config = load_config(args)
    from peerd.runner.daemon import run

    return run(config)
