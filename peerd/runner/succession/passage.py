"""A daemon's way over to the successor of its group: decided while it was there, or missed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog
import trio

from peerd.config import Config
from peerd.group import Genesis
from peerd.identity import Identity
from peerd.runner.gathering import lacking
from peerd.runner.library import Library
from peerd.runner.succession.handover import Handover, successor
from peerd.runner.succession.lineage import Epoch
from peerd.runner.succession.scout import drafts, scout
from peerd.runner.succession.search import Search
from peerd.status.board import StatusBoard
from peerd.storage import Store
from peerd.transport.transport import Transport
from protocols.record.position import Position
from protocols.record.setting import Setting

log = structlog.get_logger(__name__)

LINGER_DELTAS = 4
"""Δ for which a daemon stays in a group that has handed over."""


class Passage:
    """Out of the last one of ``epochs``. ``configured``: the genesis of the operator's file."""

    def __init__(
        self,
        epochs: Sequence[Epoch],
        identity: Identity,
        config: Config,
        configured: Genesis,
        store: Store,
        library: Library,
        transport: Transport,
        board: StatusBoard,
    ) -> None:
        self._epochs = epochs
        self._identity = identity
        self._config = config
        self._configured = configured
        self._store = store
        self._library = library
        self._transport = transport
        self._board = board

    async def decided(self) -> Handover:
        """The handover that the store has; its genesis may still have to be asked for."""
        self._board.update(state="handing over", phase="waiting for the successor's genesis")
        connected, head = self._transport.connected, self._store.head()
        found = await successor(self._epochs[-1], self._store, self._library, connected, head)
        return self._told(Handover(found))

    async def linger(self) -> None:
        """Lets those learn of the handover who have not yet."""
        await trio.sleep(LINGER_DELTAS * self._epochs[-1].genesis.delta_ms / 1000)

    async def missed(self, setting: Setting, position: Callable[[], Position]) -> Handover:
        """Once it turns out that the group has handed over while this peer was away. Nobody is
        asked while a quorum of it is connected: those would tell. ``position``: where it stands.
        """
        store, epochs = self._store, self._epochs
        search = Search(epochs[-1], store, position)

        def alone() -> bool:
            return lacking(setting, len(self._transport.connected())) is not None

        def too_few() -> frozenset[bytes]:
            return self._transport.connected() if alone() else frozenset()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(search.ask, too_few, self._library.ask)
            for draft in drafts(store, self._configured, setting.group):
                known = draft, epochs, self._identity, self._config
                nursery.start_soon(scout, *known, self._library, search, alone)
            found = await search.found()
            nursery.cancel_scope.cancel()
        return self._told(found)

    def _told(self, found: Handover) -> Handover:
        self._board.update(state="handing over", phase="going over to the successor")
        self._board.publish("handover", successor=found.epoch.genesis.group_id.hex())
        return found
