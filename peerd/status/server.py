"""The server of the control socket: accepts, checks who asks, caps how many, takes orders."""

from __future__ import annotations

import functools
import json
import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
import trio

from peerd.errors import ConfigError, GroupError, StorageError
from peerd.status.board import JsonObject, StatusBoard
from peerd.status.endpoint import listen, peer_uid
from peerd.status.gate import ENROL, REFUSED, Gate
from peerd.status.http import Deadlines, HttpConnection
from peerd.status.roles import ROOT, Role
from peerd.status.routes import (
    Answer,
    Asked,
    NoRoute,
    Order,
    Request,
    Response,
    Route,
    Views,
    found,
    told,
)
from peerd.trail import Factor
from protocols.session.events import Refused

if TYPE_CHECKING:
    from trio_typing import TaskStatus  # libp2p installs trio-stubs, which lack trio.TaskStatus

MAX_CONNECTIONS = 96
MAX_OF_ONE = 32
"""Connections of one user who is neither the daemon's own nor root."""
MAX_BODY = 4096
MAX_DRAFT_BODY = 1 << 24
"""Of an officer: an order may have the draft of a successor in it."""

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
    """Serve until cancelled; ``task_status.started()`` when the socket answers.

    ``gate``: who may do what, if not the daemon's own user everything. StatusSocketError when the
    socket can't be put at ``path``. Nothing that a client does raises.
    """
    gate = Gate() if gate is None else gate
    endpoint = listen(path, shared=gate.roles.named)
    try:
        listener = trio.SocketListener(trio.socket.from_stdlib_socket(endpoint.listener))
        server = _Server(board, views, gate, deadlines)
        async with trio.open_nursery() as nursery:
            await nursery.start(
                functools.partial(trio.serve_listeners, server.connection, [listener])
            )
            task_status.started()
    finally:
        endpoint.close()


class _Server:
    def __init__(self, board: StatusBoard, views: Views, gate: Gate, deadlines: Deadlines) -> None:
        self._board = board
        self._views = views
        self._gate = gate
        self._deadlines = deadlines
        self._open: Counter[int] = Counter()
        self._orders = trio.Lock()

    async def connection(self, stream: trio.SocketStream) -> None:
        async with stream:
            uid = peer_uid(stream)
            most = MAX_CONNECTIONS if uid in (os.geteuid(), ROOT) else MAX_OF_ONE
            if self._open.total() >= MAX_CONNECTIONS or self._open[uid] >= most:
                log.warning("status_full", connections=self._open.total(), uid=uid)
                return
            self._open[uid] += 1
            try:
                await self._serve(stream, uid)
            finally:
                self._open -= Counter((uid,))  # and nothing is left of who has none

    async def _serve(self, stream: trio.SocketStream, uid: int) -> None:
        """A stranger is told so at once, and can't hold the connection."""
        role = await self._gate.role(uid)
        most = MAX_DRAFT_BODY if role is Role.OFFICER else MAX_BODY
        answer = functools.partial(self._answer, uid)
        http = HttpConnection(stream, self._board, answer, self._deadlines, most)
        if role is None:
            await http.refuse(await self._gate.refusal(uid, None))
        else:
            await http.serve()

    async def _answer(self, uid: int, request: Request) -> Response:
        """The role is asked for anew each time: a connection outlives a configuration."""
        try:
            route, asked = found(self._board, self._views, request.method, request.target)
        except NoRoute as nowhere:
            return nowhere.answer
        role = await self._gate.role(uid)
        if role is None or role < route.role:
            return await self._gate.refusal(uid, role, route)
        if route.answer is None:
            async with self._orders:  # the trail has them in the order in which they are done
                return await self._order(route, asked, uid, role, request.body)
        answer = told(route, asked)
        if route.act is None or (isinstance(answer, Answer) and answer.status != 200):
            return answer
        return await self._unwritten(route.act, uid, role, {"of": asked.name}) or answer

    async def _order(
        self, route: Route, asked: Asked, uid: int, role: Role, body: bytes
    ) -> Response:
        assert route.act is not None
        try:
            document = _document(body)
            factor = await self._gate.factor(uid, role, route, document.pop("code", None))
            if isinstance(factor, Answer):
                return factor
            if route.act == ENROL:
                order = Order({}, functools.partial(self._gate.enrol, uid))
            else:
                order = asked.views.order(route.act, document)
        except (ConfigError, GroupError) as error:
            return Answer(400, {"error": str(error)})
        unwritten = await self._unwritten(route.act, uid, role, order.arguments, factor)
        if unwritten is not None:
            return unwritten
        try:
            more = await order.carry_out()
        except (ConfigError, GroupError, Refused) as error:
            await self._unwritten(REFUSED, uid, role, {"what": route.act, "reason": str(error)})
            return Answer(409, {"error": str(error)})
        return Answer(200, {"done": route.act, **(more or {})})

    async def _unwritten(
        self,
        act: str,
        uid: int,
        role: Role,
        arguments: JsonObject,
        factor: Factor = Factor.SOCKET,
    ) -> Answer | None:
        """Puts it on record; the answer where that can't be: then it is not done."""
        try:
            await self._gate.note(act, uid, role, factor, **arguments)
        except StorageError as error:
            log.error("not in the trail, and so not done", act=act, reason=str(error))
            return Answer(503, {"error": f"not done, as it can't be put on record: {error}"})
        return None


def _document(body: bytes) -> JsonObject:
    """ConfigError."""
    try:
        document = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise ConfigError("an order is one JSON object")
    return document
