"""Where members said, when the group was founded, that they can be reached: hints, not terms."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from peerd.config_values import is_tcp_address
from peerd.group import fields as rules
from peerd.identity import peer_id_of
from peerd.unusable import unusable


def check_addresses(found: Mapping[bytes, object], roster: Collection[bytes]) -> dict[bytes, str]:
    """A copy, by public key. GroupError."""
    checked: dict[bytes, str] = {}
    for public in sorted(found):
        address = found[public]
        if public not in roster:
            raise rules.refused("addresses", "hold one of somebody who is not in the roster")
        if not isinstance(address, str) or not is_address(address):
            raise rules.refused(
                "addresses",
                f"must look like /ip4/192.0.2.1/tcp/4001, not {rules.shown(address)}",
            )
        checked[public] = address
    return checked


def as_bootstraps(addresses: Mapping[bytes, str]) -> list[str]:
    """As an operator's file has them: ``/ip4/192.0.2.1/tcp/4001/p2p/<peer id>``."""
    return [f"{address}/p2p/{peer_id_of(public)}" for public, address in addresses.items()]


def is_address(text: str) -> bool:
    """Whether others can be told to connect there."""
    return unusable(text, others=True) is None and is_tcp_address(text, names=True)
