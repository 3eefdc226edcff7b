"""When a group's rounds begin and end, as options of ``peerd group new``."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from peerd.errors import ConfigError

_EVERY = re.compile(r"(\d{1,6})(s?)", re.ASCII)
_OPTIONS = {
    "every": "--every",
    "at": "--at",
    "zone": "--zone",
    "stop_at": "--stop-at",
    "stop_after": "--stop-after",
    "patience": "--patience",
}


def add_rhythm_arguments(parser: argparse._ActionsContainer) -> None:
    """``--every`` or ``--at`` with ``--zone``; ``--stop-after``, ``--stop-at``, ``--patience``."""
    begins = parser.add_mutually_exclusive_group()
    begins.add_argument(
        "--every",
        metavar="MINUTES",
        help="a round begins every so many minutes (1 to 10080; 30s: seconds), on a grid that all "
        "clocks share; default: when the one before is over",
    )
    begins.add_argument(
        "--at", metavar="TIMES", help="a round begins at these times of day: 02:00,14:00"
    )
    parser.add_argument(
        "--zone", metavar="ZONE", help="of --at, such as Europe/Berlin (default: UTC)"
    )
    parser.add_argument(
        "--stop-after", type=int, metavar="R", help="the group makes so many rounds"
    )
    parser.add_argument(
        "--patience",
        type=int,
        metavar="P",
        help="the group pauses once P of its evaluations in a row are no better than before",
    )
    parser.add_argument(
        "--stop-at",
        metavar="DATE",
        help="no round begins from this day on, in UTC: 2027-01-31, or 2027-01-31T12:00:00Z",
    )


def stated_rhythm(
    args: argparse.Namespace, before: Mapping[str, Any] | None = None
) -> dict[str, Any] | None:
    """The rhythm as the genesis holds it; None where nothing is said. ConfigError.

    ``before``: as it was, of which what nobody says stays.
    """
    from peerd.errors import GroupError
    from peerd.group.rhythm import UTC_ZONE, check_rhythm, rhythm_content

    if args.zone is not None and args.at is None:
        raise ConfigError("--zone is the zone of --at", "leave it out, or say --at 02:00")
    given = dict(before or {})
    if args.every is not None or args.at is not None:
        given = {name: given[name] for name in given if name not in ("every", "at", "zone")}
    if args.every is not None:
        given["every"] = _seconds(args.every)
    if args.at is not None:
        given["at"] = sorted(word.strip() for word in args.at.split(","))
        if args.zone not in (None, UTC_ZONE):
            given["zone"] = args.zone
    for name in ("stop_after", "patience"):
        if (number := getattr(args, name)) is not None:
            given[name] = number
    if args.stop_at is not None:
        given["stop_at"] = _moment(args.stop_at)
    try:
        rhythm = check_rhythm(given or None)
    except GroupError as error:
        message = error.message.removeprefix("genesis: ")
        for name, option in _OPTIONS.items():
            message = message.replace(f"rhythm.{name} ", f"{option} ")
        raise ConfigError(message, error.hint) from None
    return None if rhythm is None else rhythm_content(rhythm)


def _seconds(text: str) -> int:
    from peerd.group.rhythm import LONGEST

    match = _EVERY.fullmatch(text)
    seconds = int(match[1]) * (1 if match[2] else 60) if match else 0
    if not 1 <= seconds <= LONGEST:
        raise ConfigError(
            f"--every {text!r} is no number of minutes from 1 to {LONGEST // 60}",
            "such as 60, or 30s for seconds",
        )
    return seconds


def _moment(text: str) -> str:
    try:
        day = datetime.strptime(text, "%Y-%m-%d")
    except ValueError:
        return text  # as the genesis writes it, or refused by its rules
    return day.strftime("%Y-%m-%dT%H:%M:%SZ")
