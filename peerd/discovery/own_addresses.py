"""Where others can reach this host, as far as it can tell by itself."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterable, Sequence

import structlog

from peerd.discovery.interfaces import InterfaceAddress, interface_addresses
from peerd.discovery.records import MAX_ADDRESSES

log = structlog.get_logger(__name__)

NOWHERE = (
    "this peer publishes no address: others reach it only by its own dialling; connect the machine,"
    " set 'announce' or 'relays', or say 'announce = []' if it is meant"
)


def published(
    listening: Sequence[str], announce: Sequence[str] | None, circuits: Sequence[str]
) -> tuple[str, ...]:
    """What a peer's record has: what is announced (None: what it listens on), then the circuits."""
    direct = reachable(listening) if announce is None else tuple(announce)
    return tuple(dict.fromkeys((*direct[: MAX_ADDRESSES - len(circuits)], *circuits)))


def reachable(listening: Sequence[str]) -> tuple[str, ...]:
    """The addresses to publish: a wildcard becomes those of this machine's interfaces."""
    found: list[str] = []
    for address in listening:
        family, text, _, port = address.strip("/").split("/")
        hosts = [text]
        if ipaddress.ip_address(text).is_unspecified:
            hosts = own_hosts(family)
        found += [f"/{family}/{host}/tcp/{port}" for host in hosts]
    return tuple(dict.fromkeys(found))


def own_hosts(family: str) -> list[str]:
    """Of ``ip4`` or ``ip6``: the one on the default route, if there is one, then the others'.

    No loopback: there the others would find themselves. No link-local address of IPv6, which means
    nothing without the other machine's interface. A bridge, which on most machines is Docker's and
    has the same address on all of them, an IPv4 link-local address and a temporary one of IPv6
    count only where there is nothing else.
    """
    version = int(family[-1])
    found = [
        each
        for each in interface_addresses()
        if (host := ipaddress.ip_address(each.host)).version == version
        and not (host.is_loopback or host.is_unspecified or host.is_multicast)
        and not (version == 6 and host.is_link_local)
    ]
    lasting = [each for each in found if not _second_choice(each)]
    first = default_route_address(family)
    known = {each.host for each in found}
    routed = [first] if first is not None and (first in known or not known) else []
    return list(dict.fromkeys([*routed, *_hosts(lasting or ([] if routed else found))]))


def _second_choice(each: InterfaceAddress) -> bool:
    return each.bridge or each.temporary or ipaddress.ip_address(each.host).is_link_local


def _hosts(found: Iterable[InterfaceAddress]) -> list[str]:
    return [each.host for each in found]


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
        host = str(probe.getsockname()[0])
    return None if ipaddress.ip_address(host.partition("%")[0]).is_loopback else host


class NoAddress:
    """Tells of a peer that publishes no address, and of the end of that: the log, and ``warn`` with
    what the status warns of.
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
