"""A client of the control socket or the TLS port, for the command line and the swarm.

It trusts the daemon no more than needed: answers are bounded, and every wait has a deadline.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress

import h11
import trio

from peerd.errors import NotAllowedError, NotRunningError, PeerdError
from peerd.status.board import MAX_EVENT_BYTES, JsonObject
from peerd.status.remote import Place, Remote

READ_BYTES = 65536
MAX_ANSWER_BYTES = 4 * 10**9 + 2**20  # a model of 10^9 parameters
ANSWER_SECONDS = 30.0
ORDER_SECONDS = 60.0  # a daemon may be in a long step
SILENCE_SECONDS = 60.0  # an event stream has a heartbeat every 15 s


class StatusAnswerError(PeerdError):
    """The daemon answered, and not with what was asked for. ``said``: its own words."""

    def __init__(self, message: str, hint: str = "", said: str = "") -> None:
        super().__init__(message, hint)
        self.said = said


class CodeNeeded(NotAllowedError):
    """Of the officer's second factor."""


class Silent(NotRunningError):
    """The daemon's process is there, and says nothing: it may be stopped, or at its limits."""


async def get(path: Place, target: str) -> JsonObject:
    """``GET target``, as JSON. NotRunningError, StatusAnswerError."""
    return _object(path, await get_bytes(path, target))


async def get_bytes(path: Place, target: str) -> bytes:
    """``GET target``, as it is. NotRunningError, StatusAnswerError, NotAllowedError."""
    return await _answered(path, "GET", target, b"", ANSWER_SECONDS)


async def post(path: Place, target: str, document: JsonObject) -> JsonObject:
    """``POST target``: an order. As ``get``."""
    body = json.dumps(document).encode()
    return _object(path, await _answered(path, "POST", target, body, ORDER_SECONDS))


async def _answered(path: Place, method: str, target: str, body: bytes, seconds: float) -> bytes:
    async with _connection(path) as stream:
        with trio.fail_after(seconds):
            status, found = await _exchange(stream, method, target, body)
    if status == 200:
        return found
    error = str(_object(path, found).get("error", status))
    if status == 401:
        raise CodeNeeded(error, "say it with --code")
    if status == 403:
        raise NotAllowedError(f"the daemon at {path} refuses: {error}")
    raise StatusAnswerError(f"the daemon at {path}: {error}", said=error)


async def events(path: Place, since: int | None = None) -> AsyncGenerator[JsonObject, None]:
    """Events after number ``since`` (None: new ones), until the daemon ends the stream."""
    target = "/v1/events" if since is None else f"/v1/events?since={since}"
    async with _connection(path) as stream:
        http = await _ask(stream, "GET", target, b"")
        pending = bytearray()
        while True:
            with trio.fail_after(SILENCE_SECONDS):
                event = await _next_event(http, stream)
            if isinstance(event, h11.Response) and event.status_code == 403:
                raise NotAllowedError(f"the daemon at {path} does not let this user look")
            if isinstance(event, h11.Response) and event.status_code != 200:
                raise StatusAnswerError(f"the daemon at {path} answers {event.status_code}")
            if isinstance(event, h11.EndOfMessage | h11.ConnectionClosed):
                return
            if not isinstance(event, h11.Data):
                continue
            pending += event.data
            *lines, rest = pending.split(b"\n")
            pending = bytearray(rest)
            if len(pending) > 2 * MAX_EVENT_BYTES:
                raise StatusAnswerError(f"the daemon at {path} sent an event that is too long")
            for line in lines:
                if line:
                    yield _object(path, bytes(line))


@asynccontextmanager
async def _connection(path: Place) -> AsyncIterator[trio.abc.Stream]:
    stream: trio.abc.Stream
    try:
        if isinstance(path, Remote):
            stream = await _secured(path)
        else:
            stream = await trio.open_unix_socket(os.fspath(path))
    except OSError as error:
        raise NotRunningError(
            f"no daemon answers at {path} ({error.strerror or error})",
            "start it with: peerd run --config FILE",
        ) from None
    try:
        try:
            yield stream
        except (trio.BrokenResourceError, h11.RemoteProtocolError):
            hint = "look at its log"
            if isinstance(path, Remote):
                hint = "is your certificate of its clients_ca, and not over? look at its log"
            raise NotRunningError(f"the daemon at {path} closed the connection", hint) from None
        except trio.TooSlowError:
            raise Silent(f"the daemon at {path} is silent", "look at its log") from None
    finally:
        await trio.aclose_forcefully(stream)  # nobody waits for a farewell


async def _secured(place: Remote) -> trio.SSLStream:
    """OSError; NotRunningError where the daemon is not the one that is named, or does not talk."""
    stream = await trio.open_tcp_stream(place.host, place.port)
    encrypted = trio.SSLStream(
        stream, place.context, server_hostname=place.host, https_compatible=True
    )
    try:
        with trio.fail_after(ANSWER_SECONDS):
            await encrypted.do_handshake()
    except (trio.BrokenResourceError, trio.TooSlowError) as error:
        await trio.aclose_forcefully(stream)
        cause = error.__cause__
        said = getattr(cause, "verify_message", "") or getattr(cause, "reason", "") or "silent"
        raise NotRunningError(
            f"no daemon can be asked at {place} ({said})",
            "is it this host's certificate, and of the authority in PEERD_REMOTE_CA?",
        ) from None
    return encrypted


async def _ask(stream: trio.abc.Stream, method: str, target: str, body: bytes) -> h11.Connection:
    http = h11.Connection(h11.CLIENT)
    headers = [("host", "peerd")]
    if body:
        headers.append(("content-length", str(len(body))))
    request = h11.Request(method=method, target=target, headers=headers)
    data = http.send(request) + (http.send(h11.Data(data=body)) if body else b"")
    with suppress(trio.BrokenResourceError):  # who is refused at once has an answer to read
        await stream.send_all(data + http.send(h11.EndOfMessage()))
    return http


async def _next_event(http: h11.Connection, stream: trio.abc.Stream) -> object:
    while (event := http.next_event()) is h11.NEED_DATA:
        http.receive_data(await stream.receive_some(READ_BYTES))
    return event


async def _exchange(
    stream: trio.abc.Stream, method: str, target: str, sent: bytes
) -> tuple[int, bytes]:
    http = await _ask(stream, method, target, sent)
    status, body = 0, bytearray()
    while True:
        event = await _next_event(http, stream)
        if isinstance(event, h11.Response):
            status = int(event.status_code)
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > MAX_ANSWER_BYTES:
                raise StatusAnswerError(f"an answer of more than {MAX_ANSWER_BYTES} bytes")
        elif isinstance(event, h11.EndOfMessage):
            return status, bytes(body)
        elif isinstance(event, h11.ConnectionClosed):
            raise StatusAnswerError("the daemon closed the connection without an answer")


def _object(path: Place, text: bytes) -> JsonObject:
    try:
        document = json.loads(text)
    except ValueError:
        raise StatusAnswerError(f"what answers at {path} is not a peerd daemon") from None
    if not isinstance(document, dict):
        raise StatusAnswerError(f"what answers at {path} is not a peerd daemon")
    return document
