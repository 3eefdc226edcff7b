"""That this peer stays away: what the store keeps of it (docs/operate/change.md)."""

from __future__ import annotations

import json

from peerd.storage import Store
from protocols.session.events import Stay

_KEY = "stays away"


def kept(store: Store) -> Stay | None:
    """What an earlier life was ordered, and was not taken back."""
    found = store.meta(_KEY)
    return None if not found else Stay(json.loads(found))


def keep(store: Store, since: int | None) -> None:
    """Durable on return. ``since``: the first round in which this peer takes no part."""
    if since is not None or store.meta(_KEY):
        store.set_meta(_KEY, b"" if since is None else json.dumps(since).encode())
