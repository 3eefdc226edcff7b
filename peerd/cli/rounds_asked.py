"""The rounds that are asked for, however many: a daemon gives so many of them in one answer."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from peerd.cli.daemon import ask

SHOWN = 20
"""The last ones, where nobody says how many."""
PAGE = 1000
"""Rounds in one answer."""


@dataclass(frozen=True, slots=True)
class Asked:
    """``rounds`` in ascending order; ``total``: how many the daemon has that fit the question."""

    rounds: list[dict[str, object]]
    total: int

    def cut(self, which: str) -> str | None:
        """What the list leaves out, in a line; None where it is all."""
        shown = len(self.rounds)
        if shown >= self.total:
            return None
        return f"showing the {which} {shown:,} of {self.total:,}; --all or --last N"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """``--since``, ``--last`` (which was ``--limit``) and ``--all``."""
    parser.add_argument("--since", type=_count, metavar="N", help="rounds after N, the first ones")
    many = parser.add_mutually_exclusive_group()
    many.add_argument(
        "--last",
        "--limit",
        dest="last",
        type=_count,
        default=SHOWN,
        metavar="N",
        help=f"so many (default: {SHOWN})",
    )
    many.add_argument("--all", action="store_true", help="all that the daemon remembers")


def asked(args: argparse.Namespace) -> Asked:
    """NotRunningError, StatusAnswerError."""
    most = None if args.all else args.last
    return _last(args, most) if args.since is None else _after(args, args.since, most)


def _last(args: argparse.Namespace, most: int | None) -> Asked:
    """Page by page, the last one first."""
    page = _page(args, f"limit={_room(most, 0)}")
    found, total = page.rounds, page.total
    while page.rounds and _room(most, len(found)):
        before = _number(found[0]["round"])
        page = _page(args, f"limit={_room(most, len(found))}&before={before}")
        found = page.rounds + found
    return Asked(found, total)


def _after(args: argparse.Namespace, since: int, most: int | None) -> Asked:
    page = _page(args, f"limit={_room(most, 0)}&since={since}")
    found, total = page.rounds, page.total
    while page.rounds and _room(most, len(found)):
        after = _number(found[-1]["round"])
        page = _page(args, f"limit={_room(most, len(found))}&since={after}")
        found = found + page.rounds
    return Asked(found, total)


def _room(most: int | None, found: int) -> int:
    return PAGE if most is None else min(PAGE, most - found)


def _page(args: argparse.Namespace, query: str) -> Asked:
    document = ask(args, f"/v1/rounds?{query}")
    rounds = document.get("rounds")
    records = rounds if isinstance(rounds, list) else []
    return Asked(records, _number(document.get("total", len(records))))


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of rounds")
    return int(text)
