"""Metrics on TCP, for a Prometheus that can't read a Unix socket. Nothing else is served there.

Whoever can connect may read. What that makes the daemon do is bounded: by ``TcpPort``, and in how
often the metrics are collected.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

import structlog
import trio

from peerd.status.board import StatusBoard
from peerd.status.http import Deadlines
from peerd.status.routes import Answer, Bytes, Request, metrics_alone
from peerd.status.tcp_port import TcpPort

MAX_READERS = 16
FRESH_SECONDS = 1.0

log = structlog.get_logger(__name__)


def exposed(listen: str | None) -> list[str]:
    """A warning for an address that other machines may reach."""
    if listen is None or ipaddress.ip_address(listen.rpartition(":")[0].strip("[]")).is_loopback:
        return []
    return [
        f"metrics.listen {listen} is no loopback address: whoever reaches it reads the metrics,"
        " without a password and unencrypted; restrict it with a firewall, or use 127.0.0.1"
    ]


class MetricsPort(TcpPort):
    """``text``: the metrics."""

    name = "metrics"

    def __init__(
        self,
        text: Callable[[], bytes],
        board: StatusBoard,
        deadlines: Deadlines = Deadlines(),
    ) -> None:
        super().__init__(board, deadlines)
        self._collect = text
        self._text, self._until = b"", 0.0

    def _most(self) -> int:
        return MAX_READERS

    def _turned(self, listen: str | None, address: tuple[str, int] | None) -> None:
        self._board.warn("metrics", exposed(listen))
        for line in exposed(listen):
            log.warning(line)

    async def _answer(self, request: Request) -> Answer | Bytes:
        return metrics_alone(self._fresh, request.method, request.target)

    def _fresh(self) -> bytes:
        now = trio.current_time()
        if now >= self._until:
            self._text, self._until = self._collect(), now + FRESH_SECONDS
        return self._text
