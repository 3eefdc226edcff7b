"""``peerd doctor --level``: what a level asks for, and whether this peer has it."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from peerd.cli.daemon import load_config
from peerd.cli.output import colour, print_json, say
from peerd.config_values import default_status
from peerd.errors import LockedError, NotRunningError, PeerdError, StorageError

if TYPE_CHECKING:
    from peerd.config import Config
    from peerd.group import Genesis
    from peerd.levels import Found, Peer, State

NAMES = ("basic", "enhanced", "maximum")
COLOURS = {"ok": "green", "missing": "red", "unseen": "yellow"}


def main(args: argparse.Namespace) -> int:
    """Print each measure of the level; 1 if one is missing."""
    from peerd.levels import Level, State, findings

    config = load_config(args)
    level = Level[args.level.upper()]
    found = list(findings(_peer(config), level))
    lacking = _named(found, State.MISSING)
    unseen = _named(found, State.UNSEEN)
    if args.json:
        print_json(
            {
                "level": level.word,
                "reached": not lacking and not unseen,
                "missing": lacking,
                "unseen": unseen,
                "measures": [_document(each) for each in found],
            }
        )
    else:
        for each in found:
            say(_line(each))
        print(f"{level.word}: {_end(lacking, unseen)}")
    return 1 if lacking else 0


def _named(found: list[Found], state: State) -> list[str]:
    return [each.measure.name for each in found if each.state is state]


def _end(lacking: list[str], unseen: list[str]) -> str:
    """What is unseen is nobody's word: it is named, and the level is not said without it."""
    if lacking:
        return "not reached"
    return f"reached, but for what is unseen: {', '.join(unseen)}" if unseen else "reached"


def _line(found: Found) -> str:
    measure = found.measure
    state = colour(found.state.value.ljust(7), COLOURS[found.state.value])
    told = f"{state}  {measure.name}: against {measure.against}"
    if found.state.value == "ok":
        return told
    why = f" ({found.said})" if found.said else ""
    return f"{told}{why}; get it: {found.how}"


def _document(found: Found) -> dict[str, object]:
    measure = found.measure
    return {
        "measure": measure.name,
        "level": measure.level.word,
        "state": found.state.value,
        "against": measure.against,
        "how": found.how,
        "reason": found.said or None,
    }


def _genesis(config: Config) -> Genesis | None:
    from peerd.cli.current_group import current_genesis

    try:
        return current_genesis(config)
    except PeerdError:
        return None


def _peer(config: Config) -> Peer:
    """With what its daemon says of itself, where one runs."""
    from peerd.levels import Peer

    told = _status_at(config.status)
    if told is None and not _in_use(config):
        return Peer(config, _genesis(config))
    if told is None:  # it may run with another file, which named no socket
        elsewhere = replace(config, status=default_status(config.data))
        told = _status_at(elsewhere.status) or {}
        return replace(_running(elsewhere, told), reloads=False)
    return _running(config, told)


def _running(config: Config, told: dict[str, object]) -> Peer:
    from peerd.levels import Peer

    pid, running = told.get("pid"), told.get("measures")
    known = running if isinstance(running, dict) else None
    return Peer(config, _genesis(config), pid if isinstance(pid, int) else 0, known)


def _status_at(place: Path) -> dict[str, object] | None:
    """None where no daemon answers."""
    import trio

    from peerd.status.client import get

    try:
        return trio.run(get, place, "/v1/status")
    except NotRunningError:
        return None


def _in_use(config: Config) -> bool:
    """By a daemon that answers elsewhere than the file says, or by another command."""
    from peerd.storage.lock import DirectoryLock

    if not config.data.is_dir():
        return False
    try:
        DirectoryLock(config.data / "lock").release()
    except LockedError:
        return True
    except StorageError:  # which the measures come upon
        return False
    return False
