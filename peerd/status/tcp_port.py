"""HTTP on a TCP port that can be pointed at another address while it runs.

Whoever can connect may ask: there is no user to ask for, as on the status socket. So all that a
stranger can make the daemon do is bounded here: connections, and a request's size and time.
"""

from __future__ import annotations

import socket
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import structlog
import trio

from peerd.errors import NetworkError
from peerd.status.board import StatusBoard
from peerd.status.http import Deadlines, HttpConnection
from peerd.status.routes import Request, Response

BACKLOG = 16

if TYPE_CHECKING:
    from trio_typing import TaskStatus  # as in server.py

log = structlog.get_logger(__name__)


def open_port(key: str, listen: str) -> socket.socket:
    """Listening at ``127.0.0.1:9464`` or ``[::1]:9464``, as ``key`` of the configuration says.
    NetworkError.
    """
    host, _, port = listen.rpartition(":")
    family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
    try:
        return socket.create_server((host.strip("[]"), int(port)), family=family, backlog=BACKLOG)
    except OSError as error:
        raise NetworkError(
            f"{key} {listen} can't be used: {error.strerror or error}",
            "choose another port or address in peerd.toml",
        ) from None


class TcpPort(ABC):
    """``name``: what is served, for the log, and the section of the configuration that has
    ``listen``. Run it in a nursery; then it can be pointed at sockets.
    """

    name: str

    def __init__(self, board: StatusBoard, deadlines: Deadlines) -> None:
        self._board = board
        self._deadlines = deadlines
        self._nursery: trio.Nursery | None = None
        self._scope = trio.CancelScope()
        self._open = 0
        self._told = False
        self._listen: str | None = None

    @abstractmethod
    async def _answer(self, request: Request) -> Response:
        """Raises nothing."""

    @abstractmethod
    def _most(self) -> int:
        """Connections at once."""

    @abstractmethod
    def _turned(self, listen: str | None, address: tuple[str, int] | None) -> None:
        """It listens there from now on: as configured, and the host and port that it has."""

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
        if listen is None or listen == self._listen:
            return None
        return open_port(f"{self.name}.listen", listen)

    def turn_to(self, listen: str | None, prepared: socket.socket | None) -> None:
        """Serve at ``listen`` from now on, and no more where it did."""
        assert self._nursery is not None
        if listen == self._listen:
            return
        self._scope.cancel()
        self._listen, self._scope = listen, trio.CancelScope()
        address = None if prepared is None else prepared.getsockname()[:2]
        self._turned(listen, address)
        if prepared is not None and address is not None:
            log.info(self.name, host=address[0], port=address[1])
            self._nursery.start_soon(self._serve, prepared, self._scope)

    async def _serve(self, listening: socket.socket, scope: trio.CancelScope) -> None:
        with scope:
            listener = trio.SocketListener(trio.socket.from_stdlib_socket(listening))
            await trio.serve_listeners(self._connection, [listener])

    async def _connection(self, stream: trio.SocketStream) -> None:
        async with stream:
            if self._open >= self._most():
                if not self._told:  # once, as a stranger must not fill the log
                    log.warning(f"too many connections for {self.name}", connections=self._open)
                self._told = True
                return
            self._open, self._told = self._open + 1, False
            try:
                await self._talk(stream)
            finally:
                self._open -= 1

    async def _talk(self, stream: trio.SocketStream) -> None:
        """With one client, until it goes or a deadline ends it."""
        await HttpConnection(stream, self._board, self._answer, self._deadlines).serve()
