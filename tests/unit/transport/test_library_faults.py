"""The faults of libp2p 0.8.1, each shown on the library and mended by our part.

When a test of the first kind fails after an upgrade, the library has been mended: drop the repair.
The upstream report is the docstring of the module that holds the repair.
"""

from __future__ import annotations

import inspect
from typing import Any

import pytest
import trio
import trio.testing
import varint
from libp2p.abc import INetStream
from libp2p.exceptions import ParseError
from libp2p.io.exceptions import IncompleteReadError
from libp2p.io.utils import read_exactly
from libp2p.network.stream.exceptions import StreamReset
from libp2p.network.swarm import Swarm
from libp2p.stream_muxer.yamux import yamux as upstream_yamux
from libp2p.transport.tcp import tcp as upstream_tcp
from libp2p.utils.varint import read_delim
from network_world import eventually, identity, network, take, victim

from peerd.transport.errors import UnsupportedLibrary
from peerd.transport.hybrid import PROTOCOL_ID as HYBRID
from peerd.transport.names import libp2p_id, public_key, short
from peerd.transport.repairs import LIBRARY_VERSION, assert_library_version
from peerd.transport.repairs.gate import RosterPeerStore
from peerd.transport.repairs.negotiation import read_delim_bounded
from peerd.transport.repairs.sockets import ExactStream
from peerd.transport.repairs.yamux import StrictYamux
from peerd.transport.repairs.yamux_wire import NOISE_PLAINTEXT
from tests.patience import HANG


def test_the_repairs_are_for_one_release() -> None:
    assert_library_version()
    with pytest.raises(UnsupportedLibrary, match=rf"0\.9\.0.*libp2p=={LIBRARY_VERSION}"):
        assert_library_version("0.9.0")


# --- 1: dial_peer ------------------------------------------------------------------------------


def test_fault_1_upstream_waits_after_a_successful_dial() -> None:
    source = inspect.getsource(Swarm.dial_peer)
    wait = source.index("move_on_after(_HAPPY_EYEBALLS_DELAY)")
    assert source.index("connections.append(connection)") < wait
    assert "await failed_event.wait()" in source[wait:]  # only a *failure* ends the wait


@pytest.mark.trio
async def test_fault_1_a_dial_returns_when_it_has_succeeded_and_failure_is_not_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with network(2, connected=False) as (alice, bob):
        monkeypatch.setattr("libp2p.network.swarm._HAPPY_EYEBALLS_DELAY", 3600)
        with trio.fail_after(HANG):
            await alice.host.swarm.close_peer(libp2p_id(bob.identity.public))
            with pytest.raises(Exception, match="answer"):
                await alice.connect(bob.identity.public, ["/ip4/127.0.0.1/tcp/1"])
            await alice.connect(bob.identity.public, bob.listen_addresses())
        assert bob.identity.public in alice.connected()


# --- 2: the inbound cap ------------------------------------------------------------------------


def test_fault_2_upstream_holds_the_inbound_slot_until_the_host_stops() -> None:
    held = inspect.getsource(Swarm._handle_inbound_connection)
    inner = inspect.getsource(Swarm._do_handle_inbound_connection)
    assert "_inbound_limiter.release()" in held
    assert "await self.manager.wait_finished()" in inner


@pytest.mark.trio
async def test_fault_2_a_closed_connection_frees_its_handler() -> None:
    async with network(2) as (alice, bob):
        swarm = bob.host.swarm
        running = 0
        inner = swarm._handle_inbound_connection

        async def counted(*args: Any) -> None:
            nonlocal running
            running += 1
            try:
                await inner(*args)
            finally:
                running -= 1

        swarm._handle_inbound_connection = counted  # type: ignore[method-assign]
        for _ in range(5):
            await alice.host.swarm.close_peer(libp2p_id(bob.identity.public))
            await eventually(lambda: bob.identity.public in alice.connected())
        await eventually(lambda: running <= 1)
        assert swarm._inbound_limiter.borrowed_tokens == 0


# --- 5: exceptions in handlers -----------------------------------------------------------------


