"""The server of the control socket: accepts, asks the kernel who it is, caps how many there are."""

from __future__ import annotations

import functools
import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
import trio

from peerd.status.board import StatusBoard
from peerd.status.callers import Caller
from peerd.status.door import Door
from peerd.status.endpoint import listen, peer_uid
from peerd.status.gate import Gate
from peerd.status.http import Deadlines
from peerd.status.roles import ROOT
from peerd.status.routes import Views

if TYPE_CHECKING:
    from trio_typing import TaskStatus  # libp2p installs trio-stubs, which lack trio.TaskStatus

MAX_CONNECTIONS = 96
MAX_OF_ONE = 32
"""Connections of one user who is neither the daemon's own nor root."""

log = structlog.get_logger(__name__)


async def serve_status(
    board: StatusBoard,
    path: Path,
    views: Views,
    *,
    gate: Gate | None = None,
    deadlines: Deadlines = Deadlines(),
    task_status: TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """As ``serve_socket``. ``gate``: who may do what, if not the daemon's own user everything."""
    gate = Gate() if gate is None else gate
    door = Door(board, views, gate, deadlines)
    await serve_socket(path, door, shared=gate.roles.named, task_status=task_status)


async def serve_socket(
    path: Path,
    door: Door,
    *,
    shared: bool,
    task_status: TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until cancelled; ``task_status.started()`` when the socket answers. ``shared``: as
    ``listen`` has it. StatusSocketError when the socket can't be put at ``path``.
    """
    endpoint = listen(path, shared=shared)
    try:
        listener = trio.SocketListener(trio.socket.from_stdlib_socket(endpoint.listener))
        server = _Server(door)
        async with trio.open_nursery() as nursery:
            await nursery.start(
                functools.partial(trio.serve_listeners, server.connection, [listener])
            )
            task_status.started()
    finally:
        endpoint.close()


class _Server:
    def __init__(self, door: Door) -> None:
        self._door = door
        self._open: Counter[int] = Counter()

    async def connection(self, stream: trio.SocketStream) -> None:
        async with stream:
            uid = peer_uid(stream)
            most = MAX_CONNECTIONS if uid in (os.geteuid(), ROOT) else MAX_OF_ONE
            if self._open.total() >= MAX_CONNECTIONS or self._open[uid] >= most:
                log.warning("status_full", connections=self._open.total(), uid=uid)
                return
            self._open[uid] += 1
            try:
                await self._door.serve(stream, Caller(uid))
            finally:
                self._open -= Counter((uid,))  # and nothing is left of who has none
