"""What a daemon answers to whoever it knows, through the control socket or over TLS: one table of
routes, one gate.
"""

from __future__ import annotations

import functools
from dataclasses import replace

import trio

from peerd.status.board import StatusBoard
from peerd.status.callers import Caller
from peerd.status.gate import Gate
from peerd.status.http import Deadlines, HttpConnection
from peerd.status.orders import By, Orders
from peerd.status.roles import Role
from peerd.status.routes import Answer, NoRoute, Request, Response, Views, found, told

MAX_BODY = 4096
MAX_DRAFT_BODY = 1 << 24
"""Of an officer: an order may have the draft of a successor in it."""


class Door:
    """One for all ways in, so that orders come one after another. Nothing that a client does makes
    it raise.
    """

    def __init__(
        self, board: StatusBoard, views: Views, gate: Gate, deadlines: Deadlines = Deadlines()
    ) -> None:
        self._board = board
        self._views = replace(views, waiting=gate.waiting, waiting_order=gate.waiting_order)
        self._gate = gate
        self._deadlines = deadlines
        self._orders = Orders(gate, self._views)

    async def serve(self, stream: trio.abc.Stream, caller: Caller) -> None:
        """A stranger is told so at once, and can't hold the connection."""
        role = await self._gate.role(caller)
        most = MAX_DRAFT_BODY if role is Role.OFFICER else MAX_BODY
        answer = functools.partial(self._answer, caller)
        http = HttpConnection(stream, self._board, answer, self._deadlines, most)
        if role is None:
            await http.refuse(await self._gate.refusal(caller, None))
        else:
            await http.serve()

    async def _answer(self, caller: Caller, request: Request) -> Response:
        """The role is asked for anew each time: a connection outlives a configuration."""
        try:
            route, asked = found(self._board, self._views, request.method, request.target)
        except NoRoute as nowhere:
            return nowhere.answer
        role = await self._gate.role(caller)
        if role is None or role < route.role:
            return await self._gate.refusal(caller, role, route)
        if route.answer is None and request.method != "POST":
            return Answer(200, {"may": route.act, "code": self._gate.needs_code(route)})
        if route.answer is None:
            return await self._orders.take(route, caller, role, request.body)
        answer = told(route, asked)
        if route.act is None or (isinstance(answer, Answer) and answer.status != 200):
            return answer
        by = By(caller, role, caller.factor())
        return await self._orders.unwritten(route.act, by, {"of": asked.name}) or answer
