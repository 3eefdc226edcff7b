"""libp2p's Swarm without faults 1, 2, 5, 8 and 10.

upstream: libp2p/network/swarm.py (0.8.1)

- fault 1, ``dial_peer`` (line 937) sleeps 250 ms after a dial that has succeeded, and blacklists
  a peer for 60 s after one that hasn't: here addresses are tried one after the other, each with
  a deadline, and the caller owns the backoff.
- fault 2, ``_handle_inbound_connection`` (line 1947) keeps its slot of the inbound cap until the
  *host* stops, and then ``add_conn`` counts connections that are gone: here a handler ends with
  its connection.
- fault 5, line 1947 of ``connection/swarm_connection.py``'s caller: an exception that leaves a
  stream handler cancels the swarm's nursery, and with it the host: here no exception leaves it.
- fault 8, handshakes have no cap: see ``Admission``.
- fault 10, a ResourceManager that can't be built becomes None, silently: here there is none, by
  decision. Each limit of ours is enforced where the bytes are.

Names are resolved here, by the machine's own resolver (``resolver``): the library asks a name
server itself, and knows nothing of /etc/hosts, mDNS and search domains.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import structlog
import trio
from libp2p.abc import INetConn, INetStream
from libp2p.connection_types import ConnectionType
from libp2p.custom_types import StreamHandlerFn
from libp2p.io.abc import ReadWriteCloser
from libp2p.network.auto_connector import AutoConnector
from libp2p.network.config import ConnectionConfig
from libp2p.network.connection.raw_connection import RawConnection
from libp2p.network.exceptions import SwarmException
from libp2p.network.swarm import Swarm
from libp2p.peer.id import ID
from libp2p.peer.peerstore import PeerStoreError
from multiaddr import Multiaddr

from peerd.errors import with_kind
from peerd.transport.limits import Limits

from .causes import cause_of
from .resolver import Resolver
from .sockets import Admission
from .yamux import StrictYamux

log = structlog.get_logger(__name__)


class NoAnswer(SwarmException):
    """No address of the peer led to it. ``causes``: why not, in words, by the known address."""

    def __init__(self, peer_id: ID, causes: dict[str, str]) -> None:
        said = "; ".join(f"{address}: {cause}" for address, cause in causes.items())
        super().__init__(f"{peer_id} doesn't answer at any address: {said}")
        self.causes = causes


OpenCircuit = Callable[[str, ID], Awaitable[ReadWriteCloser]]
"""(address, peer): a byte stream to the peer that another member carries."""


async def _no_circuit(address: str, peer_id: ID) -> ReadWriteCloser:
    raise SwarmException("nobody relays here")


_PER_PEER_UNUSED = 1_000_000  # a cap of the library that ours replaces


def connection_config(limits: Limits, roster: int) -> ConnectionConfig:
    """No autonomous dialling or pruning by the library: the transport decides who is connected."""
    most = max(300, limits.connections_per_peer * roster + limits.pending_handshakes)
    return ConnectionConfig(
        max_connections=most,
        min_connections=0,
        low_watermark=0,
        high_watermark=most,
        max_connections_per_peer=_PER_PEER_UNUSED,
        dial_timeout=limits.dial,
        inbound_upgrade_timeout=limits.handshake,
        outbound_upgrade_timeout=limits.handshake,
        auto_connect_interval=3600.0,
    )


class NoAutoConnector(AutoConnector):
    """Dials nobody: with a low watermark of 0 the library's still aims at 150 connections."""

    async def start(self) -> None:
        """Nothing to start."""

    async def run_background_task(self, nursery: trio.Nursery) -> None:
        """Nothing to run."""

    async def maybe_connect(self, *args: Any, **kwargs: Any) -> None:
        """Nobody to connect to."""


