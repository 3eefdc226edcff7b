"""Metrics on TCP, for a Prometheus that can't read a Unix socket. Nothing else is served there.

Whoever can connect may read: there is no user to ask for, as on the socket. So there are bounds on
all that a stranger can make the daemon do: connections, a request's size and time, and how often
the metrics are collected.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog
import trio

from peerd.errors import NetworkError
from peerd.status.board import StatusBoard
from peerd.status.http import Deadlines, HttpConnection
from peerd.status.routes import Answer, Bytes, metrics_alone

MAX_READERS = 16
BACKLOG = 16
FRESH_SECONDS = 1.0

if TYPE_CHECKING:
    from trio_typing import TaskStatus  # as in server.py

log = structlog.get_logger(__name__)


def open_port(listen: str) -> socket.socket:
    """Listening at ``127.0.0.1:9464`` or ``[::1]:9464``. NetworkError."""
    host, _, port = listen.rpartition(":")
    family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
    try:
        return socket.create_server((host.strip("[]"), int(port)), family=family, backlog=BACKLOG)
    except OSError as error:
        raise NetworkError(
            f"metrics.listen {listen} can't be used: {error.strerror or error}",
            "choose another port or address in peerd.toml",
        ) from None


def exposed(listen: str | None) -> list[str]:
    """A warning for an address that other machines may reach."""
    if listen is None or ipaddress.ip_address(listen.rpartition(":")[0].strip("[]")).is_loopback:
        return []
    return [
        f"metrics.listen {listen} is no loopback address: whoever reaches it reads the metrics,"
        " without a password and unencrypted; restrict it with a firewall, or use 127.0.0.1"
    ]


class MetricsPort:
    """``text``: the metrics. Run it in a nursery; then it can be pointed at sockets."""

    def __init__(
        self,
        text: Callable[[], bytes],
        board: StatusBoard,
        deadlines: Deadlines = Deadlines(),
    ) -> None:
        self._collect = text
        self._board = board
        self._deadlines = deadlines
        self._nursery: trio.Nursery | None = None
        self._scope = trio.CancelScope()
        self._open = 0
        self._told = False
        self._text, self._until = b"", 0.0
        self._listen: str | None = None

    async def run(self, *, task_status: TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Until cancelled."""
        async with trio.open_nursery() as self._nursery:
            task_status.started()
            await trio.sleep_forever()

    def open(self, listen: str | None) -> None:
        """NetworkError."""
        self.turn_to(listen, self.prepare(listen))

    def prepare(self, listen: str | None) -> socket.socket | None:
        """What ``turn_to`` takes; None where it listens there already, or nowhere. NetworkError."""
        return None if listen in (None, self._listen) else open_port(listen)

    def turn_to(self, listen: str | None, prepared: socket.socket | None) -> None:
        """Serve at ``listen`` from now on, and no more where it did."""
        assert self._nursery is not None
        if listen == self._listen:
            return
        self._scope.cancel()
        self._listen, self._scope = listen, trio.CancelScope()
        self._board.warn("metrics", exposed(listen))
        for line in exposed(listen):
            log.warning(line)
        if prepared is not None:
            host, port = prepared.getsockname()[:2]
            log.info("metrics", host=host, port=port)
            self._nursery.start_soon(self._serve, prepared, self._scope)

    async def _serve(self, listening: socket.socket, scope: trio.CancelScope) -> None:
        with scope:
            listener = trio.SocketListener(trio.socket.from_stdlib_socket(listening))
            await trio.serve_listeners(self._connection, [listener])

    async def _connection(self, stream: trio.SocketStream) -> None:
        async with stream:
            if self._open >= MAX_READERS:
                if not self._told:  # once, as a stranger must not fill the log
                    log.warning("too many connections for metrics", connections=self._open)
                self._told = True
                return
            self._open, self._told = self._open + 1, False
            try:
                await HttpConnection(stream, self._board, self._answer, self._deadlines).serve()
            finally:
                self._open -= 1

    def _answer(self, method: str, target: str) -> Answer | Bytes:
        return metrics_alone(self._fresh, method, target)

    def _fresh(self) -> bytes:
        now = trio.current_time()
        if now >= self._until:
            self._text, self._until = self._collect(), now + FRESH_SECONDS
        return self._text
