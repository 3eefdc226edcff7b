"""TCP as libp2p sees it, without faults 6 and 8.

- fault 6, ``libp2p.io.utils.read_exactly`` (line 16) gives up after 101 partial reads: every
  read of it ends in ``ExactStream.read``, which returns all ``n`` bytes at once.
- fault 8, ``TCPListener`` (libp2p/transport/tcp/tcp.py, line 164) accepts without a bound, so
  idle sockets fill the handshake: ``Listener`` hands at most ``pending_handshakes`` sockets to
  the swarm, and at most ``pending_handshakes_per_address`` of one address. The swarm reports
  the end of a handshake (repairs/swarm.py).
- ``_set_reuse_flags`` (line 44) sets SO_REUSEPORT, with which a second process can bind our port
  and take half of our connections, silently: here a port that is taken is an error.
"""

from __future__ import annotations

import errno
import os
import socket
from collections import Counter
from collections.abc import Awaitable, Callable

import structlog
import trio
from libp2p.abc import IListener, IRawConnection
from libp2p.io.abc import ReadWriteCloser
from libp2p.io.exceptions import ConnectionClosedError
from libp2p.network.connection.raw_connection import RawConnection
from libp2p.transport.exceptions import OpenConnectionError
from libp2p.transport.tcp.tcp import TCP
from multiaddr import Multiaddr

from peerd.errors import with_kind
from peerd.transport.limits import Limits

log = structlog.get_logger(__name__)

_READ_BYTES = 64 * 1024
_BACKLOG = 128
_OUT_OF_DESCRIPTORS = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
_ACCEPT_PAUSE = 0.1


class ExactStream(ReadWriteCloser):
    """A TCP stream whose ``read(n)`` returns ``n`` bytes, or fewer at the end of the stream.

    It reads and writes the descriptor itself, and only asks trio when there is something to read
    or room to write: ``trio.SocketStream`` tries before it waits, and a reader that waits for the
    next message nearly always tries in vain.
    """

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._buffer = bytearray()
        self._write_lock = trio.Lock()
        name = _peer_name(stream)
        self._remote = (str(name[0]), int(name[1])) if name else None

    async def read(self, n: int | None = None) -> bytes:
        """At least one byte when ``n`` is None. Raises ConnectionClosedError after a reset."""
        if n is None and not self._buffer:
            return await self._receive()
        wanted = 1 if n is None else n
        while len(self._buffer) < wanted:
            chunk = await self._receive()
            if not chunk:
                break
            self._buffer += chunk
        size = len(self._buffer) if n is None else min(n, len(self._buffer))
        with memoryview(self._buffer) as view:
            data = bytes(view[:size])
        del self._buffer[:size]
        return data

    async def _receive(self) -> bytes:
        while True:
            try:
                await trio.lowlevel.wait_readable(self._stream.socket.fileno())
                return os.read(self._stream.socket.fileno(), _READ_BYTES)
            except BlockingIOError:
                pass
            except (OSError, ValueError, trio.ClosedResourceError) as error:
                raise _gone() from error

    async def write(self, data: bytes) -> None:
        async with self._write_lock:
            sent = self.send_now(data)
            while sent < len(data):
                try:
                    await trio.lowlevel.wait_writable(self._stream.socket.fileno())
                except (OSError, ValueError, trio.ClosedResourceError) as error:
                    raise _gone() from error
                sent += self.send_now(memoryview(data)[sent:])

    def send_now(self, data: bytes | memoryview) -> int:
        """How many bytes the socket takes without a wait. Not while ``write`` goes on.

        Raises ConnectionClosedError.
        """
        try:
            return os.write(self._stream.socket.fileno(), data)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise _gone() from error

    async def close(self) -> None:
        await self._stream.aclose()

    def get_remote_address(self) -> tuple[str, int] | None:
        return self._remote


def _gone() -> ConnectionClosedError:
    return ConnectionClosedError("the TCP connection is gone", transport="tcp")


def _peer_name(stream: trio.SocketStream) -> tuple[str, int] | None:
    try:
        name = stream.socket.getpeername()
    except OSError:  # it was reset before we looked
        return None
    return name if isinstance(name, tuple) and len(name) >= 2 else None


