"""Who has signed a genesis: adding one's own signature, and bringing those of others together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

from peerd.errors import GroupError
from peerd.group import fields as rules
from protocols.errors import WireError
from protocols.hashing import digest
from protocols.plan import LARGEST_GROUP
from protocols.ports import SIGNATURE_BYTES
from protocols.wire.canonical import Value, pack, unpack

if TYPE_CHECKING:
    from peerd.group.genesis import Genesis
    from peerd.identity import Identity

MAX_SIGNATURES_BYTES = 64 + 2 * LARGEST_GROUP * (SIGNATURE_BYTES + 32 + 8)
"""Of a packed list: a successor is signed by old keys as well."""


def sign(genesis: Genesis, identity: Identity) -> Genesis:
    """The same genesis with the member's signature. GroupError if it isn't a member."""
    if identity.public not in genesis.signers:
        genesis.index(identity.public)
    key = SigningKey(identity.secret.reveal())
    signature = key.sign(_signed_bytes(genesis.group_id)).signature
    return replace(genesis, signatures={**genesis.signatures, identity.public: signature})


def verifies(group: bytes, public: bytes, signature: bytes) -> bool:
    """Whether this is the signature of ``public`` on the genesis of ``group``."""
    try:
        VerifyKey(public).verify(_signed_bytes(group), signature)
    except BadSignatureError:
        return False
    return True


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


def packed(signatures: Mapping[bytes, bytes]) -> bytes:
    """Pairs of key and signature, for the wire."""
    return pack(pairs(signatures))


def pairs(signatures: Mapping[bytes, bytes]) -> list[Value]:
    """In the one order that is canonical."""
    return [[public, signatures[public]] for public in sorted(signatures)]


def from_pairs(value: object) -> dict[bytes, bytes]:
    """The inverse of ``pairs``, in any order. GroupError."""
    found: dict[bytes, bytes] = {}
    for pair in value if isinstance(value, list) else [None]:
        match pair:
            case [bytes() as public, bytes() as signature] if public not in found:
                found[public] = signature
            case _:
                raise rules.refused("signatures", "must be distinct pairs of key and signature")
    return found


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


def _signed_bytes(group: bytes) -> bytes:
    return digest("peerd/genesis signature", group)
