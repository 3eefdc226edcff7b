"""Real hosts on loopback, a proxy that cuts connections, and an attacker's hands."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import trio
from libp2p.abc import INetStream
from multiaddr import Multiaddr

from peerd.identity import Identity
from peerd.transport import Limits, Transport
from peerd.transport.names import libp2p_id
from peerd.transport.repairs.host import PeerHost, build_host
from tests.patience import HANG

GROUP = hashlib.sha256(b"the group of the tests").digest()
ANYWHERE = "/ip4/127.0.0.1/tcp/0"
LIMITS = Limits(backoff_first=0.02, backoff_last=0.2, passive_wait=0.1)


def identity(number: int) -> Identity:
    return Identity(hashlib.sha256(b"peer %d" % number).digest())


def identities(count: int) -> list[Identity]:
    """In the order of their keys, so that the first one dials the others."""
    return sorted((identity(number) for number in range(count)), key=lambda one: one.public)


class Phonebook:
    """Addresses for tests that have no discovery; can be changed while a test runs."""

    def __init__(self) -> None:
        self._addresses: dict[bytes, tuple[str, ...]] = {}
        self._changed = trio.Event()

    def addresses(self, public: bytes) -> tuple[str, ...]:
        return self._addresses.get(public, ())

    async def wait_for_change(self, public: bytes) -> None:
        await self._changed.wait()

    def set(self, public: bytes, *addresses: str) -> None:
        self._addresses[public] = addresses
        self._changed.set()
        self._changed = trio.Event()


@asynccontextmanager
async def running(transport: Transport) -> AsyncIterator[Transport]:
    async with trio.open_nursery() as nursery:
        await nursery.start(transport.run)
        yield transport
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def network(
    count: int, limits: Limits = LIMITS, *, connected: bool = True
) -> AsyncIterator[list[Transport]]:
    """``count`` running transports that know each other."""
    members = identities(count)
    roster = [member.public for member in members]
    book = Phonebook()
    transports = [Transport(one, GROUP, roster, ANYWHERE, book, limits) for one in members]
    async with trio.open_nursery() as nursery:
        for transport in transports:
            await nursery.start(transport.run)
        for transport in transports:
            book.set(transport.identity.public, *transport.listen_addresses())
        if connected:
            with trio.fail_after(HANG):
                for transport in transports:
                    for other in roster:
                        if other != transport.identity.public:
                            await transport._link(other).wait_until(connected=True)
        yield transports
        nursery.cancel_scope.cancel()


async def take(transport: Transport, count: int) -> list[tuple[bytes, bytes]]:
    with trio.fail_after(HANG):
        return [await transport.frames.receive() for _ in range(count)]


async def eventually(condition: Callable[[], bool]) -> None:
    with trio.fail_after(HANG):
        while not condition():
            await trio.sleep(0.005)


class Attacker:
    """A host with any identity, that writes what it likes."""

    def __init__(self, host: PeerHost, target: Transport) -> None:
        self.host = host
        self.target = target

    async def connection(self) -> Any:
        peer = libp2p_id(self.target.identity.public)
        addresses = [Multiaddr(a) for a in self.target.listen_addresses()]
        self.host.get_peerstore().add_addrs(peer, addresses, 600)
        return (await self.host.swarm.dial_peer(peer))[0]

    async def stream(self, purpose: str) -> INetStream:
        return await self.host.open_stream(await self.connection(), self.target.protocol(purpose))

    async def pipe(self, purpose: str) -> Any:
        return (await self.stream(purpose)).muxed_stream  # type: ignore[attr-defined]


@asynccontextmanager
async def attacker(
    who: Identity, target: Transport, limits: Limits = LIMITS
) -> AsyncIterator[Attacker]:
    host = build_host(who.secret, lambda peer: True, 2, limits)
    async with host.run([Multiaddr(ANYWHERE)]):
        yield Attacker(host, target)


@asynccontextmanager
async def victim(
    limits: Limits = LIMITS, *, others: Sequence[Identity]
) -> AsyncIterator[Transport]:
    """One running transport whose roster has ``others`` too; they are played by attackers."""
    me = identity(1000)
    roster = [me.public, *(other.public for other in others)]
    transport = Transport(me, GROUP, roster, ANYWHERE, Phonebook(), limits)
    async with running(transport):
        yield transport


class Proxy:
    """Forwards TCP to one address, and cuts each connection after the bytes it is told."""

    def __init__(self, cuts: Sequence[int | None]) -> None:
        self._cuts = list(cuts)
        self.connections = 0
        self.address = ""
        self._target = ("", 0)

    @asynccontextmanager
    async def in_front_of(self, address: str) -> AsyncIterator[Proxy]:
        _, _, host, _, port = address.split("/")
        self._target = (host, int(port))
        async with trio.open_nursery() as nursery:
            listeners = await nursery.start(
                lambda task_status: trio.serve_tcp(
                    self._serve, 0, host="127.0.0.1", task_status=task_status
                )
            )
            port_here = listeners[0].socket.getsockname()[1]
            self.address = f"/ip4/127.0.0.1/tcp/{port_here}"
            yield self
            nursery.cancel_scope.cancel()

    async def _serve(self, client: trio.SocketStream) -> None:
        left = self._cuts[min(self.connections, len(self._cuts) - 1)]
        self.connections += 1
        server = await trio.open_tcp_stream(*self._target)
        async with client, server, trio.open_nursery() as nursery:

            async def forward(
                source: trio.SocketStream, sink: trio.SocketStream, budget: int | None
            ) -> None:
                try:
                    while data := await source.receive_some(65536):
                        if budget is not None:
                            data = data[:budget]
                            budget -= len(data)
                        await sink.send_all(data)
                        if budget == 0:
                            break
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    pass
                nursery.cancel_scope.cancel()

            nursery.start_soon(forward, client, server, left)
            nursery.start_soon(forward, server, client, None)


def with_limits(**changes: Any) -> Limits:
    return replace(LIMITS, **changes)


Consumer = Callable[[], Awaitable[None]]
