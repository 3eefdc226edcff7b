"""Which requests are answered at all: those of a browser that shows this very page.

A page of somebody else's can make a browser ask any address of this machine. By a name of its own
that leads to 127.0.0.1 it could even read the answer (DNS rebinding); so Host must be exactly where
this page is. Origin and Sec-Fetch-Site, where a browser says them, tell whose page it was.
"""

from __future__ import annotations

from dataclasses import dataclass

from peerd.status.routes import Request

HTTP_PORT = 80
_FETCHED_BY = frozenset({"same-origin", "none"})


@dataclass(frozen=True, slots=True)
class Place:
    """Where the page is. ``host``: an address, without brackets."""

    host: str
    port: int

    @property
    def hosts(self) -> frozenset[str]:
        """What Host may be."""
        written = f"[{self.host}]" if ":" in self.host else self.host
        names = (written, "localhost")
        bare = names if self.port == HTTP_PORT else ()
        return frozenset({*(f"{name}:{self.port}" for name in names), *bare})

    @property
    def url(self) -> str:
        written = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{written}:{self.port}"

    @property
    def cookie(self) -> str:
        """Its name. Cookies of one host are the same for all its ports: each daemon has its own."""
        return f"peerd_{self.port}"


@dataclass(frozen=True, slots=True)
class Refused:
    """``status`` and a line for whoever asked."""

    status: int
    why: str


def refused(request: Request, place: Place) -> Refused | None:
    """Why this is not answered; None where it may be."""
    if request.method not in ("GET", "HEAD"):
        return Refused(405, "everything here is read-only: GET and HEAD")
    if not request.target.startswith("/"):
        return Refused(400, "a request's target begins with /")
    hosts = _all(request, "host")
    if len(hosts) != 1 or hosts[0].lower() not in place.hosts:
        return Refused(421, f"this page is at {place.url} and under no other name")
    origins = [f"http://{host}" for host in place.hosts]
    if any(origin.lower() not in origins for origin in _all(request, "origin")):
        return Refused(403, "another page asked for this")
    if any(site not in _FETCHED_BY for site in _all(request, "sec-fetch-site")):
        return Refused(403, "another page led here: type or paste the address")
    return None


def session(request: Request, place: Place) -> str | None:
    """What the cookie of this page holds."""
    for line in _all(request, "cookie"):
        for pair in line.split(";"):
            name, _, value = pair.strip().partition("=")
            if name == place.cookie:
                return value
    return None


def _all(request: Request, name: str) -> list[str]:
    return [value for found, value in request.headers if found == name]
