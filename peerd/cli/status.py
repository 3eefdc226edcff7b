"""``peerd status``: what the daemon is doing; ``--follow`` streams its events."""

from __future__ import annotations

import argparse

from peerd.cli.daemon import add_daemon_arguments, ask, place
from peerd.cli.output import print_json
from peerd.errors import ConfigError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """``--follow``, ``--since`` and the daemon's."""
    add_daemon_arguments(parser)
    parser.add_argument(
        "--follow", action="store_true", help="print events as they happen, a line each"
    )
    parser.add_argument(
        "--since",
        metavar="WHEN",
        help="with --follow: events from then on, as far as the daemon remembers: 10m (s, h, d), "
        "a moment such as 2026-03-01T14:00 or 14:00, or round:N",
    )


def main(args: argparse.Namespace) -> int:
    """Print the status, or events until the daemon ends."""
    if args.since is not None and not args.follow:
        raise ConfigError("--since is about events", "add --follow")
    if args.follow:
        from peerd.cli.follow import follow
        from peerd.cli.since import parse_since

        since = None if args.since is None else parse_since(args.since)
        follow(place(args), since, as_json=bool(args.json))
        return 0
    document = ask(args, "/v1/status")
    if args.json:
        print_json(document)
        return 0
    from peerd.cli.rounds import roster_names
    from peerd.cli.status_text import lines

    print("\n".join(lines(document, roster_names(args))))
    return 0
