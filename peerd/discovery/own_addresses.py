"""Where others can reach this host, as far as it can tell by itself."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Sequence

import structlog

log = structlog.get_logger(__name__)


NOWHERE = (
    "this peer publishes no address, so that nobody can connect to it: it listens on every address"
    " and finds none of its own; set 'announce', or name one in 'listen'"
)


def reachable(listening: Sequence[str]) -> tuple[str, ...]:
    """The addresses to publish: a wildcard becomes the address of the default route."""
    found: list[str] = []
    for address in listening:
        family, text, _, port = address.strip("/").split("/")
        if ipaddress.ip_address(text).is_unspecified:
            ours = default_route_address(family)
            if ours is None:
                continue
            text = ours
        found.append(f"/{family}/{text}/tcp/{port}")
    return tuple(dict.fromkeys(found))


def default_route_address(family: str) -> str | None:
    """Our address on the default route; sends nothing (a UDP socket's connect is local)."""
    kind, target = (
        (socket.AF_INET, "192.0.2.1") if family == "ip4" else (socket.AF_INET6, "2001:db8::1")
    )
    with socket.socket(kind, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((target, 9))
        except OSError:
            return None
        return str(probe.getsockname()[0])


class Published:
    """What a peer publishes of itself. ``warn`` is told of a peer that publishes no address, and
    with nothing of one that does again.
    """

    def __init__(self) -> None:
        self.warn: Callable[[Sequence[str]], None] = lambda lines: None
        self._nowhere = False

    def saw(self, addresses: Sequence[str]) -> None:
        """The addresses as they are now."""
        nowhere = not addresses
        if nowhere == self._nowhere:
            return
        self._nowhere = nowhere
        self.warn([NOWHERE] if nowhere else [])
        if nowhere:
            log.warning(NOWHERE)
        else:
            log.info("this peer publishes addresses again", addresses=list(addresses))
