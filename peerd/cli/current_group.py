"""The genesis of the group that a peer is in now, which may be later than its file's."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from peerd.errors import NotRunningError

if TYPE_CHECKING:
    from peerd.config import Config
    from peerd.group import Genesis
    from peerd.status.remote import Place


def running(config: Path) -> tuple[Genesis, int]:
    """The genesis of the group that a daemon is in now, and its last round. NotRunningError."""
    import trio

    from peerd.config import Config
    from peerd.status.client import get
    from peerd.status.remote import remote

    socket = remote() or Config.load(config, os.environ).status
    head = trio.run(get, socket, "/v1/status").get("head")
    return of_daemon(socket, None), head if isinstance(head, int) else -1


def current_genesis(config: Config, round_: int | None = None) -> Genesis:
    """Of the group that the daemon is in, or else its directory. ``round_``: of the group that made
    this round, if it is not the last. GroupError, StorageError.
    """
    from peerd.group import load
    from peerd.status.client import StatusAnswerError
    from peerd.status.remote import remote

    try:
        return of_daemon(remote() or config.status, round_)
    except NotRunningError:
        return _of_directory(config, round_)
    except StatusAnswerError:  # a daemon from before handovers, which is in the group of its file
        return load(config.genesis)


def of_daemon(socket: Place, round_: int | None) -> Genesis:
    """As ``current_genesis``, of a daemon that runs. NotRunningError."""
    import json

    import trio

    from peerd.group.document import parse
    from peerd.status.client import get, get_bytes

    if round_ is None:
        return parse(trio.run(get_bytes, socket, "/v1/genesis"))
    groups: Any = trio.run(get, socket, "/v1/lineage")["groups"]
    theirs = [each["genesis"] for each in groups if each["first_round"] <= round_]
    return parse(json.dumps(theirs[-1] if theirs else groups[0]["genesis"]).encode())


def _of_directory(config: Config, round_: int | None) -> Genesis:
    from peerd.group import load
    from peerd.runner.succession.lineage import epoch_of
    from peerd.runner.succession.membership import standing
    from peerd.storage import Store

    configured = load(config.genesis)
    if not any(config.data.glob("peerd.sqlite3")):
        return configured
    with Store.open(config.data, source=config.storage.source) as store:
        epochs = standing(store, configured)
    return (epochs[-1] if round_ is None else epoch_of(epochs, round_)).genesis
