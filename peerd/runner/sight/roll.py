"""The group's members as the status shows them: links, addresses, who is away."""

from __future__ import annotations

from collections.abc import Collection

import peerd
from peerd.discovery.address_book import AddressBook
from peerd.group import Genesis
from peerd.identity import peer_id_of
from peerd.transport.transport import Transport


def roll(
    genesis: Genesis,
    me: bytes,
    transport: Transport,
    book: AddressBook,
    away: Collection[str] = (),
) -> list[dict[str, object]]:
    """One object a member, in roster order. ``me``: this peer's key. ``away``: peer ids."""
    links = {link.peer: link for link in transport.links()}
    shown: list[dict[str, object]] = []
    for index, public in enumerate(genesis.roster):
        link, peer = links.get(public), peer_id_of(public)
        own = public == me
        shown.append(
            {
                "peer": peer,
                "name": genesis.name_of(index),
                "self": own,
                "connected": link is None or link.connected,
                "away": peer in away,
                "address": transport.listen if link is None else link.address,
                "reach": None if link is None else link.reach,
                "published": list(book.addresses(public)),
                "bytes_in": 0 if link is None else link.bytes_in,
                "bytes_out": 0 if link is None else link.bytes_out,
                "rtt": None if link is None else link.rtt,
                "last_seen": None if link is None else link.last_seen,
                "hybrid": link and link.hybrid,
                "version": peerd.__version__ if own else link and link.version,
            }
        )
    return shown
