"""Frames and requests between the members of one roster, over libp2p (TCP, Noise, yamux)."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import structlog
import trio
from libp2p.abc import INetStream
from libp2p.connection_types import ConnectionType
from libp2p.custom_types import StreamHandlerFn
from libp2p.network.connection.raw_connection import RawConnection
from libp2p.peer.id import ID
from multiaddr import Multiaddr

from peerd.errors import with_kind
from peerd.identity import Identity
from peerd.transport import versions
from peerd.transport.circuit import Circuits, CircuitStream, circuit_address, relay_of
from peerd.transport.dialer import Addresses, Dialer
from peerd.transport.errors import TransportError, Unreachable
from peerd.transport.flow import Flusher
from peerd.transport.frame_wire import SESSION_BYTES
from peerd.transport.inbox import Inbox
from peerd.transport.limits import DEFAULT_LIMITS, Limits
from peerd.transport.links import Link, LinkTable, PeerLink, relay_behind
from peerd.transport.names import libp2p_id, public_key, short
from peerd.transport.outbox import LaneKind, Outbox
from peerd.transport.receiver import Receiver
from peerd.transport.relay import Relay
from peerd.transport.repairs.host import PeerHost, addresses_of, build_host
from peerd.transport.repairs.swarm import NoAnswer
from peerd.transport.requests import Handler, RequestServer, ask
from peerd.transport.sender import Lot, Sender

log = structlog.get_logger(__name__)

_ADDRESS_SECONDS = 3600  # that libp2p remembers an address it has been told
_GROUP_PREFIX = 8  # bytes of the group's id in the protocol names


class Transport:
    """The network of one daemon.

    ``listen`` is a multiaddr such as ``/ip4/0.0.0.0/tcp/4001`` (port 0: any). Only peers of
    ``roster`` (32-byte Ed25519 keys), and ``guests``, get further than the handshake. Guests are
    let in for what ``serve_guests`` serves, and for nothing else. ``relays``: this peer carries
    circuits between members. ``hybrid``: members connect by the hybrid handshake alone; else by
    plain Noise too, which older releases speak.

    Frames to a peer arrive at least once, and in order within a lane, while both processes live:
    frames up to ``limits.control_frame`` bytes go in one lane and larger ones in another, so that
    a vote doesn't wait behind a model. A duplicate can reach the consumer only if the receiving
    process restarted in between.
    """

    def __init__(
        self,
        identity: Identity,
        group: bytes,
        roster: Sequence[bytes],
        listen: str,
        address_book: Addresses,
        limits: Limits = DEFAULT_LIMITS,
        *,
        guests: Iterable[bytes] = (),
        relays: bool = False,
        hybrid: bool = False,
    ) -> None:
        self.identity = identity
        self.group = group
        self.limits = limits
        self.address_book = address_book
        self.listen = listen
        self._peers = [peer for peer in roster if peer != identity.public]
        self._guests = frozenset(guests) - {*roster, identity.public}
        admitted = (*self._peers, *self._guests)
        self._admitted = {bytes(libp2p_id(peer).to_bytes()) for peer in admitted}
        self._hybrid = hybrid
        self._lot = Lot(os.urandom(SESSION_BYTES), Flusher())
        self._outboxes = {
            peer: Outbox(limits.control_frame, limits.outbox_bytes, limits.outbox_frames)
            for peer in self._peers
        }
        self._on_failed_dial: list[Callable[[bytes, Mapping[str, str]], None]] = []
        self._table = LinkTable(identity.public, self._peers, self._guests)
        self._receiver = Receiver(limits)
        self._requests = RequestServer(limits)
        self.host = self._build_host()
        self.serve(versions.PURPOSE, versions.tell)
        if relays:
            relay = self._for(self._is_member, Relay(self._open_to, limits).handle)
            self.host.set_unbounded_handler(self.protocol("relay"), relay)

    def _build_host(self) -> PeerHost:
        count = len(self._admitted) + 1
        host = build_host(
            self.identity.secret,
            self._is_admitted,
            count,
            self.limits,
            admits_plain=self._is_admitted_plain,
        )
        host.serves = self._is_member
        host.get_network().register_notifee(self._table)  # type: ignore[arg-type]
        frames, requests = self._receiver.handle, self._requests.handle
        host.set_unbounded_handler(self.protocol("frames"), self._for(self._is_member, frames))
        host.set_unbounded_handler(self.protocol("request"), self._for(self._is_member, requests))
        circuits = self._for(self._is_member, self._take_circuit)
        host.set_unbounded_handler(self.protocol("circuit"), circuits)
        host.swarm.open_circuit = Circuits(self._open_to, self.limits).open
        return host

    def _for(self, admits: Callable[[ID], bool], handler: StreamHandlerFn) -> StreamHandlerFn:
        """The handler, for these peers alone: not all that are connected are members."""

        async def guarded(stream: INetStream) -> None:
            if admits(stream.muxed_conn.peer_id):
                await handler(stream)
            else:
                await stream.reset()

        return guarded

    def protocol(self, purpose: str) -> str:
        """The libp2p protocol id for ``purpose`` within this group."""
        return _protocol(purpose, self.group)

    def _is_admitted(self, peer: ID) -> bool:
        return bytes(peer.to_bytes()) in self._admitted

    def _is_admitted_plain(self, peer: ID) -> bool:
        return self._is_admitted(peer) and not (self._hybrid and self._is_member(peer))

    def _is_member(self, peer: ID) -> bool:
        return public_key(peer) in self._table.links

    # --- life ---------------------------------------------------------------------------------

    async def run(self, *, task_status: Any = trio.TASK_STATUS_IGNORED) -> None:
        """Runs until cancelled. Started means: listening. Raises TransportError if it can't."""
        async with self.host.run([Multiaddr(self.listen)]):
            if self.listen_addresses():
                log.info("listening", addresses=list(self.listen_addresses()))
                await self._run_peers(task_status)
        raise TransportError(
            f"can't listen on {self.listen}",
            "is the port taken, or the address not ours? 'peerd doctor' says which",
        )

    async def _run_peers(self, task_status: Any) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._receiver.run)
            nursery.start_soon(self._lot.flusher.run)
            for peer in self._peers:
                self._start_peer(nursery, peer)
            task_status.started()
            await trio.sleep_forever()

    def _start_peer(self, nursery: trio.Nursery, peer: bytes) -> None:
        link = self._table.links[peer]
        dialer = Dialer(self.identity.public, link, self.address_book, self._dial, self.limits)
        nursery.start_soon(dialer.run)
        nursery.start_soon(versions.learn, link, self._ask_version)

        async def open_stream() -> INetStream:
            await link.wait_until(connected=True)
            return await self._open_stream(link, self.protocol("frames"))

        sender = Sender(peer, self._outboxes[peer], open_stream, self._lot, self.limits)
        for kind in LaneKind:
            nursery.start_soon(sender.run, kind)

    async def _ask_version(self, peer: bytes) -> bytes:
        return await self.request(
            peer, b"", limit=versions.MOST, timeout=versions.SECONDS, purpose=versions.PURPOSE
        )

    def listen_addresses(self) -> tuple[str, ...]:
        """The multiaddrs on which this host really listens, while it runs."""
        return tuple(addresses_of(self.host))

    # --- frames -------------------------------------------------------------------------------

    def send(self, peer: bytes, frame: bytes) -> None:
        """Queues a frame for ``peer``; never blocks.

        Raises ValueError for a peer that is not in the roster (or is ourselves) and for a frame
        beyond ``limits.max_frame``: both are mistakes of the caller.
        """
        if peer not in self._outboxes:
            raise ValueError(f"{peer.hex()[:16]}… is not another member of the roster")
        if len(frame) > self.limits.max_frame:
            raise ValueError(f"a frame of {len(frame)} bytes; at most {self.limits.max_frame}")
        dropped = self._outboxes[peer].put(frame)
        if dropped:
            log.warning("outbox full, oldest frames dropped", peer=short(peer), frames=dropped)

    def together(self) -> AbstractContextManager[None]:
        """Frames that are sent within leave at its end, as far as sockets take them."""
        return self._lot.flusher.together()

    @property
    def frames(self) -> Inbox:
        """(authenticated public key, frame), from all peers. Taking one acknowledges it."""
        return self._receiver.inbox

    def discard(self, peer: bytes | None = None) -> None:
        """Drops the frames that are queued for ``peer``, or for everybody."""
        for outbox in self._outboxes.values() if peer is None else [self._outboxes[peer]]:
            outbox.clear()

    # --- requests -----------------------------------------------------------------------------

    async def request(
        self, peer: bytes, payload: bytes, *, limit: int, timeout: float, purpose: str = "request"
    ) -> bytes:
        """Asks ``peer`` and returns its answer of at most ``limit`` bytes.

        Raises Unreachable when there is no connection or no answer within ``timeout`` seconds,
        and RequestFailed when the peer refuses or its answer is too large.
        """
        if len(payload) > self.limits.request_bytes:
            raise ValueError(
                f"a request of {len(payload)} bytes; at most {self.limits.request_bytes}"
            )
        link = self._link(peer)
        deadline = trio.current_time() + timeout
        with trio.move_on_at(deadline):
            await link.wait_until(connected=True)
            stream = await self._open_stream(link, self.protocol(purpose))
            left = max(deadline - trio.current_time(), 0.001)
            return await ask(stream, payload, limit=limit, seconds=left, limits=self.limits)
        raise Unreachable(f"no answer from {short(peer)} within {timeout:g} s")

    def handle_requests(self, handler: Handler) -> None:
        """``handler(peer, payload)`` answers requests; what it raises becomes a refusal."""
        self._requests.handler = handler

    def serve(self, purpose: str, handler: Callable[[bytes, bytes], Awaitable[bytes]]) -> None:
        """A request protocol of its own, beside the one of ``handle_requests``."""
        server = RequestServer(self.limits, handler)
        guarded = self._for(self._is_member, server.handle)
        self.host.set_unbounded_handler(self.protocol(purpose), guarded)

    def serve_guests(self, group: bytes, roster: Iterable[bytes], handler: Handler) -> None:
        """Answers what members of another group ask of each other, to those of its ``roster``."""
        server, theirs = RequestServer(self.limits, handler), frozenset(roster)
        guarded = self._for(lambda peer: public_key(peer) in theirs, server.handle)
        self.host.set_unbounded_handler(_protocol("request", group), guarded)

    # --- links --------------------------------------------------------------------------------

    def links(self) -> list[Link]:
        """One entry per other member of the roster, in the roster's order."""
        return [self._view(self._table.links[peer], self._outboxes[peer]) for peer in self._peers]

    def traffic(self) -> tuple[int, int]:
        """Bytes from and to all members, since this one began."""
        each = [link.traffic for link in self._table.links.values()]
        return sum(bytes_in for bytes_in, _ in each), sum(bytes_out for _, bytes_out in each)

    def _view(self, link: PeerLink, outbox: Outbox) -> Link:
        direct = any(relay_of(a) is None for a in self.address_book.addresses(link.peer))
        return link.view(outbox.bytes, outbox.dropped, has_address=direct)

    def connected(self) -> frozenset[bytes]:
        return frozenset(p for p, link in self._table.links.items() if link.is_connected())

    def on_link_change(self, callback: Callable[[bytes, bool], None]) -> None:
        """``callback(peer, connected)`` at every change; it must not block."""
        self._table.on_change.append(callback)

    def on_failed_dial(self, callback: Callable[[bytes, Mapping[str, str]], None]) -> None:
        """``callback(peer, causes)``: why each address (multiaddr) did not lead to the peer."""
        self._on_failed_dial.append(callback)

    async def connect(self, peer: bytes, addresses: Sequence[str]) -> None:
        """Dials a roster member at these multiaddrs. Raises Unreachable."""
        link = self._link(peer)
        try:
            known = [Multiaddr(address) for address in addresses]
            self.host.addresses.replace_addrs(libp2p_id(peer), known, _ADDRESS_SECONDS)
            await self.host.swarm.dial_peer(libp2p_id(peer), anew=link.relay is not None)
        except NoAnswer as error:
            raise Unreachable(f"{short(peer)}: {error}", error.causes) from error
        except Exception as error:  # libp2p's dial fails in many ways
            raise Unreachable(f"{short(peer)}: {with_kind(error)}") from error

    def _link(self, peer: bytes) -> PeerLink:
        link = self._table.links.get(peer)
        if link is None:
            raise ValueError(f"{peer.hex()[:16]}… is not another member of the roster")
        return link

    async def _dial(self, peer: bytes, directly: bool) -> None:
        """At all known addresses, circuits last; or ``directly``, at the others alone."""
        known = self.address_book.addresses(peer)
        circuits = [a for a in known if relay_of(a) is not None]
        direct = [a for a in known if a not in circuits][: self.limits.addresses_per_peer]
        room = self.limits.addresses_per_peer - len(circuits)
        addresses = direct if directly else [*direct[:room], *circuits]
        if not addresses:
            raise Unreachable(f"no address of {short(peer)} is known")
        try:
            await self.connect(peer, addresses)
        except Unreachable as error:
            for callback in self._on_failed_dial:
                callback(peer, error.causes)
            raise

    async def _open_to(self, peer: bytes, purpose: str) -> INetStream:
        """A stream over a connection of our own. Raises Unreachable; ValueError for a stranger."""
        link = self._link(peer)
        if link.relay is not None:
            raise Unreachable(f"{short(peer)} is reached through another member alone")
        return await self._open_stream(link, self.protocol(purpose))

    async def _take_circuit(self, stream: INetStream) -> None:
        """A relay hands us a connection; who is at its other end the handshake tells."""
        relay = public_key(stream.muxed_conn.peer_id)
        try:
            if relay is not None and relay_behind(stream.muxed_conn) is None:
                where = Multiaddr(circuit_address(relay))
                pipe = CircuitStream(stream)
                raw = RawConnection(pipe, False, ConnectionType.RELAYED, [where])
                await self.host.swarm.take_inbound(raw, f"relay {short(relay)}", where)
        finally:
            with trio.CancelScope(shield=True):
                await stream.close()

    async def _open_stream(self, link: PeerLink, protocol: str) -> INetStream:
        connection = link.connection
        if connection is None:
            raise Unreachable(f"{short(link.peer)} is not connected")
        return await self.host.open_stream(connection, protocol)


def _protocol(purpose: str, group: bytes) -> str:
    return f"/peerd/1/{purpose}/{group[:_GROUP_PREFIX].hex()}"
