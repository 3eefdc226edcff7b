"""Addresses that are well formed, and that nobody can listen on or be reached at."""

from __future__ import annotations

import ipaddress

_ZONE = "names a zone, which is of one machine alone"
_INSTEAD = "use an address without one: a global one, or a unique local one (fd…)"


def unusable(address: str, *, others: bool) -> tuple[str, str] | None:
    """What is wrong with ``/ip4/HOST/…`` and what to do instead; None: nothing is, or it is a name.

    ``others``: it is where they connect to, and not where this peer listens.
    """
    if address.startswith("/ip6zone/") or "%" in address:
        return _ZONE, _INSTEAD
    try:
        host = ipaddress.ip_address(address.split("/")[2])
    except (IndexError, ValueError):
        return None
    if isinstance(host, ipaddress.IPv6Address):
        if host.ipv4_mapped is not None:
            return "is an IPv4 address written as IPv6", f"write /ip4/{host.ipv4_mapped}/…"
        if host.is_link_local:
            return "is link-local: it means nothing without a zone, and a zone is of one machine", (
                _INSTEAD.replace(" without one", "")
            )
    if host.is_multicast:
        return "is a multicast address", "name an address of one machine"
    if isinstance(host, ipaddress.IPv4Address) and host.is_reserved:
        what = "the broadcast address" if host == _BROADCAST else "reserved, and no machine's"
        return f"is {what}", "name an address of one machine"
    if others and host.is_unspecified:
        return "means every address of this machine, and none to the others", (
            "name the one at which they reach it"
        )
    return None


_BROADCAST = ipaddress.IPv4Address("255.255.255.255")