@pytest.mark.trio
async def test_fault_5_an_exception_in_a_handler_ends_one_stream() -> None:
    async with network(2) as (alice, bob):

        async def explode(stream: INetStream) -> None:
            await stream.read(1)
            raise RuntimeError("a bug in a handler")

        bob.host.set_unbounded_handler("/test/explode", explode)
        bob.host.set_stream_handler("/test/explode/bounded", explode)  # type: ignore[arg-type]
        connection = alice.host.swarm.get_connections()[0]
        for protocol in ("/test/explode", "/test/explode/bounded"):
            stream = await alice.host.open_stream(connection, protocol)
            await stream.write(b"x")
            with trio.fail_after(HANG), pytest.raises(StreamReset):
                await stream.read(1)
        await eventually(lambda: bob.host.swarm.failed_handlers == 2)
        bob.send(alice.identity.public, b"alive")
        assert (await take(alice, 1))[0][1] == b"alive"


@pytest.mark.trio
async def test_fault_5_a_stream_of_a_library_protocol_has_a_deadline() -> None:
    async with network(2) as (alice, bob):
        bob.host._limits = type(bob.limits)(library_handler=0.05)

        async def hang(stream: INetStream) -> None:
            await trio.sleep_forever()

        bob.host.set_stream_handler("/test/hang", hang)  # type: ignore[arg-type]
        stream = await alice.host.open_stream(alice.host.swarm.get_connections()[0], "/test/hang")
        with trio.fail_after(HANG), pytest.raises(StreamReset):
            await stream.read(1)


# --- 6: read_exactly ---------------------------------------------------------------------------


class Dripping:
    def __init__(self, data: bytes) -> None:
        self._data = data

    async def read(self, n: int | None = None) -> bytes:
        piece, self._data = self._data[:1], self._data[1:]
        return piece


@pytest.mark.trio
async def test_fault_6_upstream_gives_up_after_101_partial_reads() -> None:
    assert await read_exactly(Dripping(bytes(100)), 100) == bytes(100)  # type: ignore[arg-type]
    with pytest.raises(IncompleteReadError):
        await read_exactly(Dripping(bytes(200)), 200)  # type: ignore[arg-type]


@pytest.mark.trio
async def test_fault_6_exact_stream_has_all_the_bytes_in_one_read() -> None:
    near, far = await _tcp_pair()
    async with near, far:
        stream = ExactStream(far)

        async def drip() -> None:
            for _ in range(500):
                await near.send_all(b"x")
                await trio.lowlevel.checkpoint()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(drip)
            assert await read_exactly(stream, 500) == b"x" * 500
        await near.send_all(b"rest")
        await near.send_eof()
        assert await stream.read(100) == b"rest"  # fewer only at the end
        assert await stream.read(100) == b""


async def _tcp_pair() -> tuple[trio.SocketStream, trio.SocketStream]:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]
    near = await trio.open_tcp_stream("127.0.0.1", port)
    far = await listeners[0].accept()
    await listeners[0].aclose()
    return near, far


# --- 7 and 9: windows and frames ---------------------------------------------------------------


def test_fault_7_upstream_forgives_a_peer_that_exceeds_its_window() -> None:
    source = inspect.getsource(upstream_yamux.Yamux.handle_incoming)
    assert source.count("recv_window = 0") == 3  # a warning, and on it goes


def test_fault_9_upstream_s_full_frame_is_more_than_a_noise_message() -> None:
    assert upstream_yamux.MAX_MESSAGE_SIZE > NOISE_PLAINTEXT


# --- 3, 4, 10 and what else we avoid -----------------------------------------------------------


def test_faults_3_and_4_upstream_s_reader_awaits_writes_and_writers_give_up() -> None:
    reader = inspect.getsource(upstream_yamux.Yamux.handle_incoming)
    assert "await self._write_frame(ack_header)" in reader
    assert "move_on_after(5.0)" in inspect.getsource(upstream_yamux.YamuxStream.write)


def test_fault_8_upstream_accepts_without_a_bound() -> None:
    source = inspect.getsource(upstream_tcp.TCPListener.listen)
    assert "serve_listeners" in source
    assert "Limiter" not in source


class Counting:
    """Says that a gigabyte follows, and notes how much of it is asked for."""

    def __init__(self) -> None:
        self._prefix = iter(varint.encode(1 << 30))
        self.asked = 0

    async def read(self, n: int | None = None) -> bytes:
        self.asked = max(self.asked, n or 0)
        byte = next(self._prefix, None)
        return b"" if byte is None else bytes((byte,))


