"""The status server: accepts on the Unix socket, checks who asks, caps how many."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
import trio

from peerd.status.board import StatusBoard
from peerd.status.endpoint import allowed_uid, listen, peer_uid
from peerd.status.http import Deadlines, HttpConnection
from peerd.status.routes import Request, Response, Views, route

if TYPE_CHECKING:
    from trio_typing import TaskStatus  # libp2p installs trio-stubs, which lack trio.TaskStatus

MAX_CONNECTIONS = 96

log = structlog.get_logger(__name__)


async def serve_status(
    board: StatusBoard,
    path: Path,
    views: Views,
    *,
    deadlines: Deadlines = Deadlines(),
    task_status: TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until cancelled; ``task_status.started()`` when the socket answers.

    StatusSocketError when the socket can't be put at ``path``. Nothing that a client does raises.
    """
    endpoint = listen(path)
    try:
        listener = trio.SocketListener(trio.socket.from_stdlib_socket(endpoint.listener))
        server = _Server(board, views, deadlines)
        async with trio.open_nursery() as nursery:
            await nursery.start(
                functools.partial(trio.serve_listeners, server.connection, [listener])
            )
            task_status.started()
    finally:
        endpoint.close()


class _Server:
    def __init__(self, board: StatusBoard, views: Views, deadlines: Deadlines) -> None:
        self._board = board
        self._views = views
        self._deadlines = deadlines
        self._open = 0

    async def connection(self, stream: trio.SocketStream) -> None:
        async with stream:
            uid = peer_uid(stream)
            if not allowed_uid(uid):
                log.warning("status_refused", uid=uid)
            elif self._open >= MAX_CONNECTIONS:
                log.warning("status_full", connections=self._open)
            else:
                await self._serve(stream)

    async def _serve(self, stream: trio.SocketStream) -> None:
        self._open += 1
        try:
            await HttpConnection(stream, self._board, self._answer, self._deadlines).serve()
        finally:
            self._open -= 1

    async def _answer(self, request: Request) -> Response:
        return route(self._board, self._views, request.method, request.target)