class RosterSwarm(Swarm):
    """A swarm that dials roster members only, one address after the other."""

    def __init__(
        self, *args: Any, admits: Callable[[ID], bool], limits: Limits, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._admits = admits
        self._limits = limits
        self._dial_locks: dict[ID, trio.Lock] = {}
        self.admission = Admission(limits)
        self._resolver = Resolver(limits.addresses_per_peer, limits.dial)
        self.failed_handlers = 0
        self.open_circuit: OpenCircuit = _no_circuit
        self.auto_connector = NoAutoConnector(self, auto_connect_interval=3600.0)

    # --- fault 1 ------------------------------------------------------------------------------

    async def dial_peer(self, peer_id: ID, *, anew: bool = False) -> list[INetConn]:
        """Open connections to ``peer_id``: those there are, or one newly dialled; ``anew``: the
        latter in any case.

        Raises SwarmException for a peer outside of the roster and when no address answers.
        """
        if not self._admits(peer_id):
            raise SwarmException(f"{peer_id} is not in the roster: it is not dialled")
        async with self._dial_locks.setdefault(peer_id, trio.Lock()):
            open_now = self.open_connections(peer_id)
            if open_now and not anew:
                return open_now
            try:
                addresses = list(self.peerstore.addrs(peer_id))
            except PeerStoreError:
                addresses = []
            if not addresses:
                raise SwarmException(f"no address of {peer_id} is known")
            return [await self._dial_first(peer_id, addresses)]

    async def _dial_first(self, peer_id: ID, addresses: list[Multiaddr]) -> INetConn:
        causes: dict[str, str] = {}
        for address in addresses[: self._limits.addresses_per_peer]:
            try:
                return await self._dial_each(peer_id, address)
            except Exception as error:  # hostile bytes fail a handshake in many ways
                causes[str(address)] = cause_of(error)
        raise NoAnswer(peer_id, causes)

    async def _dial_each(self, peer_id: ID, address: Multiaddr) -> INetConn:
        """What an address stands for, one after the other: a name may have several.

        Raises what each of them has failed with, in a group.
        """
        if address.protocols()[-1].name == "p2p-circuit":
            with trio.fail_after(self._limits.dial):
                return await self._dial_through(peer_id, address)
        failures: list[Exception] = []
        for place in await self._resolver.resolve(address):
            try:
                with trio.fail_after(self._limits.dial):
                    return await self._dial_addr_single_attempt(place, peer_id)
            except Exception as error:
                failures.append(error)
        raise ExceptionGroup(str(address), failures)

    async def _dial_through(self, peer_id: ID, address: Multiaddr) -> INetConn:
        circuit = await self.open_circuit(str(address), peer_id)
        raw = RawConnection(circuit, True, ConnectionType.RELAYED, [address])
        try:
            return await self.upgrade_outbound_raw_conn(raw, peer_id)
        except BaseException:
            with trio.CancelScope(shield=True):
                await raw.close()
            raise

    def open_connections(self, peer_id: ID) -> list[INetConn]:
        return [c for c in self.get_connections(peer_id) if not c.is_closed]

    # --- faults 2 and 8 -----------------------------------------------------------------------

    async def _handle_inbound_connection(
        self, read_write_closer: ReadWriteCloser, maddr: Multiaddr
    ) -> None:
        remote = read_write_closer.get_remote_address()
        raw = RawConnection(read_write_closer, False)
        await self.take_inbound(raw, remote[0] if remote else "unknown", maddr)

    async def take_inbound(self, raw: RawConnection, address: str, maddr: Multiaddr) -> None:
        """Handshake, and then the connection until it ends. ``address``: whose share of the
        handshakes under way it takes.
        """
        if not self.admission.enter(address):
            await raw.close()
            return
        try:
            connection = await self.upgrade_inbound_raw_conn(raw, maddr)
        except Exception as error:  # hostile bytes fail a handshake in many ways
            log.debug("a handshake failed", address=address, reason=str(error.__cause__ or error))
            return
        finally:
            self.admission.leave(address)
        if isinstance(connection, StrictYamux):
            await connection.event_closed.wait()

    # --- fault 5 ------------------------------------------------------------------------------

    def set_stream_handler(self, stream_handler: StreamHandlerFn) -> None:
        async def guarded(stream: INetStream) -> None:
            try:
                await stream_handler(stream)
            except Exception as error:
                self.failed_handlers += 1
                log.warning(
                    "a stream handler failed",
                    peer=str(stream.muxed_conn.peer_id)[-8:],
                    protocol=stream.get_protocol(),
                    error=with_kind(error),
                )
                await stream.reset()

        super().set_stream_handler(guarded)
