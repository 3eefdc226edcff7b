"""Finding the group: bootstrap addresses → DHT and exchange → address book → connections.

Each peer signs a record of where it listens. It tells the record to every member it connects to
(and gets theirs in return), and publishes it in the DHT, where members that know only a bootstrap
look for the others. What has been learned is in the address book, so a bootstrap is needed once.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence

import structlog
import trio
from libp2p.tools.anyio_service import background_trio_service

from peerd.discovery.address_book import AddressBook, Outcome
from peerd.discovery.bootstraps import Bootstraps, members_behind
from peerd.discovery.lookup import RosterDHT
from peerd.discovery.own_addresses import NoAddress, published
from peerd.discovery.records import LIFETIME, MAX_RECORD_BYTES, sign_record
from peerd.errors import StorageError, with_kind
from peerd.identity import Identity
from peerd.transport.circuit import circuit_address, relay_of
from peerd.transport.errors import TransportError
from peerd.transport.names import short
from peerd.transport.transport import Transport
from protocols.errors import WireError
from protocols.wire.canonical import pack, unpack

log = structlog.get_logger(__name__)

_PURPOSE = "addresses"
_FIRST_SEARCH = 1.0  # seconds; doubles up to the last
_LAST_SEARCH = 60.0
_PUBLISH_AGAIN = LIFETIME / 8
_EXCHANGE_SECONDS = 10.0
_SAVE_PAUSE = 1.0
_LOOK_PAUSE = 3.0  # between two looks at our own addresses


class Discovery:
    """Keeps the address book of a running Transport up to date.

    ``bootstrap``, ``relays``: multiaddrs that end in ``/p2p/<peer id>`` of a roster member.
    ``announce``: the addresses to publish, when they differ from those that the host listens on
    (NAT, containers); an empty list where nobody can dial this peer. Circuits through ``relays``
    are published beside them. Raises ConfigError for an address that can't be used.
    """

    def __init__(
        self,
        transport: Transport,
        identity: Identity,
        book: AddressBook,
        bootstrap: Sequence[str] = (),
        *,
        announce: Sequence[str] | None = None,
        relays: Sequence[str] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._transport = transport
        self._identity = identity
        self._book = book
        self._clock = clock
        self._random = random.Random()
        self._moved = trio.Event()
        self.on_publish: Callable[[Sequence[str]], None] = lambda addresses: None
        """Told of the addresses in each new record of ours."""
        self._told: dict[bytes, int] = {}
        self._members = [link.peer for link in transport.links()]
        self._bootstraps = Bootstraps()
        self.no_address = NoAddress()
        self.point_to(bootstrap, announce, relays)
        everybody = [*self._members, identity.public]
        self._limit = 64 + (MAX_RECORD_BYTES + 8) * len(everybody)
        self.dht = RosterDHT(transport.host, transport.group, everybody)
        self._connected = trio.open_memory_channel[bytes](2 * len(everybody) + 16)
        transport.host.published = self._dialled_at
        transport.serve(_PURPOSE, self._answer)
        transport.on_link_change(self._on_link_change)
        transport.on_failed_dial(self._bootstraps.failed)

    def point_to(
        self, bootstrap: Sequence[str], announce: Sequence[str] | None, relays: Sequence[str]
    ) -> None:
        """Other bootstraps, and other addresses to publish. ConfigError; then nothing changes."""
        everybody = [*self._members, self._identity.public]
        through = members_behind(relays, everybody)
        named = [*members_behind(bootstrap, everybody), *through]
        self._bootstraps.forget()
        for public, where in named:
            if public != self._identity.public:
                self._book.add_hint(public, where)
                self._bootstraps.add(public, where)
        self._announce = announce
        self._circuits = tuple(
            circuit_address(relay) for relay, _ in through if relay != self._identity.public
        )

    # --- life ---------------------------------------------------------------------------------

    async def run(self) -> None:
        """Runs until cancelled, beside ``transport.run``, which must have started."""
        self._sign_own_record()
        async with background_trio_service(self.dht), trio.open_nursery() as nursery:
            for peer in self._transport.connected():
                self._on_link_change(peer, True)
            nursery.start_soon(self._greet_connected)
            nursery.start_soon(self._publish)
            nursery.start_soon(self._watch_own_addresses)
            nursery.start_soon(self._search)
            nursery.start_soon(self._save)

    def _on_link_change(self, peer: bytes, connected: bool) -> None:
        if connected:
            self._bootstraps.connected(peer)
            try:
                self._connected[0].send_nowait(peer)
            except trio.WouldBlock:
                log.debug("too many connections at once to greet", peer=short(peer))

    def _sign_own_record(self) -> None:
        now = self._clock()
        old = self._book.record(self._identity.public)
        sequence = max(int(now * 1000), old.sequence + 1 if old is not None else 0)
        record = sign_record(
            self._identity, self._transport.group, self._own_addresses(), sequence, now
        )
        self._book.add(record.raw)
        self.on_publish(record.addresses)

    def _own_addresses(self) -> tuple[str, ...]:
        addresses = published(self._transport.listen_addresses(), self._announce, self._circuits)
        if self._announce is None:
            self.no_address.saw(addresses)
        return addresses

    def _dialled_at(self) -> Sequence[str]:
        """Of the addresses in our record those that libp2p can dial: no circuits."""
        own = self._book.record(self._identity.public)
        return [each for each in own.addresses if relay_of(each) is None] if own else []

    async def _watch_own_addresses(self) -> None:
        """A host that listens on a wildcard can move: the others are told where to.

        They look for members without a valid record only, and the old one is valid for a day.
        """
        while True:
            await trio.sleep(_LOOK_PAUSE)
            own, now = self._book.record(self._identity.public), self._own_addresses()
            between = not now and self._announce is None  # of two addresses: nothing to tell
            if own is not None and not between and now != own.addresses:
                log.info("this peer has moved", addresses=list(now))
                self._sign_own_record()
                self._moved.set()
            await self._tell_those_behind()

    async def _tell_those_behind(self) -> None:
        """Connected peers that have not taken the newest record: an exchange over a connection
        that dies with the old address is lost, and has to be had again over the next one.
        """
        own = self._book.record(self._identity.public)
        if own is None:
            return
        connected = self._transport.connected()
        behind = [p for p in sorted(connected) if self._told.get(p, -1) < own.sequence]
        async with trio.open_nursery() as nursery:
            for peer in behind:
                nursery.start_soon(self._exchange, peer)

    # --- exchange -----------------------------------------------------------------------------

    async def _greet_connected(self) -> None:
        """Exchanges address books with every peer that connects."""
        async with trio.open_nursery() as nursery:
            async for peer in self._connected[1]:
                nursery.start_soon(self._exchange, peer)

    async def _exchange(self, peer: bytes) -> None:
        own = self._book.record(self._identity.public)
        try:
            answer = await self._transport.request(
                peer,
                own.raw if own is not None else b"",
                limit=self._limit,
                timeout=_EXCHANGE_SECONDS,
                purpose=_PURPOSE,
            )
            records = unpack(answer)
            if not isinstance(records, list):
                raise WireError("an address book is a list")
            if own is not None:
                self._told[peer] = max(self._told.get(peer, -1), own.sequence)
            for raw in records[: len(self._members) + 1]:
                if isinstance(raw, bytes):
                    self._add(raw, peer)
        except (TransportError, WireError) as error:
            log.debug("no exchange of addresses", peer=short(peer), reason=str(error))
        try:
            await self.dht.add_member(peer, self._book.addresses(peer))
        except Exception as error:  # libp2p's DHT fails in many ways
            log.warning("a member is not in the routing table", error=with_kind(error))

    async def _answer(self, peer: bytes, payload: bytes) -> bytes:
        if payload:
            self._add(payload, peer)
        return pack([record.raw for record in self._book.fresh_records()])

    def _add(self, raw: bytes, sender: bytes | None = None) -> None:
        if self._book.add(raw, sender) is Outcome.NEW:
            log.debug("a new address record", known=len(self._book.fresh_records()))

    # --- DHT ----------------------------------------------------------------------------------

    async def _publish(self) -> None:
        while True:
            while not self._transport.connected():
                await trio.sleep(_FIRST_SEARCH)
            own = self._book.record(self._identity.public)
            if own is not None:
                try:
                    await self.dht.publish(own.public, own.raw)
                except Exception as error:  # libp2p's DHT fails in many ways
                    log.warning("the record was not published", error=with_kind(error))
            with trio.move_on_after(_PUBLISH_AGAIN) as pause:
                await self._moved.wait()
            self._moved = trio.Event()
            if pause.cancelled_caught:
                self._sign_own_record()
            async with trio.open_nursery() as nursery:
                for peer in self._transport.connected():
                    nursery.start_soon(self._exchange, peer)

    async def _search(self) -> None:
        """Looks for members whose addresses are not known, less and less often."""
        pause = _FIRST_SEARCH
        while True:
            await trio.sleep(self._random.uniform(pause / 2, pause))
            connected = self._transport.connected()
            unknown = self._book.unknown()
            if not unknown or not connected:
                pause = _FIRST_SEARCH
                continue
            pause = min(2 * pause, _LAST_SEARCH)
            absent = [peer for peer in unknown if peer not in connected]
            for peer in connected.intersection(unknown):  # it was not ready when we greeted it
                await self._exchange(peer)
            if absent:
                await self._exchange(self._random.choice(sorted(connected)))
            for peer in absent:
                if self._is_missed(peer):  # a lookup takes a while, and they come by themselves
                    await self._look_up(peer)

    def _is_missed(self, peer: bytes) -> bool:
        return peer not in self._transport.connected() and peer in self._book.unknown()

    async def _look_up(self, public: bytes) -> None:
        try:
            for raw in await self.dht.lookup(public):
                self._add(raw)
        except Exception as error:  # libp2p's DHT fails in many ways
            log.warning("a DHT lookup failed", peer=short(public), error=with_kind(error))

    # --- file ---------------------------------------------------------------------------------

    async def _save(self) -> None:
        while True:
            await trio.sleep(_SAVE_PAUSE)
            if self._book.dirty:
                try:
                    await trio.to_thread.run_sync(self._book.write, self._book.encode())
                except StorageError as error:
                    log.error("the address book was not saved", error=str(error))
