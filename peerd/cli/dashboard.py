"""``peerd dashboard``: an address of the daemon's page, that lets its reader in once."""

from __future__ import annotations

import argparse

from peerd.cli.daemon import add_daemon_arguments, ask
from peerd.cli.output import print_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The daemon's."""
    add_daemon_arguments(parser)


def main(args: argparse.Namespace) -> int:
    """Print the address, and nothing else."""
    document = ask(args, "/v1/dashboard")
    if args.json:
        print_json(document)
    else:
        print(document["address"])
    return 0
