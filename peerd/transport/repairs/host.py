"""A libp2p host with nothing on it that we don't need.

It answers identify to members, since other implementations ask for it, and asks nobody (what it
would be told is in the roster and the address book). No holepunching, no default resource manager,
no TLS, SECIO or plaintext: Noise and yamux over TCP, and the handlers that are registered. Every
handler has a deadline (fault 38).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from math import ceil
from typing import Any

import trio
from libp2p.abc import INetStream
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.custom_types import StreamHandlerFn, TProtocol
from libp2p.host.basic_host import BasicHost
from libp2p.host.ping import ID as PING
from libp2p.host.ping import PingService
from libp2p.identity.identify.identify import ID as IDENTIFY
from libp2p.identity.identify.identify import identify_handler_for
from libp2p.peer.id import ID
from libp2p.protocol_muxer.multiselect import Multiselect
from libp2p.protocol_muxer.multiselect_communicator import MultiselectCommunicator
from libp2p.security.noise.transport import PROTOCOL_ID as NOISE
from libp2p.stream_muxer.yamux.yamux import PROTOCOL_ID as YAMUX
from libp2p.transport.upgrader import TransportUpgrader
from multiaddr import Multiaddr

from peerd.errors import with_kind
from peerd.transport.errors import Unreachable
from peerd.transport.hybrid import PROTOCOL_ID as HYBRID
from peerd.transport.hybrid import HybridNoise, check_supported
from peerd.transport.limits import Limits
from protocols.secret import Secret

from . import assert_library_version
from .gate import GatedNoise, RosterPeerStore, StrictMuxers
from .negotiation import bound_negotiation
from .sockets import StrictTCP
from .swarm import RosterSwarm, connection_config
from .yamux import StrictYamux


class PeerHost(BasicHost):
    """A host that speaks with the roster. ``serves`` says
    whose streams for libp2p's own protocols are handled; ``published``, where others are to dial
    it, as far as they may know.
    """

    def __init__(
        self,
        swarm: RosterSwarm,
        gates: Collection[GatedNoise],
        addresses: RosterPeerStore,
        limits: Limits,
    ) -> None:
        self._limits = limits
        self.serves: Callable[[ID], bool] = lambda peer: True
        self.published: Callable[[], Iterable[str]] = lambda: ()
        self.addresses = addresses
        self.swarm = swarm
        self._gates = gates
        super().__init__(
            swarm, negotiate_timeout=ceil(limits.handshake), disable_identify_address_discovery=True
        )
        self.multiselect = Multiselect({})
        self.set_stream_handler(PING, PingService(self).handle_ping)
        self.set_stream_handler(IDENTIFY, identify_handler_for(self))

    @property
    def refused(self) -> int:
        """How many strangers have come as far as the handshake."""
        return sum(gate.refused for gate in self._gates)

    def get_transport_addrs(self) -> list[Multiaddr]:
        """What libp2p tells others of this host, in every message of the DHT (a signed record) and
        in identify, which falls back to these where ``get_addrs`` has none. It would be what the
        host listens on, whatever the operator publishes.
        """
        return [Multiaddr(address) for address in self.published()]

    def _schedule_identify(self, peer_id: ID, *, reason: str) -> None:
        """Identify would open a stream on every new connection, for what we know already."""

    def set_stream_handler(self, protocol_id: TProtocol, stream_handler: StreamHandlerFn) -> None:
        """libp2p's own protocols (the DHT, ping): a deadline on the whole stream."""

        async def bounded(stream: INetStream) -> None:
            if not self.serves(stream.muxed_conn.peer_id):
                await stream.reset()
                return
            with trio.move_on_after(self._limits.library_handler) as scope:
                await stream_handler(stream)
            if scope.cancelled_caught:
                await stream.reset()

        super().set_stream_handler(protocol_id, bounded)

    def set_unbounded_handler(self, protocol: str, handler: StreamHandlerFn) -> None:
        """For a handler that has deadlines of its own on every read and write."""
        super().set_stream_handler(TProtocol(protocol), handler)

    async def open_stream(self, connection: Any, protocol: str) -> INetStream:
        """A stream for ``protocol`` on this connection. Raises Unreachable."""
        stream: INetStream | None = None
        seconds = self._limits.handshake
        try:
            with trio.fail_after(seconds):
                stream = await connection.new_stream()
                await self.multiselect_client.select_one_of(
                    [TProtocol(protocol)], MultiselectCommunicator(stream), ceil(seconds)
                )
        except BaseException as error:
            if stream is not None:
                with trio.CancelScope(shield=True):
                    await stream.reset()
            if isinstance(error, Exception):
                raise Unreachable(
                    f"the peer doesn't open {protocol}: {with_kind(error)}"
                ) from error
            raise
        stream.set_protocol(TProtocol(protocol))
        return stream


def build_host(
    seed: Secret,
    admits: Callable[[ID], bool],
    roster: int,
    limits: Limits,
    *,
    admits_plain: Callable[[ID], bool] | None = None,
) -> PeerHost:
    """A host for the Ed25519 identity ``seed``; it runs when ``host.run([...])`` is entered.
    ``admits_plain``: for whom Noise without ML-KEM is enough; None: for all. TransportError.
    """
    check_supported()
    assert_library_version()
    bound_negotiation()
    # It logs every failed dial as an error, with a traceback and the stranger's own words.
    logging.getLogger("libp2p").setLevel(logging.CRITICAL)
    key_pair = create_new_key_pair(seed.reveal())
    plain = GatedNoise(key_pair, admits if admits_plain is None else admits_plain)
    security = {HYBRID: HybridNoise(key_pair, admits), NOISE: plain}
    upgrader = TransportUpgrader(security, {TProtocol(YAMUX): StrictYamux})
    muxers = StrictMuxers({TProtocol(YAMUX): StrictYamux}, ceil(limits.handshake))
    muxers.limits = limits.mux
    upgrader.muxer_multistream = muxers
    peerstore = RosterPeerStore(admits, limits.addresses_per_peer)
    peer_id = ID.from_pubkey(key_pair.public_key)
    peerstore.add_key_pair(peer_id, key_pair)
    swarm = RosterSwarm(
        peer_id,
        peerstore,
        upgrader,
        transports=[StrictTCP()],
        connection_config=connection_config(limits, roster),
        admits=admits,
        limits=limits,
    )
    return PeerHost(swarm, security.values(), peerstore, limits)


def addresses_of(host: PeerHost) -> Sequence[str]:
    """What the host listens on, as multiaddrs without a peer id."""
    return [
        str(address)
        for listener in host.swarm.listeners.values()
        for address in listener.get_addrs()
    ]
