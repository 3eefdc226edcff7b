"""What a successor's members know of each other from the group before: where they can be found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import structlog

from peerd.discovery.address_book import AddressBook
from peerd.discovery.bootstraps import split
from peerd.errors import IdentityError
from peerd.group import Genesis
from peerd.group.succession import LEAVES
from peerd.identity import peer_id_of, public_of
from peerd.runner.succession.lineage import Epoch, heir

log = structlog.get_logger(__name__)


def address_book(directory: Path, epochs: Sequence[Epoch]) -> AddressBook:
    """The current group's; who was in the group before is looked for where it was then."""
    follows = epochs[-1].genesis.follows
    book = _book(directory, epochs[-1])
    if len(epochs) > 1 and follows is not None:
        before = _book(directory, epochs[-2])
        for old, new in follows.keys:
            for address in before.addresses(old) if new else ():
                book.add_hint(new, address)
    return book


def _book(directory: Path, epoch: Epoch) -> AddressBook:
    genesis = epoch.genesis
    suffix = "" if genesis.follows is None else f"-{genesis.group_id.hex()[:16]}"
    name = f"addresses{suffix}.json"
    return AddressBook(directory / name, genesis.roster, genesis.group_id)


def guests(epochs: Sequence[Epoch]) -> frozenset[bytes]:
    """Members of the groups before, who may ask what became of theirs; but none by a key that is
    lost: it may be a thief's, and its owner has another.
    """
    handovers = [epoch.genesis.follows for epoch in epochs if epoch.genesis.follows is not None]
    lost = {key for follows in handovers for key in follows.lost}
    before = {public for epoch in epochs[:-1] for public in epoch.genesis.roster}
    before |= {old for follows in handovers[-1:] for old, _ in follows.keys}
    return frozenset(before - lost)


def bootstraps(
    configured: Iterable[str], epochs: Sequence[Epoch], ahead: Genesis | None = None
) -> list[str]:
    """What the operator's file says, in terms of the current roster: a member that has another key
    now is still where it was, and one that has left is nobody to ask. ``ahead``: the genesis of the
    operator's file, whose keys may not be in use yet.
    """
    group, follows = epochs[-1].genesis.group_id, ahead.follows if ahead is not None else None
    early = follows is not None and follows.group == group
    before = {new: old for old, new in follows.keys} if follows is not None and early else {}
    return [address for each in configured for address in _renamed(each, epochs, before)]


def _renamed(address: str, epochs: Sequence[Epoch], before: Mapping[bytes, bytes]) -> Iterator[str]:
    where, peer = split(address)
    try:
        public = public_of(peer)
    except IdentityError:
        yield address  # whoever reads it says what is wrong
        return
    now = heir(epochs, before.get(public, public))
    if now == LEAVES:
        log.warning("a bootstrap or relay has left the group", peer=peer)
    else:
        yield f"{where}/p2p/{peer_id_of(now)}" if now != public else address
