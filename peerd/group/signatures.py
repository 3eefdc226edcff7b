"""Signatures of a genesis: made, verified, and as the wire and the file have them."""

from __future__ import annotations

from collections.abc import Mapping

from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

from peerd.group import fields as rules
from peerd.identity import Identity
from protocols.hashing import digest
from protocols.plan import LARGEST_GROUP
from protocols.ports import SIGNATURE_BYTES
from protocols.wire.canonical import Value, pack

MAX_SIGNATURES_BYTES = 64 + 2 * LARGEST_GROUP * (SIGNATURE_BYTES + 32 + 8)
"""Of a packed list: a successor is signed by old keys as well."""


def signature_of(group: bytes, identity: Identity) -> bytes:
    """The member's, on the genesis of ``group``."""
    signed: bytes = SigningKey(identity.secret.reveal()).sign(_signed_bytes(group)).signature
    return signed


def verifies(group: bytes, public: bytes, signature: bytes) -> bool:
    """Whether this is the signature of ``public`` on the genesis of ``group``."""
    try:
        VerifyKey(public).verify(_signed_bytes(group), signature)
    except BadSignatureError:
        return False
    return True


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


def _signed_bytes(group: bytes) -> bytes:
    return digest("peerd/genesis signature", group)
