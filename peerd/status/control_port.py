"""The control socket's table of requests over TLS 1.3, for holders of client certificates.

Strangers can do no more than begin a handshake: how many do, and for how long, is bounded apart
from how many are connected that have a certificate.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import structlog
import trio

from peerd.status.board import StatusBoard
from peerd.status.callers import Caller
from peerd.status.control_tls import Credentials, certificate_of
from peerd.status.http import Deadlines
from peerd.status.routes import Answer, Request
from peerd.status.tcp_port import TcpPort

if TYPE_CHECKING:
    from peerd.status.door import Door

MAX_CONNECTIONS = 32
MAX_OF_ONE = 16
"""Connections with one certificate."""
MAX_HANDSHAKES = 16
HANDSHAKE_SECONDS = 5.0

log = structlog.get_logger(__name__)


class ControlPort(TcpPort):
    """``credentials``: what new connections are taken with; None while there is no port. ``door``:
    who answers those that have shown a certificate.
    """

    name = "control.tls"

    def __init__(self, board: StatusBoard, deadlines: Deadlines = Deadlines()) -> None:
        super().__init__(board, deadlines)
        self.credentials: Credentials | None = None
        self.door: Door | None = None
        self.address: tuple[str, int] | None = None
        self._shaking = 0
        self._of: Counter[str] = Counter()

    def _most(self) -> int:
        return MAX_CONNECTIONS + MAX_HANDSHAKES

    def _turned(self, listen: str | None, address: tuple[str, int] | None) -> None:
        self.address = address

    async def _answer(self, request: Request) -> Answer:
        """Of whom nothing is known: nobody gets here."""
        return Answer(403, {"error": "a client certificate is needed"})

    async def _talk(self, stream: trio.SocketStream) -> None:
        secured = await self._secured(stream)
        if secured is None:
            return
        encrypted, caller = secured
        full = self._of.total() >= MAX_CONNECTIONS or self._of[caller.key] >= MAX_OF_ONE
        if self.door is None or full:
            return
        self._of[caller.key] += 1
        try:
            await self.door.serve(encrypted, caller)
        finally:
            self._of -= Counter((caller.key,))  # and nothing is left of who has none
        with trio.move_on_after(self._deadlines.write):
            await encrypted.aclose()

    async def _secured(self, stream: trio.SocketStream) -> tuple[trio.SSLStream, Caller] | None:
        """The stream behind a handshake that ended well and in time, and whose certificate."""
        credentials = self.credentials
        if credentials is None or self._shaking >= MAX_HANDSHAKES:
            return None
        encrypted = trio.SSLStream(
            stream, credentials.context, server_side=True, https_compatible=True
        )
        self._shaking += 1
        try:
            with trio.fail_after(HANDSHAKE_SECONDS):
                await encrypted.do_handshake()
        except (trio.BrokenResourceError, trio.TooSlowError) as error:
            log.debug("no handshake on the control port", reason=type(error).__name__)
            return None
        finally:
            self._shaking -= 1
        der = encrypted.getpeercert(binary_form=True)
        certificate = certificate_of(der) if isinstance(der, bytes) else None
        return None if certificate is None else (encrypted, Caller(certificate=certificate))
