"""``peerd peers``: the group's roster, and the daemon's link to each."""

from __future__ import annotations

import argparse
import time

from peerd.cli.daemon import add_daemon_arguments, ask
from peerd.cli.output import print_json, size, table

REACH = {
    "dialled": "dialled from here",
    "dials": "by its dialling",
    "only dials": "only by its own dialling",
    "relayed": "through a relay",
}
"""How the daemon and a peer came together, in words."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The daemon's."""
    add_daemon_arguments(parser)


def main(args: argparse.Namespace) -> int:
    """Print the table."""
    document = ask(args, "/v1/peers")
    if args.json:
        print_json(document)
        return 0
    peers = document["peers"]
    if not isinstance(peers, list) or not peers:
        print("no peers")
        return 0
    header = list(dict.fromkeys(name for peer in peers for name in peer))
    if not any(peer.get("name") for peer in peers):
        header = [name for name in header if name != "name"]
    print(table(header, [[_cell(name, peer.get(name)) for name in header] for peer in peers]))
    return 0


def _cell(name: str, value: object) -> object:
    if name == "peer":
        from peerd.identity import with_checksum

        return with_checksum(str(value))
    if name == "reach":
        return REACH.get(str(value), "-")
    if isinstance(value, list):
        return ", ".join(str(each) for each in value) or "-"
    if name == "away":
        return "announced" if value else "-"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    if name.startswith("bytes"):
        return size(value)
    if name == "rtt":
        return f"{value * 1000:.1f} ms"
    if name == "last_seen":
        return f"{max(0.0, time.time() - value):.0f} s ago"
    return value
