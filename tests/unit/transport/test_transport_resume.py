"""A connection breaks, a process restarts, a peer falls silent (faults 34 and 42)."""

from __future__ import annotations

import pytest
import trio
from network_world import (
    GROUP,
    LIMITS,
    Phonebook,
    Proxy,
    eventually,
    identities,
    running,
    take,
    with_limits,
)

from peerd.transport import MuxLimits, Transport

ANY = "/ip4/127.0.0.1/tcp/0"


@pytest.mark.trio
@pytest.mark.parametrize("cut", [400, 5_000, 1_000_000, 2_999_000])
async def test_a_frame_cut_in_the_middle_arrives_once(cut: int) -> None:
    members = identities(2)
    roster = [member.public for member in members]
    book = Phonebook()
    alice, bob = (Transport(one, GROUP, roster, ANY, book, LIMITS) for one in members)
    sent = [b"first", bytes(3_000_000), b"small", bytes(3_000_000) + b"end"]
    async with (
        running(alice),
        running(bob),
        Proxy([cut, cut, None]).in_front_of(bob.listen_addresses()[0]) as proxy,
    ):
        book.set(bob.identity.public, proxy.address)
        for frame in sent:
            alice.send(bob.identity.public, frame)
        received = [frame for _, frame in await take(bob, len(sent))]
        with trio.move_on_after(0.2):
            received.append((await bob.frames.receive())[1])
        assert proxy.connections == 3
    assert sorted(received, key=len) == sorted(sent, key=len)
    for lane in (sent[::2], sent[1::2]):  # in order within a lane
        assert [frame for frame in received if frame in lane] == lane


@pytest.mark.trio
async def test_a_restarted_receiver_gets_what_it_had_not_acknowledged() -> None:
    members = identities(2)
    roster = [member.public for member in members]
    book = Phonebook()
    alice = Transport(members[0], GROUP, roster, ANY, book, LIMITS)
    async with running(alice):
        first = Transport(members[1], GROUP, roster, ANY, book, LIMITS)
        async with running(first):
            book.set(members[1].public, *first.listen_addresses())
            alice.send(members[1].public, b"one")
            assert (await take(first, 1))[0][1] == b"one"
            await eventually(lambda: alice.links()[0].queued_bytes == 0)
        alice.send(members[1].public, b"two")
        second = Transport(members[1], GROUP, roster, ANY, book, LIMITS)
        async with running(second):
            book.set(members[1].public, *second.listen_addresses())
            alice.send(members[1].public, b"three")
            assert [frame for _, frame in await take(second, 2)] == [b"two", b"three"]


@pytest.mark.trio
async def test_a_restarted_sender_starts_a_new_session() -> None:
    members = identities(2)
    roster = [member.public for member in members]
    book = Phonebook()
    bob = Transport(members[1], GROUP, roster, ANY, book, LIMITS)
    async with running(bob):
        book.set(members[1].public, *bob.listen_addresses())
        for number in range(3):  # sequence numbers begin at 1 again every time
            alice = Transport(members[0], GROUP, roster, ANY, book, LIMITS)
            async with running(alice):
                alice.send(members[1].public, b"life %d" % number)
                assert (await take(bob, 1))[0][1] == b"life %d" % number


@pytest.mark.trio
async def test_a_peer_that_falls_silent_is_noticed_and_replaced() -> None:
    """Half-open: the packets vanish, and no FIN or RST ever comes."""
    members = identities(2)
    roster = [member.public for member in members]
    book = Phonebook()
    limits = with_limits(mux=MuxLimits(heartbeat=0.05, silent_heartbeats=3))
    alice = Transport(members[0], GROUP, roster, ANY, book, limits)
    bob = Transport(members[1], GROUP, roster, ANY, book, limits)
    async with running(alice), running(bob), trio.open_nursery() as nursery:
        swallow = await nursery.start(_serve_a_proxy_that_can_freeze, bob.listen_addresses()[0])
        book.set(bob.identity.public, swallow.address)
        alice.send(bob.identity.public, b"before")
        await take(bob, 1)
        swallow.frozen = True
        book.set(bob.identity.public, *bob.listen_addresses())
        alice.send(bob.identity.public, b"after")
        assert (await take(bob, 1))[0][1] == b"after"
        nursery.cancel_scope.cancel()


class _Freezer:
    def __init__(self, address: str) -> None:
        self.address = address
        self.frozen = False


async def _serve_a_proxy_that_can_freeze(
    target: str, task_status: trio.TaskStatus[_Freezer] = trio.TASK_STATUS_IGNORED
) -> None:
    _, _, host, _, port = target.split("/")
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    freezer = _Freezer(f"/ip4/127.0.0.1/tcp/{listeners[0].socket.getsockname()[1]}")

    async def serve(client: trio.SocketStream) -> None:
        server = await trio.open_tcp_stream(host, int(port))
        async with client, server, trio.open_nursery() as nursery:
            nursery.start_soon(forward, client, server)
            nursery.start_soon(forward, server, client)

    async def forward(source: trio.SocketStream, sink: trio.SocketStream) -> None:
        try:
            while data := await source.receive_some(65536):
                if not freezer.frozen:
                    await sink.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return

    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, serve, listeners)
        task_status.started(freezer)
