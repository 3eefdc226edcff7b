"""The addresses that an operator typed: who is behind them, and whether they lead there."""

from __future__ import annotations

from collections.abc import Mapping

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


class Bootstraps:
    """Warns of a bootstrap that fails: once for each address and cause, until it works.

    What others tell fails as well, and is nobody's mistake; these an operator can correct.
    """

    def __init__(self) -> None:
        self._causes: dict[tuple[bytes, str], str | None] = {}

    def add(self, peer: bytes, address: str) -> None:
        """``address``: a multiaddr without the peer id of ``peer`` (32-byte public key)."""
        self._causes[peer, address] = None

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
