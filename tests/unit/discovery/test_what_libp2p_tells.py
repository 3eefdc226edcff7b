"""What of a peer's addresses is in the bytes of libp2p's own protocols: those that it publishes.

libp2p signs what a host listens on into each message of the DHT, and tells it in identify. Whoever
says ``announce = []`` would have its address in its own network told to everybody.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest
import trio
from libp2p.identity.identify.identify import ID as IDENTIFY
from libp2p.network.stream.exceptions import StreamEOF
from libp2p.network.stream.net_stream import NetStream
from multiaddr import Multiaddr
from test_discovery_network import Node, eventually, nodes, run_node

from peerd.transport.names import libp2p_id
from tests.patience import HANG

DHT = "/ipfs/kad/1.0.0"


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytearray]:
    """All that any host of this process writes, by protocol, before it is encrypted."""
    found: dict[str, bytearray] = {}
    write = NetStream.write

    async def noted(stream: NetStream, data: bytes) -> None:
        found.setdefault(str(stream.get_protocol()), bytearray()).extend(data)
        await write(stream, data)

    monkeypatch.setattr(NetStream, "write", noted)
    return found


async def identified(asker: Node, other: Node) -> None:
    """The other says who it is, to the end."""
    stream = await asker.transport.host.new_stream(libp2p_id(other.public), [IDENTIFY])
    with suppress(StreamEOF):
        while True:
            await stream.read(4096)


async def told(everybody: Sequence[Node]) -> None:
    """Each publishes, looks for each, and is asked identify by all that it is connected to."""
    for one in everybody:
        record = one.book.record(one.public)
        assert record is not None
        await one.discovery.dht.publish(one.public, record.raw)
        for other in everybody:
            await one.discovery.dht.lookup(other.public)
            if other.public in one.transport.connected():
                await identified(one, other)


def listening(node: Node) -> tuple[bytes, bytes]:
    """An address as libp2p writes it, and as text."""
    (address,) = node.transport.listen_addresses()
    return Multiaddr(address).to_bytes(), address.encode()


@pytest.mark.trio
async def test_who_publishes_no_address_is_told_of_without_one(
    tmp_path: Path, written: dict[str, bytearray]
) -> None:
    async with nodes(3, tmp_path, members=4) as (group, nursery, roster):
        asks = [group[0].bootstrap_address]
        hidden = await nursery.start(run_node, 3, roster, tmp_path, asks, [])
        everybody = [*group, hidden]
        await eventually(lambda: all(len(n.transport.connected()) == 3 for n in everybody))
        with trio.fail_after(HANG):
            await told(everybody)
        for node in group:  # or nothing was looked at
            assert (
                listening(node)[0] in written[DHT] and listening(node)[0] in written[str(IDENTIFY)]
            )
        name = libp2p_id(hidden.public).to_bytes()
        assert name in written[DHT] and name in written[str(IDENTIFY)]
        for data in written.values():
            assert not any(said in data for said in listening(hidden))
