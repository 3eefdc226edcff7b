"""Before the group begins: its members give each other their signatures on the genesis.

Each asks a few of those that it is connected to, again and again, so that nobody has to carry files
about. What verifies is taken, from whoever has it: a liar can keep back its own, and no more.
"""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from functools import partial

import structlog
import trio

from peerd.config import Config
from peerd.discovery.address_book import AddressBook
from peerd.errors import GroupError
from peerd.group import Genesis, save
from peerd.group.addresses import as_bootstraps
from peerd.group.document import render
from peerd.group.signatures import MAX_SIGNATURES_BYTES, packed
from peerd.group.signing import added
from peerd.identity import Identity, peer_id_of
from peerd.levels import measures_set
from peerd.runner.library import SIGNATURES
from peerd.runner.node import Node
from peerd.runner.operators.noting import gate_of
from peerd.runner.operators.signals import heed_signals
from peerd.runner.operators.told import Told
from peerd.runner.sight.announce import Announcer
from peerd.runner.sight.roll import roll
from peerd.status.routes import AuditViews, Views
from peerd.status.waiting import NOT_CONNECTED, WORDS, Here
from peerd.storage import Store
from peerd.trail import Trail
from peerd.transport.errors import TransportError
from protocols.wire.canonical import pack

LOOK_SECONDS = 0.5
PAUSE_SECONDS = 2.0
ASKED = 3
"""Members in a pause: what one knows is everybody's after as many pauses as log n says."""
ANSWER_SECONDS = 10.0

log = structlog.get_logger(__name__)


class Founding:
    """A daemon that knows its group and has no part in rounds yet. ``genesis``: with the signatures
    that it has so far, as they are in the file of the configuration.

    Raises GroupError where this peer has not signed, or somebody's signature is wrong.
    """

    def __init__(
        self,
        config: Config,
        genesis: Genesis,
        identity: Identity,
        told: Told,
        trail: Trail,
        store: Store,
    ) -> None:
        genesis.verify_signatures()
        if genesis.follows is not None:
            genesis.verify()  # its group is asked for approvals as well: those are files
        if identity.public in genesis.unsigned():
            raise GroupError(
                f"{config.genesis}: this peer has not signed it",
                "'peerd up GENESIS' shows it, and signs it",
            )
        self.genesis = genesis
        self._config = config
        self._told = told
        self._trail = trail
        self._gate = gate_of(config, trail, store)
        self._identity = identity
        file = config.data / "addresses.json"
        book = AddressBook(file, genesis.roster, genesis.group_id)
        self._node = Node(config, identity, genesis, book)
        self._transport, self._board = self._node.transport, self._node.board
        self._measures = measures_set(config)
        self._scope = trio.CancelScope()
        self.exit_code = 0
        self._random = random.Random()

    async def run(self) -> None:
        """Until everybody has signed, or it is told to stop. NetworkError, StatusSocketError."""
        began = trio.current_time()
        self._show()
        self._board.derive("waiting", partial(self._waiting, began))
        self._board.derive("trail", self._trail.shown)
        self._board.derive("pending", self._gate.waiting)
        async with trio.open_nursery() as nursery:
            self._scope = nursery.cancel_scope
            await nursery.start(heed_signals, self, nursery, self._told, self._trail)
            await self._node.show(nursery, self._views(), self._gate)
            self._transport.handle_requests(self._answer)
            await self._node.listen(nursery)
            bootstrap = [*self._config.bootstrap, *as_bootstraps(self.genesis.addresses)]
            discovery = self._node.discovery(bootstrap, self._config.announce, self._config.relays)
            nursery.start_soon(discovery.run)
            nursery.start_soon(self._tell, began)
            await self._collect()
            nursery.cancel_scope.cancel()

    # -- signatures ----------------------------------------------------------------------------

    async def _collect(self) -> None:
        while self.genesis.unsigned():
            connected = sorted(self._transport.connected())
            for peer in self._random.sample(connected, min(ASKED, len(connected))):
                self._take(await self._ask(peer))
            await trio.sleep(PAUSE_SECONDS)
        log.info("every member has signed", members=len(self.genesis.roster))

    async def _ask(self, peer: bytes) -> bytes:
        try:
            return await self._transport.request(
                peer, pack([SIGNATURES, 0]), limit=MAX_SIGNATURES_BYTES, timeout=ANSWER_SECONDS
            )
        except TransportError as error:
            log.debug("nobody answered for signatures", peer=peer_id_of(peer), reason=str(error))
            return b""

    def _take(self, answer: bytes) -> None:
        """What is news and verifies; on disk before it is passed on."""
        genesis = added(self.genesis, answer)
        signed = [key for key in self.genesis.unsigned() if key in genesis.signatures]
        if not signed:
            return
        save(genesis, self._config.genesis)
        self.genesis = genesis
        for key in signed:
            log.info("signed", peer=peer_id_of(key), missing=len(genesis.unsigned()))
        self._show()

    async def _answer(self, peer: bytes, payload: bytes) -> bytes:
        return packed(self.genesis.signatures) if payload == pack([SIGNATURES, 0]) else b""

    # -- sight ---------------------------------------------------------------------------------

    def _show(self) -> None:
        signed, all_ = len(self.genesis.signatures), len(self.genesis.signers)
        self._board.update(
            state="founding",
            group=self.genesis.group_id.hex(),
            peer=self._identity.peer_id,
            name=self.genesis.name_of(self.genesis.index(self._identity.public)),
            phase=f"{signed} of {all_} have signed",
            pid=os.getpid(),
            measures=self._measures,
            warnings=[],
        )

    def _waiting(self, began: float) -> Sequence[dict[str, object]]:
        seconds, connected = round(trio.current_time() - began, 1), self._transport.connected()
        missing = self.genesis.unsigned()
        found = [(key, WORDS[Here.SIGNATURE]) for key in missing]
        found += [(key, NOT_CONNECTED) for key in missing if key not in connected]
        return [
            {
                "peer": peer_id_of(key),
                "name": self.genesis.name_of(self.genesis.index(key)),
                "phase": phase,
                "seconds": seconds,
                "deadline": None,
            }
            for key, phase in found
        ]

    async def _tell(self, began: float) -> None:
        announcer = Announcer(self._identity.peer_id, trio.current_time)
        while True:
            if told := announcer.look(self._waiting(began)):
                text, entries = told
                log.info(text)
                self._board.publish("waiting", text=text, waiting=entries)
            await trio.sleep(LOOK_SECONDS)

    def _views(self) -> Views:
        node = self._node
        return Views(
            peers=lambda: roll(self.genesis, node.identity.public, node.transport, node.book),
            rounds=lambda limit: (),
            round=lambda number: None,
            audit=AuditViews(
                lambda: render(self.genesis).encode(),
                list,
                lambda first, limit: [],
                dict,
            ),
        )

    # -- the operator's orders -----------------------------------------------------------------

    async def drain(self) -> None:
        """There is nothing to end."""
        self.stop(0)

    def stop(self, code: int) -> None:
        log.info("stopping", missing=len(self.genesis.unsigned()))
        self.exit_code = code
        self._scope.cancel()

    def reload(self) -> None:
        log.warning("nothing is read again before the group is founded")
