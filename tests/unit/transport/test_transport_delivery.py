"""Frames and requests between real hosts on loopback."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from network_world import (
    GROUP,
    Phonebook,
    eventually,
    identities,
    network,
    running,
    take,
    with_limits,
)

from peerd.transport import RequestFailed, Transport, TransportError, Unreachable


@pytest.mark.trio
async def test_frames_arrive_once_in_order_with_the_sender_s_key() -> None:
    async with network(2) as (alice, bob):
        sent = [b"frame %d" % number for number in range(300)]
        for frame in sent:
            alice.send(bob.identity.public, frame)
        received = await take(bob, len(sent))
        assert received == [(alice.identity.public, frame) for frame in sent]
        assert bob._receiver.duplicates == 0


@pytest.mark.trio
async def test_large_frames_arrive_whole_in_both_directions_at_once() -> None:
    async with network(2) as (alice, bob):
        large = bytes(range(256)) * 12_000  # 3 MB, more than every window and queue
        for _ in range(3):
            alice.send(bob.identity.public, large)
            bob.send(alice.identity.public, large[::-1])
        results: dict[str, list[tuple[bytes, bytes]]] = {}

        async def collect(name: str, transport: Transport) -> None:
            results[name] = await take(transport, 3)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(collect, "bob", bob)
            nursery.start_soon(collect, "alice", alice)
        assert results["bob"] == [(alice.identity.public, large)] * 3
        assert results["alice"] == [(bob.identity.public, large[::-1])] * 3


@pytest.mark.trio
async def test_frames_that_are_sent_together_leave_in_one_write_without_a_task() -> None:
    async with network(2) as (alice, bob):
        alice.send(bob.identity.public, b"warm up")
        await take(bob, 1)
        connection = alice._link(bob.identity.public).connection
        before = connection.muxed_conn.bytes_out
        with alice.together():
            for number in range(10):
                alice.send(bob.identity.public, b"%d" % number)
            assert connection.muxed_conn.bytes_out == before
        assert 10 < connection.muxed_conn.bytes_out - before < 500
        assert [frame for _, frame in await take(bob, 10)] == [b"%d" % n for n in range(10)]


@pytest.mark.trio
async def test_empty_frame_is_a_frame() -> None:
    async with network(2) as (alice, bob):
        alice.send(bob.identity.public, b"")
        assert await take(bob, 1) == [(alice.identity.public, b"")]


@pytest.mark.trio
async def test_a_small_frame_overtakes_a_large_one() -> None:
    async with network(2) as (alice, bob):
        alice.send(bob.identity.public, b"warm up")
        await take(bob, 1)
        alice.send(bob.identity.public, bytes(20_000_000))
        alice.send(bob.identity.public, b"vote")
        first, second = await take(bob, 2)
        assert first[1] == b"vote"
        assert len(second[1]) == 20_000_000


@pytest.mark.trio
async def test_a_consumer_that_takes_nothing_blocks_nobody_else() -> None:
    async with network(3) as (alice, bob, carol):
        for _ in range(10):
            alice.send(bob.identity.public, bytes(2_000_000))  # bob's consumer sleeps
        for number in range(20):
            alice.send(carol.identity.public, bytes(100_000 + number))
        received = await take(carol, 20)
        assert [len(frame) for _, frame in received] == [100_000 + n for n in range(20)]
        assert len(await take(bob, 10)) == 10  # and bob has lost nothing


@pytest.mark.trio
async def test_frames_queue_until_the_peer_is_there() -> None:
    members = identities(2)
    roster = [member.public for member in members]
    book = Phonebook()
    alice = Transport(members[0], GROUP, roster, "/ip4/127.0.0.1/tcp/0", book, with_limits())
    bob = Transport(members[1], GROUP, roster, "/ip4/127.0.0.1/tcp/0", book, with_limits())
    async with running(alice):
        alice.send(bob.identity.public, b"early")
        await trio.sleep(0.05)
        async with running(bob):
            book.set(bob.identity.public, *bob.listen_addresses())
            assert await take(bob, 1) == [(alice.identity.public, b"early")]


@pytest.mark.trio
async def test_discard_drops_what_is_queued() -> None:
    members = identities(2)
    roster = [member.public for member in members]
    alice = Transport(members[0], GROUP, roster, "/ip4/127.0.0.1/tcp/0", Phonebook())
    alice.send(members[1].public, bytes(1000))
    assert alice.links()[0].queued_bytes == 1000
    alice.discard(members[1].public)
    assert alice.links()[0].queued_bytes == 0
    alice.send(members[1].public, bytes(10))
    alice.discard()
    assert alice.links()[0].queued_bytes == 0


@pytest.mark.trio
async def test_the_outbox_of_an_absent_peer_drops_its_oldest_frames() -> None:
    members = identities(2)
    roster = [member.public for member in members]
    limits = with_limits(outbox_bytes=1000)
    alice = Transport(members[0], GROUP, roster, "/ip4/127.0.0.1/tcp/0", Phonebook(), limits)
    for _ in range(25):
        alice.send(members[1].public, bytes(100))
    (link,) = alice.links()
    assert (link.queued_bytes, link.dropped_frames) == (1000, 15)


def test_send_refuses_strangers_ourselves_and_giants() -> None:
    members = identities(3)
    roster = [member.public for member in members[:2]]
    alice = Transport(
        members[0], GROUP, roster, "/ip4/127.0.0.1/tcp/0", Phonebook(), with_limits(max_frame=10)
    )
    with pytest.raises(ValueError, match="roster"):
        alice.send(members[2].public, b"x")
    with pytest.raises(ValueError, match="roster"):
        alice.send(members[0].public, b"x")
    with pytest.raises(ValueError, match="11 bytes"):
        alice.send(members[1].public, bytes(11))


@pytest.mark.trio
async def test_requests_are_answered_with_the_asker_s_key() -> None:
    async with network(2) as (alice, bob):

        async def answer(peer: bytes, payload: bytes) -> bytes:
            return peer + payload[::-1]

        bob.handle_requests(answer)
        got = await alice.request(bob.identity.public, b"abc", limit=100, timeout=5)
        assert got == alice.identity.public + b"cba"


@pytest.mark.parametrize(
    ("limit", "behaviour", "reason"),
    [(100, "raise", "FAILED"), (10, "long", "40 bytes"), (100, "none", "NOBODY")],
)
@pytest.mark.trio
async def test_requests_that_fail_say_why(limit: int, behaviour: str, reason: str) -> None:
    async with network(2) as (alice, bob):

        async def answer(peer: bytes, payload: bytes) -> bytes:
            if behaviour == "raise":
                raise KeyError("a bug in the handler")
            return bytes(40)

        if behaviour != "none":
            bob.handle_requests(answer)
        with pytest.raises(RequestFailed, match=reason):
            await alice.request(bob.identity.public, b"", limit=limit, timeout=5)
        bob.send(alice.identity.public, b"still here")
        assert await take(alice, 1) == [(bob.identity.public, b"still here")]


@pytest.mark.trio
async def test_a_request_to_a_silent_handler_ends_at_its_timeout() -> None:
    async with network(2) as (alice, bob):

        async def answer(peer: bytes, payload: bytes) -> bytes:
            await trio.sleep_forever()
            return b""

        bob.handle_requests(answer)
        with pytest.raises(Unreachable):
            await alice.request(bob.identity.public, b"", limit=10, timeout=0.1)


@pytest.mark.trio
async def test_a_request_to_an_absent_peer_is_unreachable() -> None:
    members = identities(2)
    roster = [member.public for member in members]
    alice = Transport(members[0], GROUP, roster, "/ip4/127.0.0.1/tcp/0", Phonebook())
    async with running(alice):
        with pytest.raises(Unreachable):
            await alice.request(members[1].public, b"", limit=10, timeout=0.05)


@pytest.mark.trio
async def test_requests_of_one_peer_have_a_cap() -> None:
    async with network(2, with_limits(requests_per_peer=2)) as (alice, bob):
        entered = 0
        release = trio.Event()

        async def answer(peer: bytes, payload: bytes) -> bytes:
            nonlocal entered
            entered += 1
            await release.wait()
            return b"done"

        bob.handle_requests(answer)
        answers: list[bytes] = []

        async def ask() -> None:
            answers.append(await alice.request(bob.identity.public, b"", limit=9, timeout=9))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            nursery.start_soon(ask)
            await eventually(lambda: entered == 2)
            with pytest.raises(RequestFailed, match="BUSY"):
                await alice.request(bob.identity.public, b"", limit=9, timeout=9)
            release.set()
        assert answers == [b"done", b"done"]
        assert await alice.request(bob.identity.public, b"", limit=9, timeout=9) == b"done"


@pytest.mark.trio
async def test_links_tell_who_is_connected() -> None:
    async with network(2) as (alice, bob):
        changes: list[tuple[bytes, bool]] = []
        alice.on_link_change(lambda peer, connected: changes.append((peer, connected)))
        alice.send(bob.identity.public, bytes(10_000))
        await take(bob, 1)
        await eventually(lambda: alice.links()[0].queued_bytes == 0)
        (link,) = alice.links()
        assert link.peer == bob.identity.public
        assert link.connected
        assert link.bytes_out > 10_000
        assert link.last_seen is not None
        assert "127.0.0.1" in link.address
        await alice.host.swarm.close_peer(
            next(iter(alice.host.swarm.connections))
        )  # the network breaks
        await eventually(lambda: (bob.identity.public, False) in changes)
        await eventually(lambda: changes[-1] == (bob.identity.public, True))


@pytest.mark.trio
async def test_simultaneous_dials_leave_one_connection() -> None:
    async with network(2, connected=False) as (alice, bob):
        async with trio.open_nursery() as nursery:
            for one, other in ((alice, bob), (bob, alice)):
                nursery.start_soon(one.connect, other.identity.public, other.listen_addresses())

        def connections(transport: Transport) -> int:
            return sum(len(c) for c in transport.host.swarm.connections.values())

        await eventually(lambda: connections(alice) == connections(bob) == 1)
        alice.send(bob.identity.public, b"one way")
        bob.send(alice.identity.public, b"the other")
        assert (await take(bob, 1))[0][1] == b"one way"
        assert (await take(alice, 1))[0][1] == b"the other"


@pytest.mark.trio
async def test_a_port_that_is_taken_is_an_error_not_a_shared_port() -> None:
    async with network(2) as (alice, _):
        members = identities(4)
        second = Transport(
            members[3],
            GROUP,
            [member.public for member in members],
            alice.listen_addresses()[0],
            Phonebook(),
        )
        with pytest.RaisesGroup(pytest.RaisesExc(TransportError, match="port")):
            async with running(second):
                pytest.fail("two daemons share a port")
