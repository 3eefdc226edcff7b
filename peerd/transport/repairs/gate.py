"""Who may speak to us: the roster, and nobody else.

libp2p 0.8.1 has no allow-list of peer ids (``ConnectionGate`` knows IP addresses only). The
first moment at which a peer is known is the end of the Noise handshake, so that is where a
stranger's connection ends: before a multiplexer is negotiated, before any stream exists.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import structlog
import trio
from libp2p.abc import IMuxedConn, IRawConnection, ISecureConn
from libp2p.crypto.keys import KeyPair
from libp2p.crypto.x25519 import create_new_key_pair as create_noise_key
from libp2p.peer.id import ID
from libp2p.peer.peerstore import PeerStore
from libp2p.security.exceptions import HandshakeFailure
from libp2p.security.noise.transport import Transport as NoiseTransport
from libp2p.security.secure_session import SecureSession
from libp2p.stream_muxer.muxer_multistream import MuxerMultistream
from multiaddr import Multiaddr

from peerd.transport.limits import MuxLimits

from .noise import NoiseSession
from .yamux import StrictYamux

log = structlog.get_logger(__name__)

Admits = Callable[[ID], bool]


class Refused(HandshakeFailure):
    """The peer has proven who it is, and it is nobody we know."""


class GatedNoise(NoiseTransport):
    """Noise XX that ends with a look into the roster. ``admits``: whom this handshake is enough
    for.
    """

    def __init__(self, key_pair: KeyPair, admits: Admits) -> None:
        super().__init__(key_pair, noise_privkey=create_noise_key().private_key)
        self._admits = admits
        self.refused = 0

    async def secure_inbound(self, conn: IRawConnection) -> ISecureConn:
        return await self._gate(await super().secure_inbound(conn))

    async def secure_outbound(self, conn: IRawConnection, peer_id: ID) -> ISecureConn:
        return await self._gate(await super().secure_outbound(conn, peer_id))

    async def _gate(self, session: ISecureConn) -> ISecureConn:
        peer = session.get_remote_peer()
        if self._admits(peer):
            assert isinstance(session, SecureSession)
            await self._agree(session)
            return NoiseSession(session)
        self.refused += 1
        with trio.CancelScope(shield=True), trio.move_on_after(1):
            await session.close()
        raise Refused(f"{peer} is not in the roster, or may not come without a hybrid handshake")

    async def _agree(self, session: SecureSession) -> None:
        """On more than Noise's keys, before anything is said under them."""


class StrictMuxers(MuxerMultistream):
    """Negotiates yamux and builds ``StrictYamux``.

    ``MuxerMultistream.new_conn`` (line 148) builds its own ``Yamux`` whatever class was
    registered for the protocol.
    """

    limits = MuxLimits()

    async def new_conn(self, conn: ISecureConn, peer_id: ID) -> IMuxedConn:
        await self._selector.select(conn, conn.is_initiator, self.negotiate_timeout)
        return StrictYamux(conn, peer_id, self.limits)


class RosterPeerStore(PeerStore):
    """Addresses of roster members only, and a bounded number of them for each.

    ``PeerStore.add_addrs`` keeps whatever the DHT's answers contain, for any peer id: one answer
    of 4 MiB adds tens of thousands of entries.
    """

    def __init__(self, admits: Admits, addresses_per_peer: int) -> None:
        super().__init__()
        self._admits = admits
        self._addresses_per_peer = addresses_per_peer
        self._recent: dict[ID, OrderedDict[str, None]] = {}

    def add_addrs(self, peer_id: ID, addrs: Any, ttl: int = 0) -> None:
        if not self._admits(peer_id):
            return
        recent = self._recent.setdefault(peer_id, OrderedDict())
        fresh: list[Multiaddr] = []
        for address in list(addrs)[: self._addresses_per_peer]:
            recent[str(address)] = None
            recent.move_to_end(str(address))
            fresh.append(address)
        if len(recent) > self._addresses_per_peer:
            while len(recent) > self._addresses_per_peer:
                recent.popitem(last=False)
            self.clear_addrs(peer_id)
            fresh = [Multiaddr(address) for address in recent]
        super().add_addrs(peer_id, fresh, ttl)

    def replace_addrs(self, peer_id: ID, addrs: Sequence[Multiaddr], ttl: int) -> None:
        """Forgets what was known: an address that has gone stale costs a dial's deadline."""
        self._recent.pop(peer_id, None)
        self.clear_addrs(peer_id)
        self.add_addrs(peer_id, addrs, ttl)

    def consume_peer_record(self, envelope: Any, ttl: int) -> bool:
        """A peer's own signed addresses: the caller has checked the signature."""
        record = envelope.record()
        self.add_addrs(record.peer_id, record.addrs, ttl)
        return True
