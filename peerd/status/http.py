"""HTTP/1.1 on one connection: h11 parses, this reads and writes with deadlines.

What is asked for is a ``Request``; what answers it is the caller's.

Requests carry no body, but POST where ``most_body`` allows for one. Whatever a client sends, the
connection ends in one of three ways: it is answered, it gets a 4xx and is closed, or it is closed
at a deadline.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import h11
import trio

from peerd.status.board import JsonObject, StatusBoard, TooManySubscribers
from peerd.status.routes import Answer, Bytes, EventStream, Request, Response

READ_BYTES = 4096
WRITE_BYTES = 1 << 20  # one write, which has its own deadline
MAX_HEAD_BYTES = 8192  # request line and headers
MAX_REQUESTS = 1000  # on one connection


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds."""

    request: float = 5.0  # from the first wait to the first request's last header
    idle: float = 60.0  # the same of a later one: a browser may take a connection up again late
    write: float = 10.0  # one write's progress
    heartbeat: float = 15.0  # an empty line on a quiet event stream


class Closed(Exception):
    """The client went away."""


class HttpConnection:
    """One client. ``answer`` gives what to send back, and raises nothing."""

    def __init__(
        self,
        stream: trio.abc.Stream,
        board: StatusBoard,
        answer: Callable[[Request], Awaitable[Response]],
        deadlines: Deadlines,
        most_body: int = 0,
    ) -> None:
        self._stream = stream
        self._most_body = most_body
        self._board = board
        self._answer = answer
        self._deadlines = deadlines
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD_BYTES)

    async def serve(self) -> None:
        """Answer requests until the client or a deadline ends it. Raises nothing."""
        try:
            for turn in range(MAX_REQUESTS):
                deadline = self._deadlines.idle if turn else self._deadlines.request
                if not await self._serve_one(deadline):
                    return
        except (Closed, trio.TooSlowError, trio.BrokenResourceError, trio.ClosedResourceError):
            return
        except h11.RemoteProtocolError as error:
            why = {"error": "not an acceptable HTTP/1.1 request"}
            await self._refuse(error.error_status_hint, why)

    async def _serve_one(self, deadline: float) -> bool:
        """Whether the connection can carry another request."""
        with trio.fail_after(deadline):
            request = await self._read_request()
        if request is None:
            return False
        asked = _request(*request)
        answer = await self._answer(asked)
        if isinstance(answer, EventStream):
            await self._send_events(answer, head_only=asked.method == "HEAD")
            return False
        await self._send_document(answer, head_only=asked.method == "HEAD")
        if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
            return False
        self._http.start_next_cycle()
        return True

    async def refuse(self, answer: Answer) -> None:
        """Whatever is asked for. Raises nothing."""
        await self._refuse(answer.status, answer.document)

    async def _read_request(self) -> tuple[h11.Request, bytes] | None:
        """The next request and its body; None when the client is done."""
        request: h11.Request | None = None
        body = bytearray()
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                self._http.receive_data(await self._stream.receive_some(READ_BYTES))
            elif isinstance(event, h11.Request):
                request = event
            elif isinstance(event, h11.Data):
                body += event.data
                posted = request is not None and request.method == b"POST"
                if len(body) > (self._most_body if posted else 0):
                    raise h11.RemoteProtocolError("too long a body", error_status_hint=413)
            elif isinstance(event, h11.EndOfMessage) and request is not None:
                return request, bytes(body)
            else:  # ConnectionClosed, PAUSED
                return None

    async def _send_document(self, answer: Answer | Bytes, *, head_only: bool) -> None:
        headers: tuple[tuple[str, str], ...] = ()
        if isinstance(answer, Bytes):
            kind, body, headers = answer.kind, answer.data, answer.headers
        else:
            text = json.dumps(answer.document, allow_nan=False)
            kind, body = "application/json", text.encode() + b"\n"
        about = [("content-type", kind), ("content-length", str(len(body)))]
        await self._send(_response(answer.status, [*about, *headers]))
        if not head_only:
            for start in range(0, len(body), WRITE_BYTES):
                await self._send(h11.Data(data=body[start : start + WRITE_BYTES]))
        await self._send(h11.EndOfMessage())

    async def _send_events(self, answer: EventStream, *, head_only: bool) -> None:
        headers = [("content-type", "application/x-ndjson"), ("connection", "close")]
        try:
            with self._board.subscribe(answer.since) as events:
                await self._send(_response(200, headers))
                if not head_only:
                    await self._pump(events)
        except TooManySubscribers:
            await self._send_document(
                Answer(503, {"error": "too many event streams"}), head_only=head_only
            )

    async def _pump(self, events: trio.MemoryReceiveChannel[JsonObject]) -> None:
        """Write events until the subscription ends, or the client closes or is too slow."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._cancel_at_end_of_input, nursery.cancel_scope)
            await self._pump_until_dropped(events)
            nursery.cancel_scope.cancel()

    async def _pump_until_dropped(self, events: trio.MemoryReceiveChannel[JsonObject]) -> None:
        try:
            while True:
                line = b"\n"
                with trio.move_on_after(self._deadlines.heartbeat):
                    line = json.dumps(await events.receive()).encode() + b"\n"
                await self._send(h11.Data(data=line))
        except (trio.EndOfChannel, trio.TooSlowError, trio.BrokenResourceError):
            return

    async def _cancel_at_end_of_input(self, scope: trio.CancelScope) -> None:
        """A client that half-closes, or sends anything at all now, is gone."""
        try:
            await self._stream.receive_some(READ_BYTES)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        finally:
            scope.cancel()

    async def _send(self, event: h11.Event) -> None:
        data = self._http.send(event)
        if data:
            with trio.fail_after(self._deadlines.write):
                await self._stream.send_all(data)

    async def _refuse(self, status: int, document: object) -> None:
        if self._http.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            return
        try:
            await self._send_document(Answer(status, document), head_only=False)
        except (trio.TooSlowError, trio.BrokenResourceError, trio.ClosedResourceError):
            return


def _request(request: h11.Request, body: bytes) -> Request:
    """h11 has checked that the names and the target are ASCII; a value may hold any byte."""
    headers = [(name.decode("ascii"), value.decode("latin-1")) for name, value in request.headers]
    method, target = request.method.decode("ascii"), request.target.decode("ascii")
    return Request(method, target, tuple(headers), body)


def _response(status: int, headers: list[tuple[str, str]]) -> h11.Response:
    return h11.Response(status_code=status, headers=[*headers, ("cache-control", "no-store")])
