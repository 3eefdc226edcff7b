"""``peerd doctor --level``: what a level asks for, and whether this peer has it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from peerd.cli.daemon import load_config
from peerd.cli.output import colour, print_json, say
from peerd.errors import NotRunningError, PeerdError

if TYPE_CHECKING:
    from peerd.config import Config
    from peerd.group import Genesis
    from peerd.levels import Found

NAMES = ("basic", "enhanced", "maximum")
COLOURS = {"ok": "green", "missing": "red", "unseen": "yellow"}


def main(args: argparse.Namespace) -> int:
    """Print each measure of the level; 1 if one is missing."""
    from peerd.levels import Level, Peer, State, findings

    config = load_config(args)
    level = Level[args.level.upper()]
    found = list(findings(Peer(config, _genesis(config), _pid(config)), level))
    reached = all(each.state is not State.MISSING for each in found)
    if args.json:
        measures = [_document(each) for each in found]
        print_json({"level": level.word, "reached": reached, "measures": measures})
    else:
        for each in found:
            say(_line(each))
        print(f"{level.word}: {'nothing is missing' if reached else 'not reached'}")
    return 0 if reached else 1


def _line(found: Found) -> str:
    measure = found.measure
    state = colour(found.state.value.ljust(7), COLOURS[found.state.value])
    told = f"{state}  {measure.name}: against {measure.against}"
    if found.state.value == "ok":
        return told
    why = f" ({found.said})" if found.said else ""
    return f"{told}{why}; get it: {measure.how}"


def _document(found: Found) -> dict[str, object]:
    measure = found.measure
    return {
        "measure": measure.name,
        "level": measure.level.word,
        "state": found.state.value,
        "against": measure.against,
        "how": measure.how,
        "reason": found.said or None,
    }


def _genesis(config: Config) -> Genesis | None:
    from peerd.cli.current_group import current_genesis

    try:
        return current_genesis(config)
    except PeerdError:
        return None


def _pid(config: Config) -> int | None:
    """Of the daemon that runs; 0 where it does not tell."""
    import trio

    from peerd.status.client import get

    try:
        found = trio.run(get, config.status, "/v1/status").get("pid")
    except NotRunningError:
        return None
    return found if isinstance(found, int) else 0
