"""Members of the group before: let in to ask what became of it, and for nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import pytest
import trio
from libp2p.network.exceptions import SwarmException
from libp2p.stream_muxer.exceptions import MuxedStreamError
from network_world import (
    ANYWHERE,
    GROUP,
    LIMITS,
    Attacker,
    Phonebook,
    attacker,
    eventually,
    identity,
    running,
)

from peerd.discovery.lookup import RosterDHT
from peerd.transport import Transport, Unreachable
from peerd.transport.names import libp2p_id
from peerd.transport.requests import ANSWER, LENGTH, Status
from peerd.transport.transport import _protocol
from tests.patience import HANG

OLD_GROUP = hashlib.sha256(b"the group before").digest()
OLDER_GROUP = hashlib.sha256(b"the one before that").digest()
ME, MEMBER, GUEST, OLDER_GUEST, STRANGER = map(identity, range(2000, 2005))


@dataclass
class Host:
    transport: Transport
    asked: list[tuple[str, bytes]]


@asynccontextmanager
async def host() -> AsyncIterator[Host]:
    """GUEST was in the group before, OLDER_GUEST in the one before that alone."""
    asked: list[tuple[str, bytes]] = []

    def answers(what: str):  # type: ignore[no-untyped-def]
        async def answer(peer: bytes, payload: bytes) -> bytes:
            await trio.lowlevel.checkpoint()
            asked.append((what, peer))
            return what.encode()

        return answer

    roster = [ME.public, MEMBER.public]
    guests = [GUEST.public, OLDER_GUEST.public, MEMBER.public]
    transport = Transport(ME, GROUP, roster, ANYWHERE, Phonebook(), LIMITS, guests=guests)
    transport.handle_requests(answers("now"))
    transport.serve("addresses", answers("addresses"))
    RosterDHT(transport.host, GROUP, roster)
    transport.serve_guests(OLD_GROUP, [ME.public, MEMBER.public, GUEST.public], answers("old"))
    transport.serve_guests(OLDER_GROUP, [GUEST.public, OLDER_GUEST.public], answers("older"))
    async with running(transport):
        yield Host(transport, asked)


async def ask(who: Attacker, purpose: str, group: bytes) -> tuple[int, bytes]:
    stream = await who.host.open_stream(await who.connection(), _protocol(purpose, group))
    pipe = stream.muxed_stream  # type: ignore[attr-defined]
    await pipe.write(LENGTH.pack(1) + b"?")
    with trio.fail_after(HANG):
        header = await pipe.read(ANSWER.size)
        if not header:
            raise MuxedStreamError("reset")
        status, length = ANSWER.unpack(header)
        return status, await pipe.read(length) if length else b""


async def echo(who: Attacker, protocol: str) -> None:
    stream = await who.host.open_stream(await who.connection(), protocol)
    pipe = stream.muxed_stream  # type: ignore[attr-defined]
    await pipe.write(bytes(32))
    with trio.fail_after(HANG):
        if not await pipe.read(1):
            raise MuxedStreamError("reset")


REFUSED = (Unreachable, MuxedStreamError, ValueError)
"""The stream is reset, before its protocol is agreed on or behind that."""


@pytest.mark.trio
async def test_a_guest_asks_in_its_own_group() -> None:
    async with host() as target, attacker(GUEST, target.transport) as guest:
        assert await ask(guest, "request", OLD_GROUP) == (Status.OK, b"old")
        assert await ask(guest, "request", OLDER_GROUP) == (Status.OK, b"older")
        assert target.asked == [("old", GUEST.public), ("older", GUEST.public)]


@pytest.mark.trio
async def test_a_guest_of_one_group_asks_in_no_other() -> None:
    async with host() as target, attacker(OLDER_GUEST, target.transport) as guest:
        assert await ask(guest, "request", OLDER_GROUP) == (Status.OK, b"older")
        with pytest.raises(REFUSED):
            await ask(guest, "request", OLD_GROUP)
        assert [what for what, _ in target.asked] == ["older"]


@pytest.mark.trio
@pytest.mark.parametrize("purpose", ["request", "frames", "addresses"])
async def test_nothing_of_the_current_group_is_a_guests(purpose: str) -> None:
    async with host() as target, attacker(GUEST, target.transport) as guest:
        with pytest.raises(REFUSED):
            await ask(guest, purpose, GROUP)
        assert target.asked == []
        assert len(target.transport.frames) == 0


@pytest.mark.trio
async def test_a_guest_has_no_part_in_the_dht_nor_in_what_libp2p_serves() -> None:
    async with host() as target, attacker(GUEST, target.transport) as guest:
        protocols = list(target.transport.host.get_mux().handlers)
        theirs = {_protocol("request", group) for group in (OLD_GROUP, OLDER_GROUP)}
        assert len(protocols) > 4
        for protocol in protocols:
            if str(protocol) in theirs:
                continue
            with pytest.raises(REFUSED):
                await echo(guest, str(protocol))
        assert target.asked == []


@pytest.mark.trio
async def test_a_guest_is_nobody_that_is_counted_or_spoken_to() -> None:
    async with host() as target, attacker(GUEST, target.transport) as guest:
        await ask(guest, "request", OLD_GROUP)
        transport = target.transport
        assert transport.connected() == frozenset()
        assert [link.peer for link in transport.links()] == [MEMBER.public]
        with pytest.raises(ValueError, match="not another member"):
            transport.send(GUEST.public, b"a vote")
        with pytest.raises(ValueError, match="not another member"):
            await transport.request(GUEST.public, b"?", limit=1, timeout=1)
        await eventually(lambda: len(transport.host.swarm.get_connections()) == 1)


@pytest.mark.trio
async def test_a_member_that_was_in_the_group_before_asks_in_both() -> None:
    async with host() as target, attacker(MEMBER, target.transport) as member:
        assert await ask(member, "request", OLD_GROUP) == (Status.OK, b"old")
        assert await ask(member, "request", GROUP) == (Status.OK, b"now")
        with pytest.raises(REFUSED):
            await ask(member, "request", OLDER_GROUP)
        assert target.transport.connected() == {MEMBER.public}


@pytest.mark.trio
async def test_a_stranger_is_still_one() -> None:
    async with host() as target, attacker(STRANGER, target.transport) as eve:
        with pytest.raises(SwarmException):
            await eve.connection()
        await eventually(lambda: target.transport.host.refused == 1)
        assert libp2p_id(STRANGER.public) not in target.transport.host.swarm.get_connections()


@pytest.mark.trio
async def test_a_guest_takes_no_more_than_one_connection() -> None:
    """A key that was rotated out may be a thief's: it must not take what members connect with."""
    async with host() as target, AsyncExitStack() as thieves:
        for _ in range(4):
            guest = await thieves.enter_async_context(attacker(GUEST, target.transport))
            await guest.connection()
        open_now = target.transport.host.swarm.open_connections
        await eventually(lambda: len(open_now(libp2p_id(GUEST.public))) == 1)
        assert await ask(guest, "request", OLD_GROUP) == (Status.OK, b"old"), "the newest one"
        async with attacker(OLDER_GUEST, target.transport) as other:
            assert await ask(other, "request", OLDER_GROUP) == (Status.OK, b"older")
            assert len(open_now(libp2p_id(GUEST.public))) == 1
