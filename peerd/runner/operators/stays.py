"""Orders to stay away, to take part again, and to leave: files in the data directory, and what the
store keeps of them (docs/operate/change.md).
"""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path

from peerd.errors import ConfigError
from peerd.runner.operators.order_file import leave, picked
from peerd.storage import Store
from protocols.session.events import Return, Stay

FILE = "stay.json"
_KEY = "stays away"


class Ask(StrEnum):
    """What an operator asks of a daemon."""

    PAUSE = "pause"
    RESUME = "resume"
    DRAIN = "drain"


_ORDERS: dict[Ask, Stay | Return] = {
    Ask.PAUSE: Stay(),
    Ask.RESUME: Return(),
    Ask.DRAIN: Stay(lasts=False),
}
"""As the session takes them."""


def give(data: Path, asked: Ask) -> None:
    """Leave the order for the daemon. OSError where nothing can be written."""
    leave(data, FILE, {"order": asked.value})


def take(data: Path) -> Stay | Return | None:
    """The order that waits, once; None where there is none. ConfigError for rubbish."""
    found = picked(data / FILE, "peerd pause")
    if found is None:
        return None
    try:
        asked = Ask(found["order"])
    except (ValueError, TypeError, KeyError):
        raise ConfigError(f"{data / FILE}: not an order", "'peerd pause' writes it") from None
    return _ORDERS[asked]


def kept(store: Store) -> Stay | None:
    """What an earlier life was ordered, and was not taken back."""
    found = store.meta(_KEY)
    return None if not found else Stay(json.loads(found))


def keep(store: Store, since: int | None) -> None:
    """Durable on return. ``since``: the first round in which this peer takes no part."""
    if since is not None or store.meta(_KEY):
        store.set_meta(_KEY, b"" if since is None else json.dumps(since).encode())
