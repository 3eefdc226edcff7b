"""The page's own port: who is let in, and headers that keep other pages out."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import structlog
import trio

from peerd.dashboard import shell
from peerd.dashboard.access import SESSION_SECONDS, Access
from peerd.dashboard.files import served
from peerd.dashboard.guard import Place, Refused, refused, session
from peerd.dashboard.pages import Found, Pages
from peerd.dashboard.sources import Sources
from peerd.status.http import Deadlines
from peerd.status.routes import Bytes, Request
from peerd.status.tcp_port import TcpPort

if TYPE_CHECKING:
    from trio_typing import TaskStatus  # as in peerd/status/server.py

MAX_VIEWERS = 32
"""Connections. A browser opens up to six for a tab."""
HTML = "text/html; charset=utf-8"
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
HEADERS = (
    ("content-security-policy", POLICY),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
)
"""Of every answer, beside ``cache-control: no-store``."""
NOT_ENTERED = "this address lets nobody in, or not any more"

log = structlog.get_logger(__name__)


class DashboardPort(TcpPort):
    """Run it in a nursery; then it can be pointed at sockets."""

    name = "dashboard"

    def __init__(self, sources: Sources, deadlines: Deadlines = Deadlines()) -> None:
        super().__init__(sources.board, deadlines)
        self._access = Access(trio.current_time)
        self._pages = Pages(sources)
        self._place: Place | None = None

    async def run(self, *, task_status: TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._pages.run)
            await nursery.start(super().run)
            task_status.started()

    def address(self) -> str | None:
        """An address that lets its reader in once; None where nothing is served."""
        if self._place is None:
            return None
        return f"{self._place.url}/enter?token={self._access.token()}"

    def _most(self) -> int:
        return MAX_VIEWERS

    def _turned(self, listen: str | None, address: tuple[str, int] | None) -> None:
        self._place = None if address is None else Place(*address)

    async def _answer(self, request: Request) -> Bytes:
        place = self._place
        if place is None:
            return _denied(Refused(503, "the page has just been switched off"))
        if (why := refused(request, place)) is not None:
            return _denied(why)
        try:
            parts = urlsplit(request.target)
            query = parse_qs(parts.query, keep_blank_values=True, max_num_fields=8)
        except ValueError:
            return _denied(Refused(400, "this is no address"))
        if parts.path.startswith("/static/"):
            return _file(parts.path.removeprefix("/static/"))
        if parts.path == "/enter":
            return self._enter(request, query.get("token", [""])[-1], place)
        if not self._has_entered(request, place):
            return _denied(Refused(403, "who sees this page must have entered it"))
        return await self._page(parts.path, {name: each[-1] for name, each in query.items()})

    def _has_entered(self, request: Request, place: Place) -> bool:
        shown = session(request, place)
        return shown is not None and self._access.admits(shown)

    def _enter(self, request: Request, token: str, place: Place) -> Bytes:
        """A token is spent by GET alone: HEAD is how others look whether a link is alive. Whoever
        comes back with a spent one, and is inside already, is led on.
        """
        entered = self._access.enter(token) if request.method == "GET" else None
        if entered is None and self._has_entered(request, place):
            return _answer(b"", status=303, more=(("location", "/"),))
        if entered is None:
            return _denied(Refused(403, NOT_ENTERED))
        cookie = f"{place.cookie}={entered}; HttpOnly; SameSite=Strict; Path=/"
        lasting = f"{cookie}; Max-Age={SESSION_SECONDS:.0f}"
        return _answer(b"", status=303, more=(("location", "/"), ("set-cookie", lasting)))

    async def _page(self, path: str, query: dict[str, str]) -> Bytes:
        """A fault of one page's is that page's, and must not end the daemon."""
        try:
            found = await self._pages.find(path, query)
        except Exception:
            log.exception("a page failed", path=path)
            return _denied(Refused(500, "a fault of peerd: the daemon's log has it"))
        if found is None:
            return _denied(Refused(404, "there is no such page"))
        return _made(found)


def _made(found: Found) -> Bytes:
    if isinstance(found, bytes):
        return _answer(found, kind="application/json")
    return _answer(found.encode())


def _file(name: str) -> Bytes:
    found = served(name)
    if found is None:
        return _denied(Refused(404, "there is no such file"))
    return _answer(found[0], kind=found[1])


def _denied(why: Refused) -> Bytes:
    """A page of its own. A part that asks is told to load the whole anew, which shows it."""
    more = (("hx-refresh", "true"),) if why.status == 403 else ()
    if why.status == 405:
        more = (("allow", "GET, HEAD"),)
    return _answer(shell.denied(why).encode(), status=why.status, more=more)


def _answer(
    data: bytes, kind: str = HTML, status: int = 200, more: tuple[tuple[str, str], ...] = ()
) -> Bytes:
    return Bytes(data, kind, status, (*HEADERS, *more))
