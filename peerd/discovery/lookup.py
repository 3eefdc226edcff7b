"""Address records in the Kademlia DHT of the group's members.

libp2p's DHT (``libp2p.kad_dht``), narrowed to what it is fit for:

- values: only signed address records, one key per roster member, checked before they are stored.
  The library would keep 50,000 values of a megabyte each for whoever asks.
- ``get_value`` answers from the local cache first, however old: here the closest peers are asked.
- provider records are refused: ``ProviderStore.add_provider`` (kad_dht/provider_store.py, line
  563) has no bound on keys.
- keys have 50 characters: ``FIND_NODE`` (kad_dht/kad_dht.py, line 707) resets the stream for a
  longer key that isn't a multihash, so that ``put_value`` under one reaches nobody.
- ``protocol_prefix`` is ignored on the wire; the group's separation comes from the gate.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence

import structlog
import trio
from libp2p.kad_dht.kad_dht import DHTMode, KadDHT
from libp2p.peer.id import ID
from libp2p.peer.peerinfo import PeerInfo
from libp2p.records.validator import NamespacedValidator, Validator
from multiaddr import Multiaddr

from peerd.discovery.records import LIFETIME, BadRecord, read_record
from peerd.transport.names import libp2p_id
from peerd.transport.repairs.host import PeerHost
from protocols.hashing import digest

log = structlog.get_logger(__name__)

NAMESPACE = "peerd"
_ASK = 3  # peers closest to a key that are asked for its value
_LOOKUP_SECONDS = 20.0


def record_key(group: bytes, public: bytes) -> str:
    """The DHT key of a member's record: 50 characters."""
    name = base64.urlsafe_b64encode(digest("peerd/dht key", group, public)).rstrip(b"=").decode()
    return f"/{NAMESPACE}/{name}"


class RecordValidator(Validator):
    """Lets a value into the DHT only if it is the record that belongs under its key."""

    def __init__(self, group: bytes, roster: Sequence[bytes]) -> None:
        self._group = group
        self._owners = {record_key(group, public): public for public in roster}

    def validate(self, key: str, value: bytes) -> None:
        """Raises BadRecord."""
        owner = self._owners.get(key)
        if owner is None:
            raise BadRecord("a DHT key that belongs to no member")
        if read_record(value, self._group).public != owner:
            raise BadRecord("a record under somebody else's key")

    def select(self, key: str, values: list[bytes]) -> int:
        """The index of the newest record; the first of equals."""
        sequences = [read_record(value, self._group).sequence for value in values]
        return max(range(len(values)), key=lambda index: (sequences[index], -index))


class RosterDHT(KadDHT):
    """A DHT of roster members that stores their address records and nothing else."""

    def __init__(self, host: PeerHost, group: bytes, roster: Sequence[bytes]) -> None:
        self.group = group
        validator = NamespacedValidator(
            {NAMESPACE: RecordValidator(group, roster)}, strict_validation=True
        )
        super().__init__(
            host,
            DHTMode.SERVER,
            validator=validator,
            validator_changed=True,
            strict_validation=True,
        )
        self.provider_store.add_provider = _refuse_provider  # type: ignore[method-assign]

    async def publish(self, public: bytes, raw: bytes) -> None:
        """Stores a record at the members closest to its key."""
        with trio.move_on_after(_LOOKUP_SECONDS):
            await self.put_value(record_key(self.group, public), raw)

    async def lookup(self, public: bytes) -> list[bytes]:
        """The records of a member that the peers closest to its key hold: raw, not verified."""
        key = record_key(self.group, public).encode()
        found: list[bytes] = []

        async def ask(peer: ID) -> None:
            value = await self.value_store._get_from_peer(peer, key)
            if isinstance(value, bytes):
                found.append(value)

        with trio.move_on_after(_LOOKUP_SECONDS):
            closest = await self.peer_routing.find_closest_peers_network(key)
            others = [peer for peer in closest if peer != self.local_peer_id]
            async with trio.open_nursery() as nursery:
                for peer in others[:_ASK]:
                    nursery.start_soon(ask, peer)
        return found

    async def add_member(self, public: bytes, addresses: Sequence[str]) -> None:
        """Puts a connected member into the routing table (it would stay empty for 600 s)."""
        if not addresses:
            return
        peer = PeerInfo(libp2p_id(public), [Multiaddr(address) for address in addresses])
        self.host.get_peerstore().add_addrs(peer.peer_id, peer.addrs, int(LIFETIME))
        await self.routing_table.add_peer(peer, skip_server_mode_check=True)


def _refuse_provider(key: bytes, provider: PeerInfo) -> None:
    log.debug("a provider record was refused", provider=str(provider.peer_id)[-8:])
