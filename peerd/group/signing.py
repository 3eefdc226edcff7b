"""Who has signed a genesis: adding one's own signature, and bringing those of others together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from peerd.errors import GroupError
from peerd.group.genesis import Genesis
from peerd.group.signatures import from_pairs, signature_of, verifies
from peerd.identity import Identity
from protocols.errors import WireError
from protocols.ports import SIGNATURE_BYTES
from protocols.wire.canonical import unpack


def sign(genesis: Genesis, identity: Identity) -> Genesis:
    """The same genesis with the member's signature. GroupError if it isn't a member."""
    if identity.public not in genesis.signers:
        genesis.index(identity.public)
    signature = signature_of(genesis.group_id, identity)
    return replace(genesis, signatures={**genesis.signatures, identity.public: signature})


def merge(genesis: Genesis, others: Iterable[Genesis]) -> Genesis:
    """One genesis with everybody's valid signatures, and all addresses, those of ``genesis`` before
    others. GroupError if the contents differ.
    """
    signatures, addresses = dict(genesis.signatures), dict(genesis.addresses)
    for other in others:
        if other.group_id != genesis.group_id:
            raise GroupError(
                f"these are two groups: {genesis.group_id.hex()[:16]}… and"
                f" {other.group_id.hex()[:16]}…",
                "sign copies of one genesis",
            )
        for public, signature in other.signatures.items():
            known = signatures.get(public)
            if known is None or not verifies(genesis.group_id, public, known):
                signatures[public] = signature
        addresses = {**other.addresses, **addresses}
    return replace(genesis, signatures=signatures, addresses=addresses)


def added(genesis: Genesis, told: bytes) -> Genesis:
    """With what a stranger told (``packed``), as far as it is missing and verifies."""
    try:
        given = from_pairs(unpack(told))
    except (WireError, GroupError):
        return genesis
    news = {
        public: given[public]
        for public in genesis.unsigned()
        if public in given
        and len(given[public]) == SIGNATURE_BYTES
        and verifies(genesis.group_id, public, given[public])
    }
    return replace(genesis, signatures={**genesis.signatures, **news}) if news else genesis
