"""Which group this peer is in now, and under which key (docs §6).

The data directory knows what its operator's files may not say yet.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import structlog

from peerd.errors import GroupError
from peerd.group import Genesis
from peerd.identity import Identity, next_key
from peerd.runner.lineage import Epoch, lineage, remember
from peerd.runner.resume import claim
from peerd.storage import Store

log = structlog.get_logger(__name__)


class Left(GroupError):
    """The group went on without this peer: it is done."""


def current(store: Store, configured: Genesis, key: Path) -> tuple[Sequence[Epoch], Identity]:
    """The groups that this peer was in, the current one last, and its identity in that. The
    directory is its own from then on.

    Raises Left for a peer that has left, StorageError, GroupError, IdentityError.
    """
    epochs = lineage(store, configured)
    genesis = epochs[-1].genesis
    if _was_left(store, epochs):
        raise _left(genesis)
    identity = Identity.load(key)
    if identity.public not in genesis.roster and len(epochs) > 1:
        identity = _succeed(store, key, identity, epochs)
    genesis.index(identity.public)
    if len(epochs) > 1 and store.owner() in _earlier_owners(epochs, identity.public):
        store.set_owner(genesis.group_id + identity.public)
    claim(store, genesis.group_id, identity.public)
    remember(store, epochs)
    return epochs, identity


def _earlier_owners(epochs: Sequence[Epoch], public: bytes) -> set[bytes]:
    """What this peer's directory said in the groups before: whose key became ``public``."""
    owners = set()
    for old, new in reversed(list(itertools.pairwise(epochs))):
        assert new.genesis.follows is not None
        before = [key for key, now in new.genesis.follows.keys if now == public]
        if not before:
            break
        public = before[0]
        owners.add(old.genesis.group_id + public)
    return owners


def _succeed(store: Store, key: Path, old: Identity, epochs: Sequence[Epoch]) -> Identity:
    """The key that takes the old one's place, whose secret is erased; or Left, and no key."""
    genesis = epochs[-1].genesis
    waiting = next_key(key)
    if waiting.exists():
        identity = Identity.load(waiting)
        if identity.public in genesis.roster:
            Identity.promote(waiting, key)
            log.warning("the old key is erased", peer=identity.peer_id)
            return identity
    if old.public in {public for epoch in epochs for public in epoch.genesis.roster}:
        store.set_meta(_LEFT, genesis.group_id)
        Identity.erase(key)
        raise _left(genesis)
    return old


_LEFT = "left"


def _was_left(store: Store, epochs: Sequence[Epoch]) -> bool:
    return store.meta(_LEFT) == epochs[-1].genesis.group_id


def _left(genesis: Genesis) -> Left:
    return Left(
        f"the group went on without this peer, as {genesis.name!r}"
        f" ({genesis.group_id.hex()[:16]}…), and its key is erased",
        "what it holds can still be audited; to join again make a new key",
    )
