"""Who is connected: one link per roster member, and which of its connections counts."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import structlog
import trio
from libp2p.abc import IMuxedConn, INetConn
from libp2p.connection_types import ConnectionType
from libp2p.network.connection.swarm_connection import SwarmConn
from libp2p.rcmgr import Direction

from peerd.transport.circuit import circuit_address, relay_of
from peerd.transport.hybrid import PROTOCOL_ID as HYBRID
from peerd.transport.names import public_key, short
from peerd.transport.repairs.yamux import StrictYamux

log = structlog.get_logger(__name__)


class Reach(StrEnum):
    """How a connection came about. A link carries both directions, whoever has dialled."""

    DIALLED = "dialled"  # this peer has dialled
    DIALS = "dials"  # the other one has
    ONLY_DIALS = "only dials"  # the other one has, and has published no address
    RELAYED = "relayed"  # through another member


@dataclass(frozen=True, slots=True)
class Link:
    """What the status shows about one peer. ``rtt`` in seconds, ``last_seen`` in Unix time."""

    peer: bytes
    address: str
    connected: bool
    bytes_in: int
    bytes_out: int
    rtt: float | None
    last_seen: float | None
    queued_bytes: int
    dropped_frames: int
    ended: str | None = None
    """Why the last connection did, in words."""
    reach: Reach | None = None
    """How the two came together, while they are connected."""
    version: str | None = None
    """The release that the peer says it runs, or ran when it was last connected."""
    hybrid: bool | None = None
    """Whether ML-KEM protects the connection beside X25519; None while there is none."""


class PeerLink:
    """The connections to one peer."""

    def __init__(self, us: bytes, peer: bytes) -> None:
        self.peer = peer
        self._us = us
        self._connections: list[INetConn] = []
        self._past_in = 0
        self._past_out = 0
        self._past_seen: float | None = None
        self._ended: str | None = None
        self.address = ""
        self.version: str | None = None  # peerd/transport/versions.py
        self._changed = trio.Event()

    @property
    def connection(self) -> INetConn | None:
        """The connection in use, or None."""
        return self._connections[-1] if self._connections else None

    @property
    def relay(self) -> bytes | None:
        """The member that carries the connection in use; None for a direct one."""
        return None if self.connection is None else relay_behind(self.connection.muxed_conn)

    def is_connected(self) -> bool:
        return bool(self._connections)

    async def wait_until(self, connected: bool) -> None:
        while self.is_connected() is not connected:
            await self._changed.wait()

    async def wait_for_another(self, connection: INetConn | None) -> None:
        """Returns when this connection is not the one in use."""
        while self.connection is connection:
            await self._changed.wait()

    def add(self, connection: INetConn) -> list[INetConn]:
        """Takes note of a connection. Those that are now superfluous, for the caller to close.

        Both sides keep a direct connection rather than a circuit. After a simultaneous dial they
        keep the one that the smaller key opened, and of two that the same side opened the newer
        (the older is half-dead).
        """
        self._connections.append(connection)
        best = max(
            range(len(self._connections)),
            key=lambda index: (
                relay_behind(self._connections[index].muxed_conn) is None,
                self._by_smaller_key(self._connections[index]),
                index,
            ),
        )
        keep = self._connections.pop(best)
        superfluous = self._connections
        self._connections = [keep]
        for other in superfluous:
            self._count_past(other)
        self.address = _address_of(_muxed(keep))
        self._notify()
        return superfluous

    def remove(self, connection: INetConn) -> None:
        if connection in self._connections:
            self._connections.remove(connection)
            self._count_past(connection)
            self._notify()

    def _by_smaller_key(self, connection: INetConn) -> bool:
        return _opened_by_us(connection) is (self._us < self.peer)

    def _reach(self, has_address: bool) -> Reach | None:
        if self.connection is None:
            return None
        if self.relay is not None:
            return Reach.RELAYED
        if _opened_by_us(self.connection):
            return Reach.DIALLED
        return Reach.DIALS if has_address else Reach.ONLY_DIALS

    def _count_past(self, connection: INetConn) -> None:
        muxed = _muxed(connection)
        self._past_in += muxed.bytes_in
        self._past_out += muxed.bytes_out
        self._past_seen = muxed.last_heard
        self._ended = muxed.ended_because

    def _notify(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    @property
    def traffic(self) -> tuple[int, int]:
        """Bytes in and out, over all connections that there were."""
        muxed = _muxed(self.connection) if self.connection is not None else None
        bytes_in, bytes_out = (muxed.bytes_in, muxed.bytes_out) if muxed else (0, 0)
        return self._past_in + bytes_in, self._past_out + bytes_out

    def view(self, queued_bytes: int, dropped_frames: int, *, has_address: bool) -> Link:
        """``has_address``: one is known at which this peer could dial the other directly."""
        muxed = _muxed(self.connection) if self.connection is not None else None
        bytes_in, bytes_out = self.traffic
        heard = muxed.last_heard if muxed else self._past_seen
        return Link(
            peer=self.peer,
            address=self.address,
            connected=self.is_connected(),
            bytes_in=bytes_in,
            bytes_out=bytes_out,
            rtt=muxed.rtt if muxed else None,
            last_seen=None if heard is None else time.time() - (trio.current_time() - heard),
            queued_bytes=queued_bytes,
            dropped_frames=dropped_frames,
            ended=self._ended,
            reach=self._reach(has_address),
            version=self.version,
            hybrid=None if muxed is None else muxed.security == HYBRID,
        )


class LinkTable:
    """A libp2p notifee that keeps the links of the whole roster, and none of ``guests``: of each of
    those one connection, the newest. Keys that are worth nothing any more would else take all.
    """

    def __init__(self, us: bytes, peers: list[bytes], guests: frozenset[bytes]) -> None:
        self._guests = guests
        self._visits: dict[bytes, INetConn] = {}
        self.links = {peer: PeerLink(us, peer) for peer in peers}
        self.on_change: list[Callable[[bytes, bool], None]] = []

    async def connected(self, network: object, conn: INetConn) -> None:
        link = self._link(conn)
        if link is None:
            await self._visited(conn)
            return
        before = link.is_connected()
        superfluous = link.add(conn)
        if not before:
            self._tell(link.peer, True)
        for other in superfluous:
            await other.close()

    async def _visited(self, conn: INetConn) -> None:
        """A guest asks, and is not spoken to; nobody else passes the gate."""
        public = public_key(conn.muxed_conn.peer_id)
        if public is None or public not in self._guests:
            await conn.close()
            return
        before = self._visits.get(public)
        self._visits[public] = conn
        if before is not None:
            await before.close()

    async def disconnected(self, network: object, conn: INetConn) -> None:
        self._visits = {guest: each for guest, each in self._visits.items() if each is not conn}
        link = self._link(conn)
        if link is None or not link.is_connected():
            return
        link.remove(conn)
        if not link.is_connected():
            log.debug("peer lost", peer=short(link.peer), reason=_muxed(conn).ended_because)
            self._tell(link.peer, False)

    async def opened_stream(self, network: object, stream: object) -> None:
        """Part of libp2p's interface; streams are nobody's business here."""

    async def closed_stream(self, network: object, stream: object) -> None:
        """Part of libp2p's interface."""

    async def listen(self, network: object, multiaddr: object) -> None:
        """Part of libp2p's interface."""

    async def listen_close(self, network: object, multiaddr: object) -> None:
        """Part of libp2p's interface."""

    def _link(self, conn: INetConn) -> PeerLink | None:
        public = public_key(conn.muxed_conn.peer_id)
        return None if public is None else self.links.get(public)

    def _tell(self, peer: bytes, connected: bool) -> None:
        for callback in self.on_change:
            callback(peer, connected)


def relay_behind(muxed: IMuxedConn) -> bytes | None:
    """The member that carries a connection (32-byte public key); None for a direct one."""
    if muxed.get_connection_type() is not ConnectionType.RELAYED:
        return None
    return relay_of(str(muxed.get_transport_addresses()[0]))


def _opened_by_us(connection: INetConn) -> bool:
    assert isinstance(connection, SwarmConn)
    return connection.direction is Direction.OUTBOUND


def _address_of(muxed: StrictYamux) -> str:
    """``192.0.2.1:4001``, ``[2001:db8::1]:4001``, or a circuit's multiaddr."""
    remote = muxed.get_remote_address()
    if remote is None:
        relay = relay_behind(muxed)
        return "" if relay is None else circuit_address(relay)
    host = f"[{remote[0]}]" if ":" in remote[0] else remote[0]
    return f"{host}:{remote[1]}"


def _muxed(connection: INetConn) -> StrictYamux:
    muxed = connection.muxed_conn
    assert isinstance(muxed, StrictYamux)  # no other muxer is registered
    return muxed
