"""``peerd status``: what the daemon is doing; ``--follow`` streams its events."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import aclosing
from pathlib import Path

from peerd.cli.daemon import add_daemon_arguments, ask, socket_path
from peerd.cli.output import print_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """``--follow`` and the daemon's."""
    add_daemon_arguments(parser)
    parser.add_argument("--follow", action="store_true", help="print events as they happen")


def main(args: argparse.Namespace) -> int:
    """Print the status, or events until the daemon ends."""
    if args.follow:
        import trio

        trio.run(_follow, socket_path(args), bool(args.json))
        return 0
    from peerd.identity import with_checksum

    document = ask(args, "/v1/status")
    if args.json:
        print_json(document)
        return 0
    if document.get("name") is None:
        document.pop("name", None)
    width = max(map(len, document))
    for name, value in document.items():
        shown = with_checksum(str(value)) if name == "peer" else _shown(value)
        print(f"{name.ljust(width)}  {shown}")
    return 0


async def _follow(path: Path, as_json: bool) -> None:
    from peerd.status.client import events

    async with aclosing(events(path, since=0)) as stream:
        async for event in stream:
            print(json.dumps(event) if as_json else _line(event))
            sys.stdout.flush()


def _line(event: dict[str, object]) -> str:
    rest = {k: v for k, v in event.items() if k not in ("seq", "boot", "time", "kind")}
    details = "  ".join(f"{name} {_shown(value)}" for name, value in rest.items())
    return f"{event['seq']}  {event['kind']}  {details}"


def _shown(value: object) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else json.dumps(value)