class Admission:
    """Counts handshakes under way, in all and per remote address (fault 8)."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._by_address: Counter[str] = Counter()
        self.refused = 0

    @property
    def pending(self) -> int:
        return self._by_address.total()

    def enter(self, address: str) -> bool:
        if (
            self.pending >= self._limits.pending_handshakes
            or self._by_address[address] >= self._limits.pending_handshakes_per_address
        ):
            self.refused += 1
            return False
        self._by_address[address] += 1
        return True

    def leave(self, address: str) -> None:
        self._by_address[address] -= 1
        if self._by_address[address] <= 0:
            del self._by_address[address]


class Listener(IListener):
    """Accepts TCP connections until it is closed; its accept loop lives in the swarm's nursery."""

    background_nursery: trio.Nursery  # set by Swarm.listen before listen()

    def __init__(self, handler: Callable[[ReadWriteCloser], Awaitable[None]]) -> None:
        self._handler = handler
        self._sockets: list[trio.SocketListener] = []
        self._scope = trio.CancelScope()

    async def listen(self, maddr: Multiaddr) -> None:
        host, port = host_and_port(maddr)
        try:
            self._sockets += await trio.open_tcp_listeners(port, host=host, backlog=_BACKLOG)
        except OSError as error:
            raise OpenConnectionError(f"can't listen on {maddr}: {error}") from error
        for listener in self._sockets:
            self.background_nursery.start_soon(self._accept, listener)

    async def _accept(self, listener: trio.SocketListener) -> None:
        # Closed here too: a cancelled Swarm.run doesn't get as far as closing its listeners.
        with self._scope, listener.socket:
            async with trio.open_nursery() as nursery:
                while True:
                    try:
                        stream = await listener.accept()
                    except OSError as error:
                        if error.errno not in _OUT_OF_DESCRIPTORS:
                            log.error("can't accept connections", error=str(error))
                        await trio.sleep(_ACCEPT_PAUSE)
                    except trio.ClosedResourceError:
                        return
                    else:
                        nursery.start_soon(self._serve, stream)

    async def _serve(self, stream: trio.SocketStream) -> None:
        try:
            await self._handler(ExactStream(stream))
        except Exception as error:
            log.warning("a connection failed", error=with_kind(error))
        finally:
            with trio.CancelScope(shield=True):
                await trio.aclose_forcefully(stream)

    def get_addrs(self) -> tuple[Multiaddr, ...]:
        return tuple(_address_of(listener.socket) for listener in self._sockets)

    async def close(self) -> None:
        self._scope.cancel()
        for listener in self._sockets:
            await listener.aclose()
        self._sockets.clear()


class StrictTCP(TCP):
    """libp2p's TCP transport over ``ExactStream`` and ``Listener``."""

    async def _dial_resolved(
        self, maddr: Multiaddr, source: tuple[str, int] | None = None
    ) -> IRawConnection:
        host, port = host_and_port(maddr)
        try:
            stream = await trio.open_tcp_stream(host, port)
        except OSError as error:
            raise OpenConnectionError(f"can't connect to {host}:{port}: {error}") from error
        return RawConnection(ExactStream(stream), True)

    def create_listener(self, handler_function: object) -> Listener:  # type: ignore[override]
        return Listener(handler_function)  # type: ignore[arg-type]


def host_and_port(maddr: Multiaddr) -> tuple[str, int]:
    """The IP address and the port of ``/ip4/…/tcp/…``. Raises OpenConnectionError."""
    values = {protocol.name: value for protocol, value in maddr.items()}
    host = values.get("ip4") or values.get("ip6")
    if host is None or "tcp" not in values:
        raise OpenConnectionError(f"{maddr} has no IP address and TCP port")
    return str(host), int(str(values["tcp"]))


def _address_of(listening: trio.socket.SocketType) -> Multiaddr:
    name = listening.getsockname()
    family = "ip6" if listening.family == socket.AF_INET6 else "ip4"
    return Multiaddr(f"/{family}/{name[0]}/tcp/{name[1]}")
