"""The addresses that an operator typed: who is behind them, and whether they lead there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import structlog
from multiaddr import Multiaddr

from peerd.errors import ConfigError
from peerd.transport.names import libp2p_id

log = structlog.get_logger(__name__)


def split(address: str) -> tuple[str, str]:
    """``/…/p2p/<peer id>`` as its multiaddr and peer id. ConfigError."""
    try:
        maddr = Multiaddr(address)
        peer_id = str(maddr.get_peer_id())
        return str(maddr.decapsulate(Multiaddr(f"/p2p/{peer_id}"))), peer_id
    except Exception as error:  # multiaddr's parser raises many kinds
        raise ConfigError(
            f"bootstrap address {address!r} can't be read: {error}",
            "write it as /ip4/192.0.2.1/tcp/4001/p2p/<peer id>",
        ) from error


def members_behind(bootstrap: Iterable[str], roster: Iterable[bytes]) -> list[tuple[bytes, str]]:
    """(public key, multiaddr without the peer id) of each. ConfigError for one of no member."""
    known = {str(libp2p_id(public)): public for public in roster}
    found: list[tuple[bytes, str]] = []
    for address in bootstrap:
        where, peer_id = split(address)
        if peer_id not in known:
            raise ConfigError(
                f"peer {peer_id} of 'bootstrap' or 'relays' is not in the group's roster",
                "those are the group's own members",
            )
        found.append((known[peer_id], where))
    return found


class Bootstraps:
    """Warns of a bootstrap that fails: once for each address and cause, until it works.

    What others tell fails as well, and is nobody's mistake; these an operator can correct.
    """

    def __init__(self) -> None:
        self._causes: dict[tuple[bytes, str], str | None] = {}

    def add(self, peer: bytes, address: str) -> None:
        """``address``: a multiaddr without the peer id of ``peer`` (32-byte public key)."""
        self._causes[peer, address] = None

    def forget(self) -> None:
        """Others are to be named; what fails of those is news."""
        self._causes.clear()

    def failed(self, peer: bytes, causes: Mapping[str, str]) -> None:
        """A dial of ``peer`` has failed; ``causes``: by multiaddr, in words."""
        for address, cause in causes.items():
            if self._causes.get((peer, address), cause) != cause:
                self._causes[peer, address] = cause
                log.warning(
                    "a bootstrap does not lead to its peer",
                    address=f"{address}/p2p/{libp2p_id(peer)}",
                    cause=cause,
                )

    def connected(self, peer: bytes) -> None:
        """Whatever fails from now on is news."""
        for known in self._causes:
            if known[0] == peer:
                self._causes[known] = None
