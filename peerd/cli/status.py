"""``peerd status``: what the daemon is doing; ``--follow`` streams its events."""

from __future__ import annotations

import argparse
import json
import time

from peerd.cli.daemon import add_daemon_arguments, ask, socket_path
from peerd.cli.output import print_json
from peerd.errors import ConfigError, printable
from peerd.labels import label


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
        follow(socket_path(args), since, as_json=bool(args.json))
        return 0
    document = ask(args, "/v1/status")
    if args.json:
        print_json(document)
        return 0
    if document.get("name") is None:
        document.pop("name", None)
    width = max(map(len, document))
    for name, value in document.items():
        print(f"{name.ljust(width)}  {_field(name, value, document)}")
    return 0


def _field(name: str, value: object, document: dict[str, object]) -> str:
    if name == "peer":
        from peerd.identity import with_checksum

        return with_checksum(str(value))
    if name == "waiting" and isinstance(value, list):
        from peerd.status.waiting import away, sentence

        return sentence(value, document.get("peer")) or away(value) or "-"
    if name == "absent" and isinstance(value, list):
        return ", ".join(label(each["name"], each["peer"]) for each in value) or "-"
    if name == "approvals" and isinstance(value, list):
        from peerd.status.approvals import sentence as approved

        return approved(value, document.get("quorum")) or "-"
    if name == "next_round_at" and isinstance(value, int | float):
        from peerd.group.rhythm import at_in

        return at_in(value, time.time())
    return _shown(value)


def _shown(value: object) -> str:
    if value is None:
        return "-"
    return printable(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
