"""Where everybody has another key now, a peer that was away finds nobody: who answers at the old
addresses proves to be somebody else. With the successor's draft it knows who they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import trio

from peerd.config import Config
from peerd.discovery.address_book import AddressBook
from peerd.discovery.bootstraps import split
from peerd.errors import PeerdError
from peerd.group import Genesis
from peerd.identity import Identity, next_key, public_of
from peerd.runner.gathering import LOOK_SECONDS, QUIET_SECONDS
from peerd.runner.library import Library
from peerd.runner.operators.approvals import kept_approvals
from peerd.runner.succession.inheritance import address_book, bootstraps
from peerd.runner.succession.lineage import Epoch, kept_draft
from peerd.runner.succession.search import Search
from peerd.sealing import KeySource
from peerd.storage import Store
from peerd.transport.transport import Transport
from protocols.wire.payloads import Act
from protocols.wire.statement import decode_statement

NOWHERE = "/ip4/127.0.0.1/tcp/0"
"""Nobody calls a scout."""


def drafts(store: Store, configured: Genesis, group: bytes) -> Iterator[Genesis]:
    """Those that may be the successor of ``group``: the operator's file, and what was approved."""
    said = (decode_statement(each, group).payload for each in kept_approvals(store, group))
    approved = {each.about for each in said if each.act == Act.HANDOVER} - {configured.group_id}
    if configured.follows is not None and configured.follows.group == group:
        yield configured
    yield from filter(None, (kept_draft(store, name) for name in sorted(approved)))


def identity_in(
    draft: Genesis, identity: Identity, key: Path, source: KeySource | None = None
) -> Identity | None:
    """This peer in the successor: by the key that waits beside ``key``, or as it is; None for one
    that leaves.
    """
    waiting = next_key(key)
    known = [identity, *([Identity.load(waiting, source)] if waiting.exists() else [])]
    return next((each for each in known if each.public in draft.roster), None)


async def scout(
    draft: Genesis,
    epochs: Sequence[Epoch],
    identity: Identity,
    config: Config,
    library: Library,
    search: Search,
    alone: Callable[[], bool],
) -> None:
    """Asks those whose keys are new in ``draft`` for a handover to it, while this peer is alone in
    the last one of ``epochs``; until cancelled. One that leaves asks them as their guest.
    """
    known = identity_in(draft, identity, config.key, config.storage.source)
    me, group = identity, epochs[-1].genesis.group_id
    if known is not None:
        me, group = known, draft.group_id
    strangers = set(draft.roster) - set(epochs[-1].genesis.roster)
    if not strangers - {me.public}:
        return
    roster = sorted({*strangers, me.public})
    while True:
        await trio.sleep(QUIET_SECONDS)
        if not alone():
            continue
        book = _book(config, [*epochs, Epoch(0, draft)])
        transport = Transport(me, group, roster, NOWHERE, book)
        async with trio.open_nursery() as nursery:
            await nursery.start(transport.run)
            ask = partial(library.ask, through=transport)
            nursery.start_soon(search.ask, transport.connected, ask)
            while alone():
                await trio.sleep(LOOK_SECONDS)
            nursery.cancel_scope.cancel()


def _book(config: Config, epochs: Sequence[Epoch]) -> AddressBook:
    book = address_book(config.data, epochs)
    for address in bootstraps(config.bootstrap, epochs):
        where, peer = split(address)
        with suppress(PeerdError, ValueError):  # whoever is not in the draft is not looked for
            book.add_hint(public_of(peer), where)
    return book