@pytest.mark.trio
async def test_upstream_believes_the_length_of_a_negotiation_message() -> None:
    upstream = Counting()
    with pytest.raises(IncompleteReadError):
        await read_delim(upstream)  # type: ignore[arg-type]
    assert upstream.asked == 1 << 30
    bounded = Counting()
    with pytest.raises(ParseError, match="too large"):
        await read_delim_bounded(bounded)  # type: ignore[arg-type]
    assert bounded.asked == 1


@pytest.mark.trio
async def test_a_stranger_s_giant_first_message_ends_the_connection() -> None:
    async with victim(others=[identity(1)]) as target:
        _, _, host, _, port = target.listen_addresses()[0].split("/")
        sent = 0
        async with await trio.open_tcp_stream(host, int(port)) as stream:
            try:
                await stream.send_all(b"\x13/multistream/1.0.0\n" + varint.encode(1 << 30))
                with trio.fail_after(HANG):
                    while sent < 200_000_000:
                        await stream.send_all(bytes(1_000_000))
                        sent += 1_000_000
            except trio.BrokenResourceError:
                pass
        assert sent < 50_000_000  # what the kernel's buffers take
        await eventually(lambda: target.host.swarm.admission.pending == 0)


@pytest.mark.trio
async def test_fault_10_no_resource_manager_and_nothing_but_noise_and_yamux() -> None:
    async with victim(others=[identity(1)]) as target:
        swarm = target.host.swarm
        assert swarm._resource_manager is None
        assert list(swarm.upgrader.security_multistream.transports) == [HYBRID, "/noise"]
        assert list(swarm.upgrader.muxer_multistream.transports) == ["/yamux/1.0.0"]
        protocols = {str(name) for name in target.host.multiselect.handlers}
        group = target.group[:8].hex()
        assert protocols == {
            "/ipfs/id/1.0.0",
            "/ipfs/ping/1.0.0",
            f"/peerd/1/circuit/{group}",
            f"/peerd/1/frames/{group}",
            f"/peerd/1/request/{group}",
            f"/peerd/1/version/{group}",
        }


@pytest.mark.trio
async def test_the_library_dials_nobody_by_itself() -> None:
    async with network(2, connected=False) as (alice, _bob):
        swarm = alice.host.swarm
        assert swarm.connection_config.low_watermark == 0
        await swarm.auto_connector.maybe_connect()
        assert type(swarm.auto_connector).__name__ == "NoAutoConnector"


@pytest.mark.trio
async def test_connections_use_the_strict_muxer() -> None:
    async with network(2) as (alice, _bob):
        (connection,) = alice.host.swarm.get_connections()
        assert isinstance(connection.muxed_conn, StrictYamux)


def test_the_peer_store_keeps_members_and_few_addresses() -> None:
    member, stranger = (libp2p_id(identity(n).public) for n in (1, 2))
    store = RosterPeerStore(lambda peer: peer == member, 3)
    from multiaddr import Multiaddr

    many = [Multiaddr(f"/ip4/192.0.2.1/tcp/{port}") for port in range(1, 100)]
    store.add_addrs(stranger, many, 60)
    for address in many:
        store.add_addrs(member, [address], 60)
    assert stranger not in store.peer_ids()
    assert [str(a) for a in store.addrs(member)] == [str(a) for a in many[-3:]]
    store.replace_addrs(member, many[:1], 60)
    assert [str(a) for a in store.addrs(member)] == [str(many[0])]


def test_public_keys_and_peer_ids_name_each_other() -> None:
    public = identity(1).public
    assert public_key(libp2p_id(public)) == public
    assert str(libp2p_id(public)) == identity(1).peer_id
    assert short(public) == identity(1).peer_id[-8:]
    with pytest.raises(ValueError, match="31"):
        libp2p_id(public[:31])


def test_a_peer_id_of_another_kind_of_key_has_no_ed25519_key() -> None:
    from libp2p.crypto.secp256k1 import create_new_key_pair
    from libp2p.peer.id import ID

    assert public_key(ID.from_pubkey(create_new_key_pair().public_key)) is None
