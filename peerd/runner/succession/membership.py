"""Which group this peer is in now, and under which key (docs §6).

The data directory knows what its operator's files may not say yet.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import structlog

from peerd.errors import GroupError, IdentityError
from peerd.group import Genesis
from peerd.group.succession import LEAVES
from peerd.identity import Identity, next_key, peer_id_of
from peerd.runner.resume import check_owner, claim
from peerd.runner.succession.lineage import Epoch, advanced, heir, keep_draft, lineage, remember
from peerd.sealing import KeySource
from peerd.storage import Store

log = structlog.get_logger(__name__)

_LEFT = "left"


class Left(GroupError):
    """The group went on without this peer: it is done."""


def current(store: Store, configured: Genesis, key: Path) -> tuple[Sequence[Epoch], Identity]:
    """The groups that this peer was in, the current one last, and its identity in that. The
    directory is its own from then on, and keys whose place another has taken are erased.

    Raises Left for a peer that has left, StorageError, GroupError, IdentityError.
    """
    epochs = standing(store, configured)
    identity = _identity(store, key, epochs)
    _check_member(epochs, configured, identity)
    group = epochs[-1].genesis.group_id
    if store.owner() in _earlier_owners(epochs, identity.public):
        store.set_owner(group + identity.public)
    claim(store, group, identity.public)
    remember(store, epochs)
    if configured.follows is not None and configured.follows.group == group:
        keep_draft(store, configured)  # in a crash ahead it may be all that leads on
    return epochs, identity


def standing(store: Store, configured: Genesis) -> Sequence[Epoch]:
    """The groups that this peer was in, the current one last; writes nothing. As ``current``."""
    return advanced(store, lineage(store, configured))


def check_standing(store: Store, configured: Genesis, key: Path) -> None:
    """What ``current`` would raise, but for a key that takes another's place at the next start."""
    epochs = standing(store, configured)
    genesis = epochs[-1].genesis
    if store.meta(_LEFT) == genesis.group_id:
        raise _left(genesis)
    public = heir(epochs, Identity.load(key, store.source).public)
    if store.owner() not in _earlier_owners(epochs, public):
        check_owner(store, genesis.group_id, public)


def _identity(store: Store, key: Path, epochs: Sequence[Epoch]) -> Identity:
    """The key in use; the one that waits, if it is its turn. Left, IdentityError, GroupError."""
    genesis = epochs[-1].genesis
    try:
        identity = Identity.load(key, store.source)
    except IdentityError:
        if store.meta(_LEFT) == genesis.group_id:
            raise _left(genesis) from None
        if len(epochs) > 1 and (waiting := _waiting(key, genesis.roster, store.source)):
            return _promoted(key, waiting)  # the old one is erased, and a crash came in between
        raise
    public = heir(epochs, identity.public)
    if public == LEAVES:
        store.set_meta(_LEFT, genesis.group_id)
        Identity.erase(key)
    if store.meta(_LEFT) == genesis.group_id:
        raise _left(genesis)
    if public != identity.public:
        waiting = _waiting(key, (public,), store.source)
        if waiting is None:
            raise IdentityError(
                f"this member's key is {peer_id_of(public)} now, and not the one of {key}",
                f"put it where 'peerd group rotate' does: {next_key(key)}",
            )
        return _promoted(key, waiting)
    return identity


def _check_member(epochs: Sequence[Epoch], configured: Genesis, identity: Identity) -> None:
    """GroupError for a stranger, and for a key that is too early for this directory."""
    genesis = epochs[-1].genesis
    if identity.public not in genesis.roster and identity.public in configured.roster:
        raise GroupError(
            f"{identity.peer_id} is no member yet: the data directory is of the group before,"
            f" {genesis.name!r}, which has not handed over as far as it knows",
            "leave the old key in its place until then; if that is lost, name a new directory as"
            " 'data': this peer then starts as whoever joins does",
        )
    genesis.index(identity.public)


def _waiting(key: Path, publics: Sequence[bytes], source: KeySource | None) -> Identity | None:
    """The key beside ``key`` that is to take its place, if it is one of these."""
    path = next_key(key)
    waiting = Identity.load(path, source) if path.exists() else None
    return waiting if waiting is not None and waiting.public in publics else None


def _promoted(key: Path, waiting: Identity) -> Identity:
    Identity.promote(next_key(key), key)
    log.warning("the old key is erased, and another has its place", peer=waiting.peer_id)
    return waiting


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


def _left(genesis: Genesis) -> Left:
    return Left(
        f"the group went on without this peer, as {genesis.name!r}"
        f" ({genesis.group_id.hex()[:16]}…), and its key is erased",
        "what it holds can still be audited; to join again, make a new key and a new directory",
    )
