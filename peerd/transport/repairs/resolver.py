"""From a name to addresses, by the machine's own resolver: /etc/hosts, mDNS, search domains, DNS.

The library resolves ``/dns…`` with a DNS client of its own
(``libp2p.utils.dns_utils.resolve_multiaddr_with_retry``), so that a name which ``ping`` finds was
unknown to the daemon.
"""

from __future__ import annotations

import socket
from typing import Any

import trio
from multiaddr import Multiaddr

_FAMILIES = {"dns": socket.AF_UNSPEC, "dns4": socket.AF_INET, "dns6": socket.AF_INET6}
_AT_ONCE = 8  # each look-up is a thread that can't be stopped; the store needs threads too


class Resolver:
    """Resolves ``/dns``, ``/dns4`` and ``/dns6``; every other address stands for itself.

    ``most``: addresses of one name that are used. ``seconds``: how long a look-up may take.
    """

    def __init__(self, most: int, seconds: float) -> None:
        self._most = most
        self._seconds = seconds
        self._slots = trio.CapacityLimiter(_AT_ONCE)

    async def resolve(self, address: Multiaddr) -> list[Multiaddr]:
        """What ``address`` stands for, in the resolver's order; never empty.

        Raises socket.gaierror, or UnicodeError, for a name that is not known.
        """
        parts = str(address).split("/")
        family = _FAMILIES.get(parts[1])
        if family is None:
            return [address]
        answers = await self._look_up(parts[2], family)
        hosts = dict.fromkeys((kind, str(where[0])) for kind, _, _, _, where in answers)
        found = [
            Multiaddr("/".join(["", "ip6" if kind == socket.AF_INET6 else "ip4", host, *parts[3:]]))
            for kind, host in hosts
            if "%" not in host  # link-local: it means nothing without this machine's interface
        ]
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "no address that can be reached from here")
        return found[: self._most]

    async def _look_up(self, host: str, family: int) -> list[Any]:
        with trio.move_on_after(self._seconds):
            async with self._slots:
                return await trio.socket.getaddrinfo(
                    host, None, family=family, type=socket.SOCK_STREAM
                )
        raise socket.gaierror(socket.EAI_AGAIN, "the look-up takes too long")
