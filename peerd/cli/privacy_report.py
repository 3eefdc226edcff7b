"""``peerd privacy report``: what a group has spent of what it promised to people."""

from __future__ import annotations

import argparse
from pathlib import Path

from peerd.cli.daemon import add_daemon_arguments, load_config
from peerd.cli.output import print_json, progress, say
from peerd.cli.places import check_file
from peerd.errors import ConfigError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The places, ``--html``, and the daemon's."""
    parser.description = (
        "What a group has spent of its privacy budget, counted by the certificates of its rounds,"
        " each of which is verified."
    )
    parser.add_argument(
        "paths",
        type=Path,
        nargs="*",
        metavar="SOCKET|DIRECTORY",
        help="status sockets and peers' directories, of one group (default: your daemon's)",
    )
    parser.add_argument("--html", type=Path, metavar="FILE", help="write the report as one page")
    add_daemon_arguments(parser)


def main(args: argparse.Namespace) -> int:
    """Print it. ConfigError, GroupError; VerificationError where the certificates don't hold."""
    from peerd.audit.spent import read_spent
    from peerd.audit.spent_page import page
    from peerd.audit.spent_words import told

    check_file("--html", args.html)
    with progress("verifying certificates"):
        found = read_spent(args.paths or [args.socket or load_config(args).status])
    if args.html is not None:
        try:
            args.html.write_text(page(found), encoding="utf-8")
        except OSError as error:
            raise ConfigError(
                f"--html {args.html}: can't write: {error.strerror}", "name another place"
            ) from None
    if args.json:
        print_json(found)
    else:
        for line in told(found):
            say(line)
    return 0
